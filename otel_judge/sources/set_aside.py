"""Keeps the traces of conversations while a source is read, since more of a conversation may come until its end."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Final, NamedTuple

from ..feedback import SpanRef
from ..session import MAX_BYTES, MAX_SPANS, Missing, Session, first_that_fits
from ..trace import Origin, SpanBlock, Trace
from ..trajectory import target_of
from .spill import Spill

SPILL_BYTES: Final = 64 * 1024 * 1024  # of traces that are held in memory; past it, all wait in a temporary file


class _Kept(NamedTuple):
    """What is remembered of a trace; its spans may be on disk."""

    start_ns: int
    trace_id: bytes
    root_id: str
    spans: int
    size: int


class SetAside:
    """Takes traces and gives sessions. A context manager: what it has written is gone once it ends.

    Memory holds `spill_bytes` of spans, a few ids of each trace that has a conversation id, and the largest session.
    """

    def __init__(
        self, spill_bytes: int = SPILL_BYTES, *, max_spans: int = MAX_SPANS, max_bytes: int = MAX_BYTES
    ) -> None:
        self._spill_bytes = spill_bytes
        self._limits = max_spans, max_bytes
        self._conversations: dict[str, dict[bytes, _Kept]] = {}
        self._blocks: dict[bytes, dict[Origin, list[bytes]]] = {}
        self._bytes = 0
        self._spill: Spill | None = None

    def __enter__(self) -> SetAside:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._spill is not None:
            self._spill.close()

    def add(self, trace: Trace) -> None:
        """Keeps a trace that names a conversation; one that comes twice counts once.

        Raises `SourceError` where the disk does not take it.
        """
        target = target_of(trace, trace.root)
        if not target.conversation_id:
            return
        kept = self._conversations.setdefault(target.conversation_id, {})
        if trace.raw_trace_id in kept:
            return
        root = trace.root
        kept[trace.raw_trace_id] = _Kept(root.start_ns, trace.raw_trace_id, root.span_id, len(trace), trace.size)
        blocks = self._blocks.setdefault(trace.raw_trace_id, {})
        for origin, spans in trace.blocks:
            blocks.setdefault(origin, []).extend(spans)
        self._bytes += trace.size
        if self._bytes > self._spill_bytes:
            if self._spill is None:
                self._spill = Spill()
            self._spill.put(self._blocks, {})
            self._blocks, self._bytes = {}, 0

    def sessions(self) -> Iterator[Session]:
        """A session for each conversation, in the order in which they began to come. Raises `SourceError`."""
        for kept in self._conversations.values():
            turns = sorted(kept.values())
            first = first_that_fits([(turn.spans, turn.size) for turn in turns], *self._limits)
            yield Session.of(
                map(self._take, turns[first:]),
                missing=Missing(cut=tuple(SpanRef(turn.trace_id.hex(), turn.root_id) for turn in turns[:first])),
                first_trace_id=turns[0].trace_id,
                max_spans=self._limits[0],
                max_bytes=self._limits[1],
            )

    def _take(self, turn: _Kept) -> Trace:
        blocks = self._blocks.pop(turn.trace_id, None)
        if blocks is None and self._spill is not None:
            blocks, _ = self._spill.take(turn.trace_id)
        return Trace(turn.trace_id, [SpanBlock(origin, spans) for origin, spans in (blocks or {}).items()])
