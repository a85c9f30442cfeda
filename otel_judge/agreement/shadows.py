"""A shadow beside its primary: do the two say the same, and what does each cost?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..feedback import Feedback, Outcome
from .scale import NO_WORDS, word_of
from .statistics import Bootstrap, Measure, Table, measure


def same(primary: Feedback, shadow: Feedback) -> bool | None:
    """Whether the two agree: on passing, where both know of it, else on the label. None where one has no grade."""
    words = _words(primary, shadow)
    return None if words is None else words[0] == words[1]


@dataclass(frozen=True)
class ShadowReport:
    """One shadow over many traces."""

    name: str
    primary: str
    table: Table
    """Rows are what the primary said, columns what the shadow said."""
    accuracy: Measure | None
    """The share on which they agree; None where no two grades could be compared."""
    kappa: Measure | None
    ungraded: int
    """Traces on which one of the two gave no grade, or none that can be compared."""
    cost_usd: float | None
    primary_cost_usd: float | None
    """Of the same traces."""
    disagreements: tuple[tuple[Feedback, Feedback], ...]
    """What the primary said, and the shadow."""

    def as_dict(self) -> dict[str, object]:
        return {
            "shadow": self.name,
            "primary": self.primary,
            "classes": list(self.table.classes),
            "confusion": [list(row) for row in self.table.counts],
            "agreement": self.accuracy and self.accuracy.as_dict(),
            "kappa": self.kappa and self.kappa.as_dict(),
            "ungraded": self.ungraded,
            "cost_usd": self.cost_usd,
            "primary_cost_usd": self.primary_cost_usd,
            "disagreements": [
                {"trace_id": shadow.trace_id, "primary": primary.label, "shadow": shadow.label}
                for primary, shadow in self.disagreements
            ],
        }


def shadow_reports(feedback: Iterable[Feedback], bootstrap: Bootstrap | None = None) -> tuple[ShadowReport, ...]:
    """One report for each shadow that judged beside its primary, in the order in which they came."""
    feedback = list(feedback)
    primaries = {(each.name, each.trace_id, each.span_id): each for each in feedback if each.shadow_of is None}
    pairs: dict[tuple[str, str], list[tuple[Feedback, Feedback]]] = {}
    for each in feedback:
        if each.shadow_of is None:
            continue
        primary = primaries.get((each.shadow_of, each.trace_id, each.span_id))
        if primary is not None:
            pairs.setdefault((each.name, each.shadow_of), []).append((primary, each))
    return tuple(_report(name, primary, both, bootstrap or Bootstrap()) for (name, primary), both in pairs.items())


def _report(name: str, primary: str, pairs: list[tuple[Feedback, Feedback]], bootstrap: Bootstrap) -> ShadowReport:
    words = [words for pair in pairs if (words := _words(*pair)) is not None]
    table = Table.of(words)
    measures = measure(table, {}, bootstrap) if words else None
    return ShadowReport(
        name=name,
        primary=primary,
        table=table,
        accuracy=measures and measures.accuracy,
        kappa=measures and measures.kappa,
        ungraded=len(pairs) - len(words),
        cost_usd=_cost(shadow for _, shadow in pairs),
        primary_cost_usd=_cost(primary for primary, _ in pairs),
        disagreements=tuple(pair for pair in pairs if same(*pair) is False),
    )


def _words(primary: Feedback, shadow: Feedback) -> tuple[str, str] | None:
    if primary.outcome is not Outcome.JUDGED or shadow.outcome is not Outcome.JUDGED:
        return None
    if primary.passed is not None and shadow.passed is not None:
        return word_of(primary.passed), word_of(shadow.passed)
    if primary.label in NO_WORDS or shadow.label in NO_WORDS:
        return None
    return primary.label, shadow.label


def _cost(feedback: Iterable[Feedback]) -> float | None:
    costs = [each.cost_usd for each in feedback if each.cost_usd is not None]
    return sum(costs) if costs else None
