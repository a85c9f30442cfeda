"""The ceilings of one judgement. They are decided by our own counters before each request, never by the model.

Before a request is sent, the most that it can use is reserved; the answer settles it at what the provider reported, and
a request whose usage nobody knows stays settled at its reservation. What the last request needs, the one for the
verdict, is set aside from the start: reading never eats into it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeAlias

from ..config_judges import Limits
from ..feedback import Usage

Ceiling: TypeAlias = Literal["turns", "tokens", "usd", "seconds"]

MAX_TOKENS = 2_048  # of one answer, where the model's settings name no other number
MAX_ANSWER_TOKENS = 8_192  # of one answer, after others were cut off
_MAX_TOKENS_LEAST = 256  # an answer with less room is not worth asking for
TURN_BYTES = 16_000  # what the answers of tools may add to the conversation in one turn
_LAST_SHARE = 0.2  # of the seconds, kept for the verdict
EXTRA_TURNS = 2  # past the last turn, for a verdict that has to be mended or asked for again


def tokens_of(size: int) -> int:
    """Tokens of that many bytes, estimated on the high side."""
    return -(-size // 3)


_TURN_TOKENS = tokens_of(TURN_BYTES)


class Budget:
    """What a judgement has used, and what is left of it."""

    def __init__(
        self,
        limits: Limits,
        max_tokens: int = MAX_TOKENS,
        *,
        most_usd: Callable[[int, int], float | None] = lambda _input, _output: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.usage = Usage()
        """As the provider reported it."""
        self.cost_usd: float | None = 0.0
        """Price of `usage`; None once an answer had no known price."""
        self.turns = 0
        """Requests that were answered."""
        self.requests = 0
        """Requests that were sent, retries included."""
        self.max_tokens = max_tokens
        """Most tokens of the next answer, where that much is left."""
        self.next_input = 0
        """Tokens of the next request, estimated."""
        self.kept_s = 0.0
        """Seconds that the next request leaves to what comes after it."""
        self.most_usd = most_usd
        """The most that a request of so many input and output tokens costs with the model that is asked."""
        self._limits = limits
        self._clock = clock
        self._started = clock()
        self._waited = 0.0
        self._longest = 0.0
        self._last_input: int | None = None
        self._parts = 0
        self._spent_tokens, self._spent_usd = 0, 0.0
        self._reserved: tuple[int, float] | None = None

    def start(self) -> None:
        """The seconds count from now on."""
        self._started, self._waited = self._clock(), 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start, without those spent in the queue for a model."""
        return self._clock() - self._started - self._waited

    @property
    def remaining_s(self) -> float:
        """Seconds that the next request may take."""
        return self._limits.seconds - self.elapsed_s - self.kept_s

    @property
    def spent_tokens(self) -> int:
        """Reported or, where that is unknown, reserved."""
        return self._spent_tokens

    @property
    def spent_usd(self) -> float:
        """Likewise, in US dollars."""
        return self._spent_usd

    @property
    def answer_tokens(self) -> int:
        """Most tokens that the next answer may have, out of what is left; 0 where that is too little."""
        room = self._limits.tokens - self._spent_tokens - self.next_input
        if self._limits.usd is not None:
            before, each = self._usd(self.next_input, 0), self._usd(0, 1_000) / 1_000
            left = self._limits.usd - self._spent_usd - before
            if left < 0:
                return 0
            room = room if each == 0 else min(room, int(left * (1 - 1e-9) / each))
        room = min(room, self.max_tokens)
        return room if room >= min(_MAX_TOKENS_LEAST, self.max_tokens) else 0

    def set_aside(self, last_input: int | None, *, more: bool = False) -> None:
        """Before each part of a sweep: keeps what the verdict will need, a request of `last_input` tokens.

        Of the seconds left it keeps half besides, where there are `more` parts. The answers about parts are no turns.
        None: the parts are read.
        """
        self._last_input = last_input
        self.kept_s = 0.0
        if last_input is not None:
            last_s = _LAST_SHARE * self._limits.seconds
            self.kept_s = last_s + (max(0.0, self.remaining_s - last_s) / 2 if more else 0.0)

    def cut_off(self) -> None:
        """An answer was cut off for length: the next may be longer. Models that think first need that."""
        self.max_tokens = max(self.max_tokens, min(2 * self.max_tokens, MAX_ANSWER_TOKENS))

    def waited(self, seconds: float) -> None:
        """Time in the queue for a model is nobody's fault and does not count."""
        self._waited += seconds

    def reserve(self) -> int:
        """Sets the next request aside before it is sent, and says how long its answer may be.

        `exhausted` must have allowed it.
        """
        answer = self.answer_tokens
        self._reserved = (self.next_input + answer, self._usd(self.next_input, answer))
        self.requests += 1
        return answer

    def release(self, *, sent: bool = True) -> None:
        """The request was refused, or never sent: nothing is charged for it."""
        self._reserved = None
        self.requests -= not sent

    def lost(self) -> None:
        """The request was sent, and what it used is unknown: it is settled at its reservation."""
        self._settle(0, 0.0)

    def spent(self, usage: Usage, cost_usd: float | None, seconds: float) -> None:
        """Settles an answered request. A provider that reports no tokens leaves them unknown."""
        self.turns += 1
        self._parts += self._last_input is not None
        self._longest = max(self._longest, seconds)
        self.usage += usage
        self.cost_usd = None if cost_usd is None or self.cost_usd is None else self.cost_usd + cost_usd
        if usage.total_tokens and (cost_usd is not None or self._limits.usd is None):
            self._reserved = (0, 0.0)
        self._settle(usage.total_tokens, cost_usd or 0.0)

    def closing(self) -> Ceiling | None:
        """The ceiling because of which the next request must be the one for the verdict."""
        if self._last_input is None and self.turns - self._parts + 1 >= self._limits.turns:
            return "turns"
        last_input = self._last_input or self.next_input + self.max_tokens + _TURN_TOKENS
        both = self.next_input + last_input + 2 * self.max_tokens
        if self._spent_tokens + both > self._limits.tokens:
            return "tokens"
        if self._limits.usd is not None:
            cost = self._usd(self.next_input, self.max_tokens) + self._usd(last_input, self.max_tokens)
            if self._spent_usd + cost > self._limits.usd:
                return "usd"
        if self.remaining_s + self.kept_s < max(2 * self._longest, _LAST_SHARE * self._limits.seconds):
            return "seconds"
        return None

    def exhausted(self) -> Ceiling | None:
        """The ceiling because of which there can be no next request at all."""
        if self.turns - self._parts >= self._limits.turns + EXTRA_TURNS:
            return "turns"
        if self.remaining_s <= 0:
            return "seconds"
        if self.answer_tokens:
            return None
        least = self._spent_tokens + self.next_input + min(_MAX_TOKENS_LEAST, self.max_tokens)
        return "tokens" if least > self._limits.tokens else "usd"

    def _settle(self, tokens: int, usd: float) -> None:
        reserved_tokens, reserved_usd = self._reserved or (0, 0.0)
        self._spent_tokens += max(tokens, reserved_tokens)
        self._spent_usd += max(usd, reserved_usd)
        self._reserved = None

    def _usd(self, input_tokens: int, output_tokens: int) -> float:
        return self.most_usd(input_tokens, output_tokens) or 0.0
