"""What is kept of the rows of a run: numbers, the worst of them, and those that a shadow has seen."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from functools import cached_property
from typing import Final, NamedTuple

from ..agreement import ShadowReport, shadow_reports
from ..batch import NOT_PAID
from ..feedback import Feedback, Outcome
from ..results import Row, Tallies

WORST: Final = 50


class Worst(NamedTuple):
    """A row with what speaks against it, worst first."""

    row: Row
    against: tuple[Feedback, ...]


class Collected:
    """Takes rows as they end."""

    def __init__(self, scorers: Iterable[str], by: Iterable[str]) -> None:
        self.tallies = Tallies(scorers, by)
        self.traces = self.sessions = self.spans = self.sampled = self.unpaid = self.tokens = 0
        self.usd: float | None = None
        self._beside: list[tuple[int, list[Feedback]]] = []  # of rows that a shadow has seen, with their numbers
        self._worst: list[tuple[int, float, int, Worst]] = []

    @cached_property
    def shadows(self) -> tuple[ShadowReport, ...]:
        """Each shadow beside its primary; asked for once the run is over."""
        return shadow_reports(each for _, given in sorted(self._beside, key=lambda pair: pair[0]) for each in given)

    @property
    def worst(self) -> list[Worst]:
        return [each[-1] for each in sorted(self._worst, reverse=True)]

    def add(self, row: Row) -> None:
        self.tallies.add(row)
        if row.turns:
            self.sessions += 1
        else:
            self.traces += 1
            self.spans += row.spans
        self.sampled += row.decision is not None and row.decision.sampled
        self.unpaid += any(feedback.error == NOT_PAID for feedback in row.feedback)
        for feedback in row.feedback:
            if feedback.usage is not None:
                self.tokens += feedback.usage.total_tokens
            if feedback.cost_usd is not None:
                self.usd = (self.usd or 0.0) + feedback.cost_usd
        if any(feedback.shadow_of is not None for feedback in row.feedback):
            self._beside.append((row.number, row.feedback))
        self._weigh(row)

    def _weigh(self, row: Row) -> None:
        """What failed weighs most, then low scores, then judgements that broke off; of equals the first."""
        against = [each for each in row.feedback if each.shadow_of is None and each.passed is False]
        broken = [each for each in row.feedback if each.shadow_of is None and each.outcome is Outcome.FAILED]
        doubtful = [each for each in row.feedback if each.shadow_of is not None and each.agrees is False]
        if not (against or broken or doubtful):
            return
        least = min((each.score for each in against if each.score is not None), default=0.0)
        entry = (len(against), -least, -row.number, Worst(row, (*against, *broken, *doubtful)))
        if len(self._worst) < WORST:
            heapq.heappush(self._worst, entry)
        else:
            heapq.heappushpop(self._worst, entry)
