"""How a judge reads: a small trace whole in the first message, a large one as a map and on by tool.

Exploring makes short traces worse and dearer; whole long ones do not fit. The limits stand here alone, so that
measurement can move them. What is read is the trajectory: raw spans repeat each message many times.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

from .. import dialects
from ..dialects.base import Blob
from ..feedback import Coverage
from ..trace import Span, Trace
from ..trajectory import failure_of, steps
from . import text, tools
from .tools.answer import Seen, size
from .tools.read_steps import pages
from .tools.step_text import StepText, body, units
from .trace_text import text_of

WHOLE_BYTES = 40_000  # about 12,000 tokens
_DETAILED_BYTES: Final = 20_000  # a trace within this is shown with every value of its spans
_HEAD_BYTES: Final = 5_000  # of the first steps in a map
_TAIL_BYTES: Final = 5_000  # of the last steps
_ERROR_BYTES: Final = 4_000  # of the steps at which something went wrong
_VALUE_BYTES: Final = 800  # of one value in a map
_ERROR_VALUE_BYTES: Final = 250

_STEPS = "Steps, each message, tool call and result once, where it first stands: number, who [span id path]"
Mode: TypeAlias = Literal["auto", "whole", "explore"]


@dataclass(frozen=True, slots=True)
class Opening:
    """What the judge is shown of the trace before it asks."""

    text: str
    whole: bool
    seen: tuple[Seen, ...] = ()


def open_trace(trace: Trace, mode: Mode) -> Opening:
    """The first sight of the trace, the same for every judge that reads it in this mode.

    `auto`: the whole trajectory if it fits into `WHOLE_BYTES`, else a map. A small one comes with every other value of
    its spans, such as attributes, which a longer one leaves to the tools. Worked out once a trace.
    """
    return trace.once((open_trace, mode), lambda: _first_sight(trace, mode))


def _first_sight(trace: Trace, mode: Mode) -> Opening:
    if mode == "explore":
        return _map(trace)
    detailed = _whole(trace, _DETAILED_BYTES, details=True)
    if detailed is not None:
        return detailed
    return _whole(trace, WHOLE_BYTES if mode == "auto" else None, details=False) or _map(trace)


def _whole(trace: Trace, limit: int | None, *, details: bool) -> Opening | None:
    """All steps; None if they do not fit into `limit` bytes."""
    info = tools.answer("get_trace_info", trace, {})
    writer = StepText(trace, None, details)
    lines = [info.text, "", _STEPS]
    used = sum(size(line) + 1 for line in lines)
    for number in range(1, len(steps(trace)) + 1):
        line = writer.write(number)
        used += size(line) + 1
        if limit is not None and used > limit:
            return None
        lines.append(line)
    return Opening("\n".join(lines), whole=True, seen=(*info.seen, *writer.seen))


def _map(trace: Trace) -> Opening:
    """Info, the folded tree, where the trajectory begins and ends, and every error."""
    sections, seen = list[str](), list[Seen]()
    for name in ("get_trace_info", "list_spans"):
        answer = tools.answer(name, trace, {})
        sections.append(f"{name}:\n{answer.text}")
        seen += answer.seen
    total = len(steps(trace))
    first, shown = pages(trace, range(1, total + 1), _HEAD_BYTES, _VALUE_BYTES)
    seen += shown
    last, shown = _last(trace, range(len(first) + 1, total + 1))
    seen += shown
    left = total - len(first) - len(last)
    gap = [f"… {left} steps left out; next: read_steps start={len(first) + 1}"] if left else []
    sections.append("\n".join([f"read_steps: {total} steps. {_STEPS}", *first, *gap, *last]))
    errors, shown = _errors(trace, range(len(first) + 1, total - len(last) + 1))
    seen += shown
    if errors:
        sections.append("\n".join(errors))
    return Opening("\n\n".join(sections), whole=False, seen=tuple(seen))


def _last(trace: Trace, numbers: Sequence[int]) -> tuple[list[str], list[Seen]]:
    lines, seen, room = list[str](), list[Seen](), _TAIL_BYTES
    for number in reversed(numbers):
        writer = StepText(trace, _VALUE_BYTES)
        line = writer.write(number)
        room -= size(line) + 1
        if room < 0:
            break
        lines.append(line)
        seen += writer.seen
    return lines[::-1], seen


def _errors(trace: Trace, between: Sequence[int]) -> tuple[list[str], list[Seen]]:
    """Steps that failed among those that the map leaves out."""
    told = steps(trace).steps
    failed = [number for number in between if failure_of(told[number - 1]) is not None]
    if not failed:
        return [], []
    lines, seen = pages(trace, failed, _ERROR_BYTES, _ERROR_VALUE_BYTES)
    left = len(failed) - len(lines)
    more = [f"… {left} more; next: read_steps only=errors start={failed[len(lines)]}"] if left else []
    return [f"Steps left out above at which something went wrong: {len(failed)}", *lines, *more], seen


@dataclass(slots=True)
class Record:
    """What of the trace a judge has seen so far."""

    _seen: dict[tuple[str, str], list[tuple[int, int]]] = field(
        default_factory=dict[tuple[str, str], list[tuple[int, int]]]
    )

    def add(self, seen: tuple[Seen, ...]) -> None:
        for span_id, path, start, end in seen:
            self._seen.setdefault((span_id, path), []).append((start, end))

    def share(self, wanted: Sequence[Seen]) -> float:
        """How much of these pieces of text was shown, where they stand, from 0 to 1."""
        seen = {
            place: _Stretches(self._seen.get(place, ())) for place in {(each.span_id, each.path) for each in wanted}
        }
        shown = sum(seen[each.span_id, each.path].overlap(each.start, each.end) for each in wanted)
        return shown / max(1, sum(each.end - each.start for each in wanted))

    def is_complete(self, trace: Trace) -> bool:
        """Whether all was shown but images and other blobs."""
        tally = self._tally(trace)
        return tally.shown >= tally.total - tally.blobs

    def characters(self) -> dict[str, int]:
        """Characters that were shown, by span id; a stretch that was shown twice counts once."""
        shown: dict[str, int] = {}
        for (span_id, _), stretches in self._seen.items():
            shown[span_id] = shown.get(span_id, 0) + _Stretches(stretches).length
        return shown

    def coverage(self, trace: Trace) -> Coverage:
        """Shares of spans and of text, without the resources; what was shown twice counts once.

        A part of a conversation, or a value of a tool, that was shown in full counts as seen wherever the trace repeats
        it; and a span all of whose conversation was shown so counts as seen. Images and other blobs are never seen.
        """
        tally = self._tally(trace)
        text_share = tally.shown / tally.total if tally.total else 1.0
        return Coverage(tally.spans / max(1, len(trace)), text_share)

    def _tally(self, trace: Trace) -> _Tally:
        seen = {place: _Stretches(stretches) for place, stretches in self._seen.items()}
        spans = {span_id for span_id, _ in seen}
        known: set[str] = set()
        told_of = {span_id: list(_told(trace.by_id[span_id])) for span_id in spans & trace.by_id.keys()}
        for span_id, told in told_of.items():
            for piece in told:
                if piece.repeatable and _overlap(seen, span_id, piece) == piece.length:
                    known.add(piece.body)
        shown = total = blobs = 0
        for span, length in zip(trace.spans, text_of(trace).characters, strict=True):
            told = told_of[span.span_id] if span.span_id in told_of else list(_told(span))
            # Of a span that was not shown itself, only what others repeat can count: the rest need not be read.
            pieces = list(_pieces(span, told)) if span.span_id in spans else told
            breaks = len(told) - len({piece.path for piece in told})  # between the parts of a conversation
            total += length - breaks + sum(piece.unread for piece in told)
            blobs += sum(piece.length + piece.unread for piece in told if piece.blob)
            repeatable = [piece for piece in told if piece.repeatable]
            if repeatable and all(piece.body in known for piece in repeatable):
                spans.add(span.span_id)
            shown += sum(
                piece.length if piece.repeatable and piece.body in known else _overlap(seen, span.span_id, piece)
                for piece in pieces
            )
        return _Tally(len(spans & trace.by_id.keys()), shown, total, blobs)


class _Tally(NamedTuple):
    """Spans that were shown; and in characters the text that was shown, all text, and what of it is blobs."""

    spans: int
    shown: int
    total: int
    blobs: int


class _Piece(NamedTuple):
    """A stretch of a span's text, in characters."""

    path: str
    start: int
    length: int
    body: str
    """What it says, without its role unless that is all."""
    repeatable: bool = False
    """It is of a conversation or a tool, which traces repeat."""
    unread: int = 0
    """Of a blob: bytes that its text does not show."""
    blob: bool = False


