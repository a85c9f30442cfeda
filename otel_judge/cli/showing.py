"""Figures as the tables of several commands show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..agreement import Measure


def show_measure(measure: Measure | None) -> str:
    """The value with its interval; nothing where it is not defined."""
    if measure is None or measure.value is None:
        return ""
    return f"{measure.value:.2f} ({measure.low:.2f} to {measure.high:.2f})"


def show_usd(usd: float | None) -> str:
    return "" if usd is None else f"${usd:.4f}"
