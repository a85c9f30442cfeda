"""Takes traces that lasted long."""

from __future__ import annotations

from ..config import LatencyPolicy
from ..trace import Trace
from .policy import Vote

_NS_PER_MS = 1_000_000


class Latency:
    """The Collector's `latency`, as its v0.161 decides.

    Compares whole milliseconds from the earliest start to the latest end, after each span in the order of arrival:
    with an upper threshold the first spans can take a trace that later ones would not. The lower bound is
    exclusive, the upper inclusive; an upper bound of 0 or none is no bound.
    """

    kind = "latency"

    def __init__(self, config: LatencyPolicy) -> None:
        self.name = config.name
        self._above_ms = config.latency.threshold_ms
        self._up_to_ms = config.latency.upper_threshold_ms or None

    def evaluate(self, trace: Trace) -> Vote:
        start = end = elapsed_ms = 0
        for span in trace.arrived:
            start = min(start, span.start_ns) if start else span.start_ns
            end = max(end, span.end_ns)
            elapsed_ms = max(0, end - start) // _NS_PER_MS
            if elapsed_ms > self._above_ms and (self._up_to_ms is None or elapsed_ms <= self._up_to_ms):
                return Vote(sampled=True, reason=f"it took {elapsed_ms} ms, {self._bounds}", probability=1.0)
        return Vote(sampled=False, reason=f"it took {elapsed_ms} ms, not {self._bounds}", probability=0.0)

    @property
    def _bounds(self) -> str:
        above = f"more than {self._above_ms} ms"
        return above if self._up_to_ms is None else f"{above} and at most {self._up_to_ms} ms"
