"""Intervals around what was counted."""

from __future__ import annotations

import math
from typing import Final

Z_95: Final = 1.959964  # standard deviations around which 95 % lie


def wilson(rate: float, n: int) -> tuple[float, float]:
    """Wilson's score interval of 95 % for a rate that was found in `n` > 0 cases."""
    spread = Z_95**2 / n
    middle = (rate + spread / 2) / (1 + spread)
    half = Z_95 / (1 + spread) * math.sqrt(rate * (1 - rate) / n + spread / (4 * n))
    # A bound is never on the wrong side of the rate by a rounding error.
    return min(rate, max(0.0, middle - half)), max(rate, min(1.0, middle + half))
