"""The ceilings of one judgement. They are decided by our own counters before each request, never by the model."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeAlias

from ..config import Limits
from ..feedback import Usage

Ceiling: TypeAlias = Literal["turns", "tokens", "seconds"]

_STEP_TOKENS = 4_000  # what one turn of reading adds to the next request, roughly
_LAST_SHARE = 0.2  # of the seconds, kept for the verdict
_EXTRA_TURNS = 2  # past the last turn, for a verdict that has to be mended or asked for again


def tokens_of(size: int) -> int:
    """Tokens of that many bytes, estimated on the high side."""
    return -(-size // 3)


class Budget:
    """What a judgement has used, and what is left of it."""

    def __init__(self, limits: Limits, max_tokens: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.usage = Usage()
        self.turns = 0
        """Requests that were answered."""
        self._limits = limits
        self._max_tokens = max_tokens
        self._clock = clock
        self._started = clock()
        self._waited = 0.0
        self._longest = 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start, without those spent in the queue for a model."""
        return self._clock() - self._started - self._waited

    @property
    def remaining_s(self) -> float:
        return self._limits.seconds - self.elapsed_s

    def waited(self, seconds: float) -> None:
        """Time in the queue for a model is nobody's fault and does not count."""
        self._waited += seconds

    def spent(self, usage: Usage, seconds: float) -> None:
        """Counts an answered request."""
        self.usage += usage
        self.turns += 1
        self._longest = max(self._longest, seconds)

    def closing(self, next_input: int) -> Ceiling | None:
        """The ceiling because of which the next request must be the one for the verdict.

        `next_input`: tokens of that request, estimated.
        """
        if self.turns + 1 >= self._limits.turns:
            return "turns"
        this_one = next_input + self._max_tokens
        if self.usage.total_tokens + 2 * this_one + _STEP_TOKENS > self._limits.tokens:
            return "tokens"
        if self.remaining_s < max(2 * self._longest, _LAST_SHARE * self._limits.seconds):
            return "seconds"
        return None

    def exhausted(self, next_input: int) -> Ceiling | None:
        """The ceiling because of which there can be no next request at all."""
        if self.turns >= self._limits.turns + _EXTRA_TURNS:
            return "turns"
        if self.usage.total_tokens + next_input + self._max_tokens > self._limits.tokens:
            return "tokens"
        return "seconds" if self.remaining_s <= 0 else None
