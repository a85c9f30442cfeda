"""What a judge that must show absence reads, and what it has not read: without having read all, finding nothing says
nothing.

A trace that the first message shows in full is read there. Any other is read in parts before the verdict, see `parts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from .. import dialects
from ..dialects.base import Blob
from ..feedback import Value
from ..session import Session
from ..trace import Trace
from . import tools
from .pieces import Piece, pieces_of
from .reading import Mode, Opening, Record, open_trace
from .tools.answer import cut

ENOUGH = 0.98  # of a part; the rest may be ids and numbers that no tool shows
_NAMED = 8  # stretches or blobs that are told by name
_MEDIA = 40  # characters of a media type, which comes from the trace


def open_all(trace: Trace, mode: Mode) -> tuple[Opening, Sequence[Piece]]:
    """The first sight of the trace, and the parts that are to be read beside it; none where it leaves nothing out.

    What `open_trace` shows whole may leave out attributes and what is folded: then it is all values of all spans that
    are shown, at once if they are one piece or the mode is `whole`.
    """
    opening = open_trace(trace, mode)
    if opening.whole:
        record = Record()
        record.add(opening.seen)
        if record.is_complete(trace):
            return opening, ()
    pieces = pieces_of(trace)
    if mode == "whole" or (mode == "auto" and len(pieces) == 1):
        info = tools.answer("get_trace_info", trace, {})
        shown = [info.text, "", *(piece.text for piece in pieces)]
        seen = (*info.seen, *(seen for piece in pieces for seen in piece.seen))
        return Opening("\n".join(shown), whole=True, seen=seen), ()
    return (open_trace(trace, "explore") if opening.whole else opening), pieces


class Sweep:
    """What has been read of a trace so far, by a judge that answers for all of it."""

    def __init__(self, trace: Trace, record: Record, parts: Sequence[Piece]) -> None:
        self.parts = parts
        self._read = 0
        self._missed: dict[int, str] = {}
        self._trace = trace
        self._record = record

    @property
    def counts(self) -> dict[str, Value]:
        """How many parts there are and were read, for the feedback's detail."""
        return {"parts": len(self.parts), "parts_read": self._read}

    def read(self, number: int) -> None:
        """The part of that number, from 1, was read."""
        self._read += 1
        self._record.add(self.parts[number - 1].seen)

    def missed(self, number: int, why: str) -> None:
        """It was not read."""
        self._missed[number] = why

    def left(self) -> str | None:
        """In words, what could be read and was not; None where all was."""
        missing = {
            number: why
            for number, why in self._missed.items()
            if self._record.share(self.parts[number - 1].seen) < ENOUGH
        }
        if not missing:
            return None
        coverage = self._record.coverage(self._trace)
        shares = f"{_percent(1 - coverage.bytes)} of the text, {_percent(1 - coverage.spans)} of the spans"
        return f"{shares}: {_some(list(self._stretches(missing)))}"

    def unread(self) -> str | None:
        """In words, all that was not read, images and other blobs too; None where all was."""
        missing = [left] if (left := self.left()) is not None else []
        if isinstance(self._trace, Session) and (turns := self._trace.missing.count):
            missing.append(f"{turns} earlier turns of the conversation, which are not here")
        if blobs := list(dict.fromkeys(_blobs(self._trace))):
            missing.append(_some(blobs))
        return "; ".join(missing) or None

    def _stretches(self, missing: dict[int, str]) -> Iterator[str]:
        """Parts in a row that were not read for the same reason, as one."""
        in_a_row = groupby(enumerate(sorted(missing)), key=lambda each: (each[1] - each[0], missing[each[1]]))
        for (_, why), group in in_a_row:
            numbers = [number for _, number in group]
            first, last = numbers[0], numbers[-1]
            named = f"part {first}" if first == last else f"parts {first} to {last}"
            spans = f"span {self.parts[first - 1].first} to span {self.parts[last - 1].last}"
            yield f"{named} of {len(self.parts)}, from {spans} ({why})"


def _some(named: Sequence[str]) -> str:
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return ", ".join(named[:_NAMED]) + more


def _percent(share: float) -> str:
    return "less than 1%" if 0 < share < 0.01 else f"{share:.0%}"


def _blobs(trace: Trace) -> Iterator[str]:
    """Each image or other blob, once however often the conversation is repeated; with the span where it comes first."""
    known: set[Blob] = set()
    for span in trace.spans:
        content = dialects.read(span)
        for message in (*(content.input or ()), *(content.output or ())):
            for part in message.parts:
                if isinstance(part, Blob) and part not in known:
                    known.add(part)
                    yield f"{cut(part.media, _MEDIA)} in span {span.span_id}"
