"""What a check is, and how it says what it found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import ClassVar, Final, Protocol

from ..config import CheckConfig
from ..feedback import Evidence, Value
from ..trace import Span, Trace
from ..trajectory import Place

MAX_QUOTE: Final = 300  # characters
MAX_EVIDENCE: Final = 10  # quotes


@dataclass(frozen=True, slots=True)
class Grade:
    """What a check found. `passed` is None where the trace does not hold what the check needs."""

    passed: bool | None
    rationale: str
    evidence: tuple[Evidence, ...] = ()
    detail: dict[str, Value] = field(default_factory=dict[str, Value])


def passes(rationale: str, evidence: tuple[Evidence, ...] = (), detail: dict[str, Value] | None = None) -> Grade:
    return Grade(passed=True, rationale=rationale, evidence=evidence, detail=detail or {})


def fails(rationale: str, evidence: tuple[Evidence, ...], detail: dict[str, Value] | None = None) -> Grade:
    return Grade(passed=False, rationale=rationale, evidence=evidence, detail=detail or {})


def not_judgeable(reason: str, detail: dict[str, Value] | None = None) -> Grade:
    """The trace does not hold what the check needs."""
    return Grade(passed=None, rationale=reason, detail=detail or {})


class Check(Protocol):
    """A scorer in code. Built from its section of the config; it keeps nothing between traces."""

    name: ClassVar[str]

    @property
    def version(self) -> str:
        """Short hash of all that decides the grade: the settings and the code's own version."""
        ...

    def grade(self, trace: Trace) -> Grade: ...


def version_of(section: CheckConfig, code_version: int) -> str:
    """8 hex digits. A check raises its `code_version` when the same trace may get another grade."""
    text = f"{code_version} {section.model_dump_json()}"
    return blake2b(text.encode(), digest_size=4).hexdigest()


def quote(text: str, place: Place) -> Evidence:
    """The beginning of a text as evidence.

    Whoever shows a text undoes the escapes of JSON strings, so a quote from JSON ends before the first escape:
    it stands in the text as it was written and as it is shown.
    """
    if text.lstrip()[:1] in ("{", "[", '"'):
        text = text.partition("\\")[0]
    return Evidence(place.span_id, text[:MAX_QUOTE], place.path)


def quote_name(span: Span) -> tuple[Evidence, ...]:
    """A span itself as evidence, by its name: for facts that are no text, such as a duration."""
    return (Evidence(span.span_id, span.name[:MAX_QUOTE], "name"),) if span.name else ()


def some(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The first quotes that say anything."""
    telling = (each for each in evidence if each.quote)
    return tuple(each for each, _ in zip(telling, range(MAX_EVIDENCE), strict=False))


def counted(number: int, noun: str) -> str:
    """`1 call`, `1,204 calls`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
