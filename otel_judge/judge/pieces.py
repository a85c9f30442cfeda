"""All text of a trace in pieces, for judges that must read every part of it.

Spans come in the order of their tree. A span opens with what it was given and all its other values; what is below it
follows; what it gave comes last. What a conversation repeats is shown where it first stands. Nothing is cut away: a
value that does not fit goes on in the next piece, which shows the end of the last one again, so that no key or number
is torn apart between two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from .. import dialects
from ..dialects.base import Role
from ..trace import OriginView, Span, Trace
from . import text
from .tools.answer import Seen, cut, head, size
from .tools.outline import duration
from .tools.step_text import body, laid, units

PIECE_BYTES: Final = 36_000  # even at two bytes a token, as of dense text, a request with it holds 25,000 tokens
OVERLAP: Final = 200  # characters of a value that are shown again where it goes on
_KEPT_WHOLE: Final = 4_000  # characters of a value that rather starts a new piece than being torn
_LEAST: Final = 2_000  # bytes in which a long value begins
_PATH: Final = 150  # characters of a path that are shown
_LABEL: Final = 4 * _PATH + 150  # bytes at most before a value: its path, and which part of it that is
_SHORT: Final = 300  # characters below which an answer is shown again rather than named
_LAST: Final = frozenset({"output", "tool.result"})  # what a span gave


class Piece(NamedTuple):
    """A stretch of the trace's text."""

    text: str
    seen: tuple[Seen, ...]
    """What of the trace stands in it."""
    first: str
    """Id of the span with which it begins."""
    last: str
    """Id of the span with which it ends."""


def pieces_of(trace: Trace) -> Sequence[Piece]:
    """The trace's text in order, each piece within `PIECE_BYTES`: the same for every judge. Worked out once a trace."""
    return trace.once(pieces_of, lambda: _Teller(trace).tell())


