"""Takes every trace."""

from __future__ import annotations

from ..config import AlwaysSamplePolicy
from ..trace import Trace
from .policy import Vote


class AlwaysSample:
    """The Collector's `always_sample`."""

    kind = "always_sample"

    def __init__(self, config: AlwaysSamplePolicy) -> None:
        self.name = config.name

    def evaluate(self, trace: Trace) -> Vote:  # noqa: ARG002
        return Vote(sampled=True, reason="every trace is taken", probability=1.0)
