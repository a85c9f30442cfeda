"""`--fail-under NAME=X`, as several commands take it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from ..errors import ConfigError
from ..results import Gate, Summary


def parse_gates(
    words: Iterable[str], known: Collection[str], what: str, *, lowest: float = 0.0
) -> list[tuple[str, float]]:
    """Names with their least values, from `lowest` to 1; `what` says what is named.

    Raises `ConfigError` for a word that is no gate, and for a name that is not known.
    """
    gates: list[tuple[str, float]] = []
    for word in words:
        name, _, value = word.partition("=")
        try:
            least = float(value)
        except ValueError:
            least = math.nan
        if name not in known or not lowest <= least <= 1:
            there = ", ".join(known) or "none"
            raise ConfigError(
                f"--fail-under {word}", "not a gate", f"write {what}=X with X from {lowest:g} to 1 and one of {there}"
            )
        gates.append((name, least))
    return gates


def check_gates(gates: Iterable[Gate], summaries: Iterable[Summary]) -> list[str]:
    """What is not met, a line each. Raises `ConfigError` for a gate with nothing to go by."""
    by_name = {summary.name: summary for summary in summaries}
    missed: list[str] = []
    for gate in gates:
        try:
            line = gate.check(by_name[gate.name])
        except ValueError as error:
            raise ConfigError(f"--fail-under {gate.name}={gate.least:g}", str(error)) from None
        if line is not None:
            missed.append(line)
    return missed
