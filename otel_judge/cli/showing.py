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


def one_line(text: str, limit: int) -> str:
    """At most `limit` characters of what a trace or a person said, without what could steer a terminal."""
    line = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def show_usd(usd: float | None) -> str:
    return "" if usd is None else f"${usd:.4f}"
