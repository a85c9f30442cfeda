"""Takes traces that have a span of a given status."""

from __future__ import annotations

from ..config import StatusCodePolicy
from ..trace import Trace
from .policy import Vote


class StatusCode:
    """The Collector's `status_code`: any span decides."""

    kind = "status_code"

    def __init__(self, config: StatusCodePolicy) -> None:
        self.name = config.name
        self._codes = frozenset(config.status_code.status_codes)

    def evaluate(self, trace: Trace) -> Vote:
        for span in trace.arrived:
            if span.status_code in self._codes:
                return Vote(sampled=True, reason=f"span {span.span_id} has status {span.status_code}", probability=1.0)
        return Vote(sampled=False, reason=f"no span has status {' or '.join(sorted(self._codes))}", probability=0.0)
