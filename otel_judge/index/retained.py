"""Finished traces, kept as bytes for span tools and later questions."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from ..config import Retain
from ..trace import CompletionReason, SpanBlock


class RetainedTrace(NamedTuple):
    """What a `Trace` is made of. A `Trace` itself would keep each span that was ever decoded."""

    blocks: tuple[SpanBlock, ...]
    completion: CompletionReason
    size: int
    """Wire bytes of the spans."""
    until: float
    """Monotonic seconds."""


class Retained:
    """Finished traces by key, within an age and a size; the oldest go first."""

    def __init__(self, limits: Retain) -> None:
        self._max_age = limits.max_age
        self._max_bytes = int(limits.max_mib * 2**20)
        self.traces: OrderedDict[bytes, RetainedTrace] = OrderedDict()
        """To be read; the oldest first."""
        self.bytes = 0
        """Wire bytes of all that is kept."""

    @property
    def next_at(self) -> float | None:
        """When the oldest is too old."""
        for trace in self.traces.values():
            return trace.until
        return None

    def add(
        self, key: bytes, blocks: tuple[SpanBlock, ...], completion: CompletionReason, *, size: int, now: float
    ) -> None:
        """Keeps a trace and drops the oldest until all fit; one larger than the whole limit is not kept."""
        if size > self._max_bytes:
            return
        self.traces[key] = RetainedTrace(blocks, completion, size, now + self._max_age)
        self.bytes += size
        while self.bytes > self._max_bytes:
            self._drop_oldest()

    def expire(self, now: float) -> None:
        """Drops what is too old."""
        while (until := self.next_at) is not None and until <= now:
            self._drop_oldest()

    def drop(self, size: int) -> int:
        """Drops the oldest, that many wire bytes of them or a little more; returns how many."""
        before = self.bytes
        while self.traces and before - self.bytes < size:
            self._drop_oldest()
        return before - self.bytes

    def _drop_oldest(self) -> None:
        _, oldest = self.traces.popitem(last=False)
        self.bytes -= oldest.size
