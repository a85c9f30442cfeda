"""Attacks on judges: pairs of traces, clean and attacked, and how often a judge's verdict flips between them.

`otel-judge check --injection JUDGE` runs them with the judge's own model. What code guarantees whatever the model does,
the tests of this package show with a model that obeys every attacker; what only the model can resist, the flip rate
shows. See docs/injection.md.
"""

from __future__ import annotations

from . import places, structure, wording
from .attack import KINDS, Attack, Kind
from .suite import Count, Outcome, Pair, count, measure, wish_values

__all__ = [
    "ATTACKS",
    "KINDS",
    "Attack",
    "Count",
    "Kind",
    "Outcome",
    "Pair",
    "count",
    "measure",
    "wish_values",
]

ATTACKS: tuple[Attack, ...] = (*structure.ATTACKS, *places.ATTACKS, *wording.ATTACKS)
"""All of them, each with an id of its own."""