class _Stretches:
    """Stretches of one value, joined, in order."""

    def __init__(self, stretches: Sequence[tuple[int, int]]) -> None:
        self._starts, self._ends = list[int](), list[int]()
        for start, end in sorted(stretches):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(end, self._ends[-1])
            else:
                self._starts.append(start)
                self._ends.append(end)

    @property
    def length(self) -> int:
        """How many characters they hold."""
        return sum(self._ends) - sum(self._starts)

    def overlap(self, start: int, end: int) -> int:
        """How many characters of that stretch they hold."""
        found = 0
        for index in range(max(0, bisect_right(self._starts, start) - 1), len(self._starts)):
            if self._starts[index] >= end:
                break
            found += max(0, min(end, self._ends[index]) - max(start, self._starts[index]))
        return found


def _overlap(seen: dict[tuple[str, str], _Stretches], span_id: str, piece: _Piece) -> int:
    stretches = seen.get((span_id, piece.path))
    return 0 if stretches is None or piece.blob else stretches.overlap(piece.start, piece.start + piece.length)


def _told(span: Span) -> Iterator[_Piece]:
    """The span's conversation and the values of its tool."""
    content = dialects.read(span)
    for path in ("input", "output"):
        for unit in units(span, path):
            length = unit.end - unit.start
            if isinstance(unit.part, Blob):
                unread = max(0, (unit.part.size or 0) - length)
                yield _Piece(path, unit.start, length, "", unread=unread, blob=True)
            else:
                yield _Piece(path, unit.start, length, body(unit.part) or unit.told, repeatable=True)
    if content.tool is not None:
        for path, value in (("tool.arguments", content.tool.arguments), ("tool.result", content.tool.result)):
            if value:
                said = text.clean(text.readable(value))
                yield _Piece(path, 0, len(said), said, repeatable=True)


def _pieces(span: Span, told: Sequence[_Piece]) -> Iterator[_Piece]:
    """All pieces of the span's text."""
    yield from told
    for path, said in text.fields(span):
        if path not in _TOLD:
            yield _Piece(path, 0, len(said), said)


_TOLD = frozenset({"input", "output", "tool.arguments", "tool.result"})
