"""What waits to be accepted by the backend."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

log = logging.getLogger(__name__)

Signal: TypeAlias = Literal["traces", "logs", "metrics"]
SIGNALS: Final[tuple[Signal, ...]] = ("traces", "logs", "metrics")

OVERHEAD: Final = 512  # bytes that an item takes besides its own: keys, ids, the objects themselves


@dataclass(frozen=True, slots=True)
class Item:
    """One record, as bytes that no resend changes."""

    signal: Signal
    id: str
    """Same id, same record: an item that comes again replaces the one that waits."""
    envelope: bytes
    """The `ResourceSpans` or `ResourceLogs` that the record belongs in, with its one scope and no records."""
    record: bytes
    """A `Span` or a `LogRecord`; for metrics a whole request, and no envelope."""
    tenant: str | None = None
    """Whose it is: a request holds the records of one tenant."""

    @property
    def size(self) -> int:
        return len(self.envelope) + len(self.record) + OVERHEAD


class Outbox(Protocol):
    """Items from when they are made until the backend has accepted them. Used on one thread, by one taker a signal.

    `put` stores an item before it is first sent. `take` lends items out without forgetting them; each comes back by
    `done` (accepted, or given up) or by `later`. What was lent and did not come back before a crash, an outbox that
    outlives the process lends again.
    """

    capacity: int
    """Bytes that may be stored."""
    lasts: bool
    """Whether what is stored outlives the process: then what was not accepted by its end is not lost."""

    def put(self, item: Item) -> None:
        """Stores an item. Where there is no room, the oldest that are not lent out are lost, counted and logged."""
        ...

    def take(self, signal: Signal, *, max_items: int, max_bytes: int) -> Sequence[Item]:
        """The oldest items of a signal, within both limits, but at least one if any is not lent out."""
        ...

    def done(self, items: Sequence[Item]) -> None:
        """Forgets items that were taken."""
        ...

    def later(self, items: Sequence[Item]) -> None:
        """Puts items that were taken back, ahead of those that came since."""
        ...

    def waiting(self, signal: Signal) -> int:
        """Number of items not lent out."""
        ...

    def stored(self, signal: Signal) -> int:
        """Number of items, lent out or not."""
        ...

    def size(self) -> int:
        """Bytes of all items."""
        ...

    def oldest_s(self) -> float:
        """Age in seconds of the item stored longest; 0 without any."""
        ...


Dropped: TypeAlias = Callable[[Signal, int, str], None]
"""Told of records lost: the signal, how many, and why in one low-cardinality word."""


class _Stored(NamedTuple):
    item: Item
    since: float
    """Seconds on the outbox's clock."""


class MemoryOutbox:
    """An `Outbox` that ends with the process."""

    lasts = False

    def __init__(self, capacity: int, dropped: Dropped, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`capacity` is in bytes; `dropped` is told of items lost for want of room, with the reason `queue_full`."""
        self.capacity = capacity
        self._dropped = dropped
        self._clock = clock
        self._waiting: dict[Signal, OrderedDict[str, _Stored]] = {signal: OrderedDict() for signal in SIGNALS}
        self._lent: dict[Signal, dict[str, _Stored]] = {signal: {} for signal in SIGNALS}
        self._size = 0
        self._burst = 0

    def put(self, item: Item) -> None:
        waiting = self._waiting[item.signal]
        if (replaced := waiting.pop(item.id, None)) is not None:
            self._size -= replaced.item.size
        waiting[item.id] = _Stored(item, self._clock())
        self._size += item.size
        while self._size > self.capacity and any(self._waiting.values()):
            self._drop_oldest()

    def take(self, signal: Signal, *, max_items: int, max_bytes: int) -> Sequence[Item]:
        waiting, lent = self._waiting[signal], self._lent[signal]
        taken: list[Item] = []
        room = max_bytes
        while waiting and len(taken) < max_items:
            stored = next(iter(waiting.values()))
            room -= stored.item.size
            if taken and room < 0:
                break
            lent[stored.item.id] = waiting.pop(stored.item.id)
            taken.append(stored.item)
        return taken

    def done(self, items: Sequence[Item]) -> None:
        for item in items:
            del self._lent[item.signal][item.id]
            self._size -= item.size
        if self._burst:
            log.warning("%d records were dropped while the queue for the backend was full", self._burst)
            self._burst = 0

    def later(self, items: Sequence[Item]) -> None:
        for item in reversed(items):
            stored = self._lent[item.signal].pop(item.id)
            waiting = self._waiting[item.signal]
            if item.id in waiting:  # a newer one has come
                self._size -= item.size
            else:
                waiting[item.id] = stored
                waiting.move_to_end(item.id, last=False)

    def waiting(self, signal: Signal) -> int:
        return len(self._waiting[signal])

    def stored(self, signal: Signal) -> int:
        return len(self._waiting[signal]) + len(self._lent[signal])

    def size(self) -> int:
        return self._size

    def oldest_s(self) -> float:
        ages = [stored.since for signal in SIGNALS for stored in self._lent[signal].values()]
        ages += [next(iter(waiting.values())).since for waiting in self._waiting.values() if waiting]
        return max(0.0, self._clock() - min(ages)) if ages else 0.0

    def _drop_oldest(self) -> None:
        heads = (next(iter(waiting.values())) for waiting in self._waiting.values() if waiting)
        oldest = min(heads, key=lambda stored: stored.since).item
        del self._waiting[oldest.signal][oldest.id]
        self._size -= oldest.size
        if not self._burst:
            log.warning("the queue for the backend is full (%d bytes): the oldest records are dropped", self.capacity)
        self._burst += 1
        self._dropped(oldest.signal, 1, "queue_full")
