"""What a policy is: one small class that votes on a finished trace, and says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..trace import Trace


@dataclass(frozen=True, slots=True)
class Vote:
    """One policy's answer."""

    sampled: bool
    reason: str
    """In words, such as `a span has status ERROR`."""
    probability: float
    """How likely this policy was to take this trace: 1.0 or 0.0 where nothing is left to chance."""
    draw: str | None = None
    """Where chance comes from. Policies with the same draw decide together, others independently. None: no chance."""


class Policy(Protocol):
    """Votes on finished traces. It keeps no state of one trace for the next unless its kind is to."""

    name: str
    kind: str

    def evaluate(self, trace: Trace) -> Vote: ...