class _Teller:
    """Puts the text of a trace in order."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._cutter = _Cutter()
        self._first: dict[str, tuple[str, str]] = {}
        """Where each part of a conversation, or value of a tool, first stands."""
        self._origins: set[OriginView] = set()
        self._service = trace.root.service if trace.spans else None

    def tell(self) -> Sequence[Piece]:
        above: list[Span] = []
        for depth, span in self._trace.walk():
            self._close(above, depth)
            self._open(span)
            above.append(span)
        self._close(above, 0)
        return self._cutter.done()

    def _open(self, span: Span) -> None:
        self._cutter.enter(span.span_id, self._title(span))
        has_more = bool(self._trace.children(span))
        for path, said in text.fields(span):
            if not has_more or path not in _LAST:
                self._value(span, path, said)
        if span.origin not in self._origins:
            self._origins.add(span.origin)
            for path, said in text.resource_fields(span):
                self._cutter.value(path, said, 0, len(said))

    def _close(self, above: list[Span], depth: int) -> None:
        """Ends the spans from that depth down."""
        while len(above) > depth:
            span = above.pop()
            if not self._trace.children(span):
                continue
            given = [each for each in text.fields(span) if each.path in _LAST]
            if given:
                self._cutter.enter(span.span_id, f"span {span.span_id} · at its end")
            for path, said in given:
                self._value(span, path, said)

    def _value(self, span: Span, path: str, said: str) -> None:
        if path in ("input", "output"):
            self._conversation(span, path, said)
        elif not path.startswith("tool.") or self._is_new(span, path, said, ""):
            self._cutter.value(path, said, 0, len(said))

    def _conversation(self, span: Span, path: str, said: str) -> None:
        repeated = 0
        for unit in units(span, path):
            spoken = body(unit.part) or unit.told
            if path == "output":
                new = self._is_new(span, path, spoken, said[unit.start : unit.body])  # with who says it
            else:
                new = spoken not in self._first
                self._first.setdefault(spoken, (span.span_id, path))
                repeated += not new
            if new:
                self._cutter.value(path, said, unit.start, unit.end)
        if repeated:
            self._cutter.line(f"{path}: {repeated} parts more, which were shown before")

    def _is_new(self, span: Span, path: str, spoken: str, start: str) -> bool:
        """Whether an answer is to be shown; one that is long and was shown before is named instead."""
        span_id, at = self._first.setdefault(spoken, (span.span_id, path))
        if (span_id, at) == (span.span_id, path) or len(spoken) < _SHORT:
            return True
        told = cut(f"{start}the same {len(spoken)} characters", _PATH)
        self._cutter.line(f"{path}: {told} as in span {span_id} at {at}")
        return False

    def _title(self, span: Span) -> str:
        role = dialects.read(span).role
        facts = [f"span {span.span_id}"]
        facts += [role.value] if role is not Role.OTHER else []
        facts += [span.kind.lower()] if span.kind not in ("INTERNAL", "UNSPECIFIED") else []
        facts += [f"service {cut(span.service or 'unknown', 80)}"] if span.service != self._service else []
        facts += ["ERROR"] if span.status_code == "ERROR" else []
        facts += [duration(span.duration_ns), f"parent {span.parent_span_id or 'none'}"]
        return " · ".join(facts)


@dataclass(slots=True)
class _Cutter:
    """Fills one piece after another. A line of our own begins at its start; what the trace says is indented below."""

    _pieces: list[Piece] = field(default_factory=list[Piece])
    _lines: list[str] = field(default_factory=list[str])
    _seen: list[Seen] = field(default_factory=list[Seen])
    _room: int = PIECE_BYTES
    _first: str = ""
    _span_id: str = ""
    _title: str = ""

    def enter(self, span_id: str, title: str) -> None:
        """What follows is of this span."""
        if self._room < _LEAST:
            self._close()
        self._span_id, self._title = span_id, title
        self._first = self._first or span_id
        self._put(title)

    def line(self, words: str) -> None:
        """A line of our own words, shorter than `_LEAST`."""
        if size(words) >= self._room:
            self._turn()
        self._put(words)

    def value(self, path: str, said: str, start: int, end: int) -> None:
        """Characters `start` to `end` of the span's value at `path`, together if that can be."""
        label = cut(path, _PATH)
        if self._whole(label, path, said, start, end):
            return
        short = end - start <= _KEPT_WHOLE
        if short or self._room < _LEAST:
            self._turn()
        if short and self._whole(label, path, said, start, end):
            return
        while True:
            shown = _fitting(said, start, end, self._room - _LABEL)
            upto = start + len(shown)
            self._put(f"{label} (characters {start} to {upto} of {len(said)}):\n{_indented(shown)}")
            self._seen.append(Seen(self._span_id, path, start, upto))
            if upto == end:
                return
            start = upto - OVERLAP
            self._turn()

    def done(self) -> Sequence[Piece]:
        if self._lines:
            self._close()
        return tuple(self._pieces)

    def _whole(self, label: str, path: str, said: str, start: int, end: int) -> bool:
        """Shows the value if it fits into what is left of the piece."""
        if end - start >= self._room:
            return False
        told = laid(label, said[start:end])
        if size(told) >= self._room:
            return False
        self._put(told)
        self._seen.append(Seen(self._span_id, path, start, end))
        return True

    def _put(self, told: str) -> None:
        self._room -= size(told) + 1
        self._lines.append(told)

    def _turn(self) -> None:
        """Goes to the next piece in the midst of a span."""
        self._close()
        self._first = self._span_id
        self._put(f"{self._title} · goes on")

    def _close(self) -> None:
        self._pieces.append(Piece("\n".join(self._lines), tuple(self._seen), self._first, self._span_id))
        self._lines, self._seen, self._room, self._first = [], [], PIECE_BYTES, ""


def _fitting(said: str, start: int, end: int, room: int) -> str:
    """The longest stretch from `start` that fits into `room` bytes once it is indented."""
    length = 0
    for line in said[start : min(end, start + room)].splitlines(keepends=True):
        bare = line.splitlines()[0]
        if (needed := size(bare) + 5 if bare else 1) > room:
            length += len(head(bare, room - 5))
            break
        room -= needed
        length += len(line)
    return said[start : start + length]


def _indented(said: str) -> str:
    return "\n".join(line and f"    {line}" for line in said.splitlines())
