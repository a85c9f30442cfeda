"""How a judge reads: a small trace whole in the first message, a large one as a map and on by tool.

Exploring makes short traces worse and dearer; whole long ones do not fit. The limit stands here alone, so that
measurement can move it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ..feedback import Coverage
from ..trace import Span, Trace
from . import text, tools
from .tools import get_span
from .tools.answer import Seen, size

WHOLE_BYTES = 40_000  # about 12,000 tokens
Mode: TypeAlias = Literal["auto", "whole", "explore"]


@dataclass(frozen=True, slots=True)
class Opening:
    """What the judge is shown of the trace before it asks."""

    text: str
    whole: bool
    seen: tuple[Seen, ...] = ()


def open_trace(trace: Trace, mode: Mode) -> Opening:
    """The first sight of the trace, the same for every judge that reads it in this mode."""
    if mode == "explore":
        return _map(trace)
    limit = WHOLE_BYTES if mode == "auto" else None
    if limit is not None and len(trace) * 60 > limit:  # a line for each span is too much already
        return _map(trace)
    lines, used = list[str](), 0
    for line in _whole(trace):
        lines.append(line)
        used += size(line) + 1
        if limit is not None and used > limit:
            return _map(trace)
    seen = tuple(Seen(span.span_id, path, 0, len(said)) for span in trace.spans for path, said in text.fields(span))
    return Opening("\n".join(lines), whole=True, seen=seen)


def _map(trace: Trace) -> Opening:
    parts = (f"{name}:\n{tools.call(name, trace, {})}" for name in ("get_trace_info", "list_spans"))
    return Opening("\n\n".join(parts), whole=False)


def _whole(trace: Trace) -> Iterator[str]:
    yield tools.call("get_trace_info", trace, {})
    named: set[object] = set()
    for _, span in trace.walk():
        yield ""
        yield get_span.title(trace, span)
        for said in text.fields(span):
            yield get_span.whole(said)
        if span.origin not in named:  # spans of one origin have the same resource
            named.add(span.origin)
            for said in text.resource_fields(span):
                yield get_span.whole(said)


@dataclass(slots=True)
class Record:
    """What of the trace a judge has seen so far."""

    _pieces: dict[tuple[str, str], list[tuple[int, int]]] = field(
        default_factory=dict[tuple[str, str], list[tuple[int, int]]]
    )

    def add(self, seen: tuple[Seen, ...]) -> None:
        for span_id, path, start, end in seen:
            self._pieces.setdefault((span_id, path), []).append((start, end))

    def coverage(self, trace: Trace) -> Coverage:
        """Shares of spans and of text, without the resources; what was shown twice counts once."""
        spans = {span_id for span_id, _ in self._pieces}
        shown = total = 0
        for span in trace.spans:
            shown += self._shown(span) if span.span_id in spans else 0
            total += sum(len(said) for _, said in text.fields(span))
        return Coverage(len(spans) / max(1, len(trace)), shown / total if total else 1.0)

    def _shown(self, span: Span) -> int:
        return sum(_union(self._pieces.get((span.span_id, path), [])) for path, _ in text.fields(span))


def _union(pieces: list[tuple[int, int]]) -> int:
    covered = reached = 0
    for start, end in sorted(pieces):
        covered += max(0, end - max(start, reached))
        reached = max(reached, end)
    return covered
