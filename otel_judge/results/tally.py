"""What each instrument said, counted as it comes. Every figure that is shown, saved or gated is made of these counts.

A scorer of two versions, or of two models, is two instruments: whoever puts their numbers together has to say so.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from ..feedback import Calibration, Feedback, Outcome


class Instrument(NamedTuple):
    """What measured."""

    name: str
    kind: str
    version: str
    model: str | None
    """As the provider named it; None for code, and where no model answered."""
    rung: str | None
    shadow_of: str | None

    @classmethod
    def of(cls, feedback: Feedback) -> Instrument:
        scorer = feedback.scorer
        return cls(scorer.name, scorer.kind, scorer.version, feedback.model, feedback.rung, feedback.shadow_of)

    def __str__(self) -> str:
        return f"{self.version} ({self.model})" if self.model else self.version


class Said(NamedTuple):
    """A label with what it stands for."""

    label: str
    outcome: Outcome
    passed: bool | None

    @property
    def meaning(self) -> str:
        """In one of five words."""
        if self.outcome is not Outcome.JUDGED:
            return self.outcome.value
        return "graded" if self.passed is None else "pass" if self.passed else "fail"


class Tally:
    """Numbers of one instrument, or of several once they are joined. It holds 24 bytes a verdict, and no text but
    labels.
    """

    def __init__(self) -> None:
        self.said: Counter[Said] = Counter()
        self.scores: array[float] = array("d")
        self.seconds: array[float] = array("d")
        self.tokens = 0
        self.reading: Counter[str | None] = Counter()
        self.forced = 0
        """Verdicts that had to be given at a limit."""
        self.unverified = 0
        """Quotes that do not stand where the verdict says."""
        self.calibrations: set[Calibration | None] = set()
        self._costs: array[float] = array("d")

    def add(self, feedback: Feedback) -> None:
        self.said[Said(feedback.label, feedback.outcome, feedback.passed)] += 1
        if feedback.score is not None and math.isfinite(feedback.score):
            self.scores.append(feedback.score)
        self.seconds.append(feedback.duration_s)
        if feedback.cost_usd is not None:
            self._costs.append(feedback.cost_usd)
        if feedback.usage is not None:
            self.tokens += feedback.usage.total_tokens
        self.reading[feedback.reading] += 1
        self.forced += feedback.forced is not None
        self.unverified += sum(not each.verified for each in feedback.evidence)
        self.calibrations.add(feedback.calibrated_by)

    def join(self, other: Tally) -> None:
        """Takes in what another counted."""
        self.said += other.said
        self.scores += other.scores
        self.seconds += other.seconds
        self.tokens += other.tokens
        self.reading += other.reading
        self.forced += other.forced
        self.unverified += other.unverified
        self.calibrations |= other.calibrations
        self._costs += other._costs

    def outcomes(self, outcome: Outcome) -> int:
        return sum(count for said, count in self.said.items() if said.outcome is outcome)

    @property
    def passed(self) -> int:
        return sum(count for said, count in self.said.items() if said.passed)

    @property
    def failed(self) -> int:
        """A scorer may let a verdict that is missing fail: it counts here too."""
        return sum(count for said, count in self.said.items() if said.passed is not None and not said.passed)

    @property
    def cost_usd(self) -> float | None:
        """The same in whatever order the costs came. None where nothing had a price."""
        return math.fsum(self._costs) if self._costs else None


ByInstrument: TypeAlias = dict[Instrument, Tally]
"""In the order in which the instruments were first heard."""


def count(tallies: ByInstrument, feedback: Iterable[Feedback]) -> None:
    for each in feedback:
        instrument = Instrument.of(each)
        tally = tallies.get(instrument)
        if tally is None:
            tally = tallies[instrument] = Tally()
        tally.add(each)
