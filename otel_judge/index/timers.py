"""When to look at which open trace again."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from math import inf

from .buffer import OpenTrace


class Timers:
    """Open traces by the time at which they may be finished.

    A timer is never moved: a deadline that grows later is found out when its timer goes off, and only one that
    grows earlier gets a second timer, while the first becomes stale. Traces of one request mostly share a time, so
    the heap holds distinct times, and a trace costs one reference.
    """

    def __init__(self) -> None:
        self._times: list[float] = []
        self._traces: dict[float, list[OpenTrace]] = {}
        self._count = 0

    def __len__(self) -> int:
        """Number of timers, stale ones included."""
        return self._count

    @property
    def next_at(self) -> float | None:
        """The earliest time at which a trace may be finished."""
        return self._times[0] if self._times else None

    def arm(self, trace: OpenTrace, due: float) -> None:
        """Looks at the trace at `due` at the latest; an earlier timer that it has is enough."""
        if due >= trace.armed_for:
            return
        trace.armed_for = due
        self._count += 1
        traces = self._traces.get(due)
        if traces is None:
            self._traces[due] = [trace]
            heappush(self._times, due)
        else:
            traces.append(trace)

    def pop(self, now: float) -> Iterator[OpenTrace]:
        """Traces whose time has come, each once, earliest first; the caller finishes each or arms it for later."""
        while self._times and self._times[0] <= now:
            due = heappop(self._times)
            traces = self._traces.pop(due)
            self._count -= len(traces)
            for trace in traces:
                if trace.armed_for == due:
                    trace.armed_for = inf
                    yield trace

    def clear(self) -> None:
        self._times.clear()
        self._traces.clear()
        self._count = 0
