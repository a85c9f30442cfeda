"""Which of many stored traces: conditions on a trace, and a sample that is the same every time.

    service=shop   name~^invoke_agent   attributes.http.route=/orders   duration>2s   start>=2026-01-31T12:00:00Z

A condition is a field, an operator and a value. Several have to hold together.
"""

from __future__ import annotations

import heapq
import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final, Protocol

from .attributes import AttributeValue
from .config_types import parse_duration
from .errors import ConfigError
from .trace import Trace
from .trajectory import target_of

ATTRIBUTES, RESOURCE = "attributes.", "resource."
TEXTS: Final = ("service", "name", "status", "agent", "model", "conversation", "trace_id")
NUMBERS: Final = ("duration", "spans", "start", "end")
_FIELDS: Final = f"{', '.join((*TEXTS, *NUMBERS))}, {ATTRIBUTES}KEY and {RESOURCE}KEY"
_CONDITION: Final = re.compile(r"\s*([A-Za-z_][^\s=~!<>]*)\s*(!=|!~|>=|<=|=|~|>|<)\s*(.*?)\s*", re.DOTALL)
_ORDERS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}
_UNIX: Final = re.compile(r"\d+(\.\d+)?")


class Condition(Protocol):
    def __call__(self, trace: Trace) -> bool: ...


@dataclass(frozen=True, slots=True)
class Where:
    """Conditions that a trace meets together. None at all: every trace does."""

    conditions: tuple[Condition, ...] = ()

    @classmethod
    def parse(cls, words: Iterable[str]) -> Where:
        """Of conditions as they are written. Raises `ConfigError` that names the one that is none."""
        return cls(tuple(map(_parse, words)))

    def __call__(self, trace: Trace) -> bool:
        return all(condition(trace) for condition in self.conditions)


def sample(traces: Iterable[Trace], n: int, seed: int = 0) -> list[Trace]:
    """`n` of the traces at random, in the order in which they came: those with the least hash of seed and trace id.

    The same ids give the same sample, in any order, and a smaller sample of the same seed is part of a larger one.
    Memory holds the sample alone.
    """
    drawn = ((_draw(trace.raw_trace_id, seed), number, trace) for number, trace in enumerate(traces))
    chosen = heapq.nsmallest(n, drawn, key=lambda each: each[:2])
    return [trace for _, _, trace in sorted(chosen, key=lambda each: each[1])]


def sample_conversations(traces: Iterable[Trace], n: int, seed: int = 0) -> list[Trace]:
    """As `sample`, but of whole conversations, until there are `n` traces or more; any other trace is one by itself."""
    chosen: dict[bytes, list[tuple[int, Trace]]] = {}
    last_first: list[tuple[bytes, bytes]] = []  # a heap: each draw, so that the largest comes first, and the draw
    count = 0
    for number, trace in enumerate(traces):
        conversation = target_of(trace, trace.root).conversation_id
        draw = _draw(conversation.encode(errors="replace") if conversation else trace.raw_trace_id, seed)
        if draw not in chosen:
            if count >= n and draw > last_first[0][1]:
                continue
            chosen[draw] = []
            heapq.heappush(last_first, (bytes(255 - byte for byte in draw), draw))
        chosen[draw].append((number, trace))
        count += 1
        while count - len(chosen[last_first[0][1]]) >= n:
            count -= len(chosen.pop(heapq.heappop(last_first)[1]))
    drawn = [each for traces_of_one in chosen.values() for each in traces_of_one]
    return [trace for _, trace in sorted(drawn, key=lambda each: each[0])]


def value_of(trace: Trace, field: str) -> str | None:
    """What a trace is put together with others by: of an attribute, that of the root, else the first that a span has.

    Raises `ConfigError` for a field that there is none of.
    """
    check_field(field)
    if field == "name":
        return trace.root.name
    if field.startswith((ATTRIBUTES, RESOURCE)):
        return next((_text(value) for value in _attribute(trace, field) if value is not None), None)
    target = target_of(trace, trace.root)
    own = {
        "service": target.service,
        "agent": target.agent,
        "model": target.model,
        "conversation": target.conversation_id,
        "trace_id": trace.trace_id,
        "status": trace.root.status_code,
    }
    return own[field]


def check_field(field: str) -> None:
    """Raises `ConfigError` for a field that traces cannot be put together by."""
    if field in TEXTS or (field.startswith((ATTRIBUTES, RESOURCE)) and not field.endswith(".")):
        return
    raise ConfigError(
        f"by {field}", "there is no such field", f"use {', '.join(TEXTS)}, {ATTRIBUTES}KEY or {RESOURCE}KEY"
    )


