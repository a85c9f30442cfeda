"""Intervals around what was counted: of rates (Wilson), of means (bootstrap), and of what changed between two runs.

Every figure that is shown with an interval has it from here, or, for confusion tables, from `agreement.statistics`.
numpy is imported where random draws are needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final

Z_95: Final = 1.959964  # standard deviations around which 95 % lie
MOST_NUMBERS: Final = 4_000_000  # in memory at once while drawing: 32 MB
_MANY: Final = 20_000  # values whose mean is as good as normal: there is nothing to draw


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are drawn. The same seed gives the same intervals."""

    rounds: int = 2_000
    seed: int = 0
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure with its interval; all None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    """What it rests on: pairs, verdicts or scores."""

    def needed(self, width: float) -> int | None:
        """How many pairs more until the interval is so wide, if they are like these; None where nobody can say.

        An interval narrows with the square root of the pairs.
        """
        if self.low is None or self.high is None:
            return None
        return max(0, math.ceil(self.n * ((self.high - self.low) / width) ** 2) - self.n)

    def as_dict(self) -> dict[str, float | int | None]:
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


def wilson(rate: float, n: int) -> tuple[float, float]:
    """Wilson's score interval of 95 % for a rate that was found in `n` > 0 cases."""
    spread = Z_95**2 / n
    middle = (rate + spread / 2) / (1 + spread)
    half = Z_95 / (1 + spread) * math.sqrt(rate * (1 - rate) / n + spread / (4 * n))
    # A bound is never on the wrong side of the rate by a rounding error.
    return min(rate, max(0.0, middle - half)), max(rate, min(1.0, middle + half))


def rate(passed: int, n: int) -> Measure:
    """A rate with Wilson's interval."""
    return Measure(passed / n, *wilson(passed / n, n), n) if n else Measure(None, None, None, 0)


def rate_change(before: Measure, after: Measure) -> Measure:
    """The difference of two rates of different cases, by Newcombe's hybrid of Wilson's intervals (1998, method 10)."""
    a, b = before, after
    if a.value is None or a.low is None or a.high is None or b.value is None or b.low is None or b.high is None:
        return Measure(None, None, None, 0)
    change = b.value - a.value
    low = change - math.hypot(b.value - b.low, a.high - a.value)
    high = change + math.hypot(b.high - b.value, a.value - a.low)
    return Measure(change, max(-1.0, low), min(1.0, high), min(a.n, b.n))


def paired_rate_change(gained: int, lost: int, n: int) -> Measure:
    """The difference of two rates of the same `n` cases, `gained` of which passed only then and `lost` only before.

    Wald's interval with half a case added to each of the four cells (Agresti and Min 2005), widened to hold the
    difference itself.
    """
    if not n:
        return Measure(None, None, None, 0)
    change, cases = (gained - lost) / n, n + 2
    middle = (gained - lost) / cases
    half = Z_95 * math.sqrt((gained + lost + 1) / cases - middle**2) / math.sqrt(cases)
    return Measure(change, max(-1.0, min(change, middle - half)), min(1.0, max(change, middle + half)), n)


def mean(values: Sequence[float], bootstrap: Bootstrap | None = None) -> Measure:
    """The mean with a percentile bootstrap; of one value there is no interval."""
    n = len(values)
    if not n:
        return Measure(None, None, None, 0)
    middle = fmean(values)
    if n == 1:
        return Measure(middle, None, None, 1)
    if n > _MANY:
        half = Z_95 * stdev(values) / math.sqrt(n)
        return Measure(middle, middle - half, middle + half, n)
    low, high = _drawn(values, bootstrap or Bootstrap())
    return Measure(middle, min(low, middle), max(high, middle), n)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of at least one value in order; lies between two of them where it falls there."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _drawn(values: Sequence[float], bootstrap: Bootstrap) -> tuple[float, float]:
    import numpy as np

    given = np.asarray(values, dtype=np.float64)
    draws = np.random.default_rng(bootstrap.seed)
    at_once = max(1, MOST_NUMBERS // len(given))
    means = np.concatenate(
        [
            given[draws.integers(len(given), size=(min(at_once, bootstrap.rounds - start), len(given)))].mean(axis=1)
            for start in range(0, bootstrap.rounds, at_once)
        ]
    )
    edge = 50 * (1 - bootstrap.confidence)
    low, high = np.percentile(means, [edge, 100 - edge])
    return float(low), float(high)
