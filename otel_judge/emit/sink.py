"""Where Feedback goes: what the compositions know of emitting."""

from __future__ import annotations

from typing import Protocol

from ..decision import Decision
from ..feedback import Feedback, Target


class Sink(Protocol):
    """Takes feedback and decisions; `emit` and `decided` never block, and may be called from any thread."""

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        """`decision` is the one by which the trace was judged; None where there was none."""
        ...

    def decided(self, target: Target, decision: Decision, *, at_ns: int) -> None:
        """A sampling decision about the trace whose root is `target`, taken at `at_ns` (Unix nanoseconds)."""
        ...

    async def flush(self, deadline_s: float) -> bool:
        """Sends what waits; False if some still waits after `deadline_s` seconds."""
        ...

    async def close(self, deadline_s: float = 5.0) -> None:
        """Flushes and ends. What is not accepted by then is lost, counted and logged."""
        ...