def _draw(identifier: bytes, seed: int) -> bytes:
    return blake2b(f"{seed} ".encode() + identifier, digest_size=8).digest()


def _parse(word: str) -> Condition:
    where = f"--where {word}"
    found = _CONDITION.fullmatch(word)
    if found is None:
        raise ConfigError(where, "not a condition", "write FIELD=VALUE, such as service=shop or duration>2s")
    field, sign, value = found.groups()
    if field in NUMBERS:
        return _number(where, field, sign, value)
    if field not in TEXTS and (not field.startswith((ATTRIBUTES, RESOURCE)) or field.endswith(".")):
        raise ConfigError(where, f"there is no field {field!r}", f"there are {_FIELDS}")
    if sign in ("~", "!~"):
        try:
            pattern = re.compile(value)
        except re.error as error:
            raise ConfigError(where, f"{value!r} is no pattern: {error}", "write a regular expression") from None
        return _any(field, lambda value: pattern.search(_text(value)) is not None, wanted=sign == "~")
    if sign in ("=", "!="):
        return _any(field, lambda given: _same(given, value), wanted=sign == "=")
    if field in TEXTS:
        raise ConfigError(where, f"{field} is text and has no order", "use =, !=, ~ or !~")
    limit, order = _finite(where, value), _ORDERS[sign]
    return _any(field, lambda given: (number := _as_number(given)) is not None and order(number, limit), wanted=True)


def _number(where: str, field: str, sign: str, value: str) -> Condition:
    if sign not in _ORDERS:
        raise ConfigError(where, f"{field} is a number and takes no pattern", "use =, !=, >, >=, < or <=")
    order = _ORDERS[sign]
    if field == "spans":
        spans = _finite(where, value)
        return lambda trace: order(len(trace), spans)
    if field == "duration":
        try:
            duration_ns = round(float(str(parse_duration(value))) * 1e9)
        except ValueError:
            raise ConfigError(where, f"{value!r} is not a duration", "write one such as 500ms, 2s or 1m30s") from None
        return lambda trace: order(trace.duration_ns, duration_ns)
    at_ns = _time_ns(where, value)
    return (
        (lambda trace: order(trace.start_ns, at_ns)) if field == "start" else lambda trace: order(trace.end_ns, at_ns)
    )


def _time_ns(where: str, value: str) -> int:
    try:
        if _UNIX.fullmatch(value):
            return round(float(value) * 1e9)
        found = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        raise ConfigError(where, f"{value!r} is not a time", "write RFC 3339 or Unix seconds") from None
    if found.tzinfo is None:
        raise ConfigError(where, f"{value!r} has no time zone", "end it with Z for UTC")
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def _finite(where: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(where, f"{value!r} is not a number", "compare with one, or use =")
    return number


def _any(field: str, holds: Callable[[AttributeValue], bool], *, wanted: bool) -> Condition:
    """Holds where any value of the field does; not `wanted`: where none does."""
    return lambda trace: any(map(holds, _values(trace, field))) is wanted


def _values(trace: Trace, field: str) -> Iterator[AttributeValue]:
    """All values that a trace has under a field: of its root, or of any span."""
    if field == "name":
        yield trace.root.name
    elif field == "service":
        yield from {span.service for span in trace.spans}
    elif field == "status":
        yield from {span.status_code for span in trace.spans}
    elif field.startswith((ATTRIBUTES, RESOURCE)):
        yield from _attribute(trace, field)
    else:
        yield value_of(trace, field)


def _attribute(trace: Trace, field: str) -> Iterator[AttributeValue]:
    """The root's first."""
    own, _, key = field.partition(".")
    for span in (trace.root, *trace.spans):
        held = span.attributes if f"{own}." == ATTRIBUTES else span.resource
        if key in held:
            yield held[key]


def _same(given: AttributeValue, value: str) -> bool:
    if given is not None and _text(given) == value:
        return True
    number = _as_number(given)
    try:
        return number is not None and number == float(value)
    except ValueError:
        return False


def _as_number(given: AttributeValue) -> float | None:
    return float(given) if isinstance(given, int | float) and not isinstance(given, bool) else None


def _text(given: AttributeValue) -> str:
    """As people write it: `true` and `false`, and nothing for no value."""
    if given is None:
        return ""
    return str(given).lower() if isinstance(given, bool) else str(given)
