"""The ceilings of one judgement. They are decided by our own counters before each request, never by the model."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeAlias

from ..config import Limits
from ..feedback import Usage

Ceiling: TypeAlias = Literal["turns", "tokens", "seconds"]

MAX_TOKENS = 2_048  # of one answer, where the model's settings name no other number
_MAX_TOKENS_MOST = 8_192
_STEP_TOKENS = 4_000  # what one turn of reading adds to the next request, roughly
_LAST_SHARE = 0.2  # of the seconds, kept for the verdict
_EXTRA_TURNS = 2  # past the last turn, for a verdict that has to be mended or asked for again


def tokens_of(size: int) -> int:
    """Tokens of that many bytes, estimated on the high side."""
    return -(-size // 3)


class Budget:
    """What a judgement has used, and what is left of it."""

    def __init__(
        self, limits: Limits, max_tokens: int = MAX_TOKENS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.usage = Usage()
        self.turns = 0
        """Requests that were answered."""
        self.max_tokens = max_tokens
        """Most tokens of the next answer."""
        self._limits = limits
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

    def cut_off(self) -> None:
        """An answer was cut off for length: the next may be longer. Models that think first need that."""
        self.max_tokens = max(self.max_tokens, min(2 * self.max_tokens, _MAX_TOKENS_MOST))

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
        this_one = next_input + self.max_tokens
        if self.usage.total_tokens + 2 * this_one + _STEP_TOKENS > self._limits.tokens:
            return "tokens"
        if self.remaining_s < max(2 * self._longest, _LAST_SHARE * self._limits.seconds):
            return "seconds"
        return None

    def exhausted(self, next_input: int) -> Ceiling | None:
        """The ceiling because of which there can be no next request at all."""
        if self.turns >= self._limits.turns + _EXTRA_TURNS:
            return "turns"
        if self.usage.total_tokens + next_input + self.max_tokens > self._limits.tokens:
            return "tokens"
        return "seconds" if self.remaining_s <= 0 else None
