"""Takes a share of all traces, chosen by their id."""

from __future__ import annotations

from fractions import Fraction

from ..config import ProbabilisticPolicy
from ..session import Session
from ..trace import Trace
from .policy import Vote

DEFAULT_SALT = "otel-judge"
"""Not the Collector's: with that, a second sample would keep every survivor of the first, and no weight be true."""

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_MAX = 2**64 - 1


class Probabilistic:
    """The Collector's `probabilistic`: with the same `hash_salt` both take the same traces."""

    kind = "probabilistic"

    def __init__(self, config: ProbabilisticPolicy) -> None:
        self.name = config.name
        self._percentage = config.probabilistic.sampling_percentage
        self._salt = config.probabilistic.hash_salt or DEFAULT_SALT
        self._seed = fnv1a_64(self._salt.encode())
        self._threshold = threshold(self._percentage)

    def evaluate(self, trace: Trace) -> Vote:
        # A session keeps its fate when it goes on: its first turn decides.
        trace_id = trace.first_trace_id if isinstance(trace, Session) else trace.raw_trace_id
        sampled = fnv1a_64(trace_id, self._seed) <= self._threshold
        return Vote(
            sampled=sampled,
            reason=f"its id is {'in' if sampled else 'not in'} the {self._percentage:g} % taken",
            probability=self._percentage / 100,
            draw=self._salt,
        )


def fnv1a_64(data: bytes, state: int = _FNV_OFFSET) -> int:
    """FNV-1a of 64 bits; `state` goes on from an earlier part."""
    for byte in data:
        state = (state ^ byte) * _FNV_PRIME & _MAX
    return state


def threshold(percentage: float) -> int:
    """The largest hash that is taken: (2**64 - 1) * percentage / 100.

    The Collector computes it with 64 significant bits, rounds half to even, and drops what is below 1.
    """
    product = Fraction(percentage / 100) * _MAX
    if product < 1:
        return 0
    scale = 1 << (64 - int(product).bit_length())
    return int(Fraction(round(product * scale), scale))
