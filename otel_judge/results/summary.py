"""How often a scorer said what. A `Tally` takes feedback as it comes and keeps numbers alone; its `Summary` is a value.

The pass rate is over what passed and failed. What could not be judged stands beside it, never in it.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Literal, NamedTuple

from .. import intervals
from ..feedback import Feedback, Outcome
from ..grades import Value
from ..intervals import Measure, percentile
from .row import Row

NO_VERDICT_SHARE = 0.05  # past it, a gate and whoever reads the rate must look at the worst case too


@dataclass(frozen=True, slots=True)
class ScoreStats:
    """Of the scores of one scorer."""

    mean: float
    p50: float
    p95: float
    """Percentiles lie between two scores where they fall there."""
    n: int
    low: float | None = None
    """Of the bootstrap's 95 % interval of the mean; None for a single score."""
    high: float | None = None

    @classmethod
    def of(cls, scores: Sequence[float]) -> ScoreStats:
        """Of at least one score."""
        ordered = sorted(scores)
        mean = intervals.mean(ordered)
        return cls(fmean(ordered), percentile(ordered, 0.50), percentile(ordered, 0.95), mean.n, mean.low, mean.high)

    def as_dict(self) -> dict[str, Value]:
        return {
            "mean": self.mean,
            "low": self.low,
            "high": self.high,
            "p50": self.p50,
            "p95": self.p95,
            "n": self.n,
        }


class Instrument(NamedTuple):
    """What measured: numbers of different ones are never put together unsaid."""

    version: str
    model: str | None
    """As the provider named it; None for code, and where no model answered."""

    def __str__(self) -> str:
        return f"{self.version} ({self.model})" if self.model else self.version


@dataclass(frozen=True)
class Summary:
    """What one scorer said, in numbers."""

    name: str
    labels: Counter[str]
    passed: int
    failed: int
    not_judgeable: int
    failures: int
    """Judgements that broke off."""
    scores: Sequence[float] = ()
    calibration: Literal["calibrated", "uncalibrated"] | None = None
    """`uncalibrated` where any of the verdicts is; None for a check."""
    kappa: float | None = None
    """With people, of a calibrated judge."""
    instruments: tuple[Instrument, ...] = ()
    """Those that gave a grade. More than one: the numbers are of different things."""
    cost_usd: float | None = None
    """None where nothing had a price."""
    tokens: int = 0

    @property
    def judged(self) -> int:
        """Feedback with a grade."""
        return self.labels.total() - self.no_verdict

    @property
    def no_verdict(self) -> int:
        """Feedback without one: it could not be judged, or judging failed."""
        return self.not_judgeable + self.failures

    @cached_property
    def score_stats(self) -> ScoreStats | None:
        """None where there is no score."""
        return ScoreStats.of(self.scores) if self.scores else None

    @property
    def pass_rate(self) -> float | None:
        """None where nothing passed or failed."""
        return self.interval.value

    @property
    def interval(self) -> Measure:
        """The pass rate with Wilson's 95 % interval."""
        return intervals.rate(self.passed, self.passed + self.failed)

    @property
    def worst_case(self) -> float | None:
        """The pass rate if all that has no verdict had failed; None where nothing passed or failed."""
        graded = self.passed + self.failed
        return self.passed / (graded + self.no_verdict) if graded else None

    @property
    def too_few_verdicts(self) -> bool:
        """Over 5 % have none: the pass rate alone would flatter."""
        return self.no_verdict > NO_VERDICT_SHARE * self.labels.total()

    def as_dict(self) -> dict[str, Value]:
        rate, stats = self.interval, self.score_stats
        judge = self.calibration is not None
        return {
            "pass_rate": rate.value,
            "interval": None if rate.value is None else [rate.low, rate.high],
            "passed": self.passed,
            "failed": self.failed,
            "n_not_judgeable": self.not_judgeable,
            "n_failed": self.failures,
            "labels": dict[str, Value](sorted(self.labels.items())),
            "scores": None if stats is None else stats.as_dict(),
            "instruments": [{"version": each.version, "model": each.model} for each in self.instruments],
            **({"calibration": self.calibration, "kappa": self.kappa} if judge else {}),
            **({"cost_usd": self.cost_usd, "tokens": self.tokens} if judge else {}),
        }


class Tally:
    """Takes the feedback of one scorer as it comes. What it holds does not grow with text, only by 8 bytes a score."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._labels: Counter[str] = Counter()
        self._passed: Counter[bool | None] = Counter()
        self._outcomes: Counter[Outcome] = Counter()
        self._scores: array[float] = array("d")
        self._stamps: set[Literal["calibrated", "uncalibrated"] | None] = set()
        self._kappas: set[float | None] = set()
        self._instruments: dict[Instrument, None] = {}
        self._cost_usd: float | None = None
        self._tokens = 0

    def add(self, feedback: Feedback) -> None:
        outcome = feedback.outcome
        self._labels[feedback.label] += 1
        self._passed[feedback.passed] += 1
        self._outcomes[outcome] += 1
        if feedback.score is not None:
            self._scores.append(feedback.score)
        if outcome is Outcome.JUDGED:
            self._instruments[Instrument(feedback.scorer.version, feedback.model)] = None
        self._stamps.add(feedback.calibration)
        if feedback.calibrated_by is not None:
            self._kappas.add(feedback.calibrated_by.kappa)
        if feedback.cost_usd is not None:
            self._cost_usd = (self._cost_usd or 0.0) + feedback.cost_usd
        if feedback.usage is not None:
            self._tokens += feedback.usage.total_tokens

    def summary(self) -> Summary:
        calibrated = self._stamps == {"calibrated"}
        return Summary(
            name=self.name,
            labels=Counter(self._labels),
            passed=self._passed[True],
            failed=self._passed[False],
            not_judgeable=self._outcomes[Outcome.NOT_JUDGEABLE],
            failures=self._outcomes[Outcome.FAILED],
            scores=self._scores[:],
            calibration="calibrated" if calibrated else "uncalibrated" if "uncalibrated" in self._stamps else None,
            kappa=next(iter(self._kappas)) if calibrated and len(self._kappas) == 1 else None,
            instruments=tuple(self._instruments),
            cost_usd=self._cost_usd,
            tokens=self._tokens,
        )


def summarise(rows: Iterable[Row], scorers: Iterable[str]) -> Iterator[Summary]:
    """One summary a scorer, in the order of `scorers`. Shadows are in none: see `agreement.shadow_reports`."""
    tallies = {name: Tally(name) for name in scorers}
    for row in rows:
        add(tallies, row)
    return (tally.summary() for tally in tallies.values())


def add(tallies: dict[str, Tally], row: Row) -> None:
    """Takes a row into the tallies of its scorers; a scorer in Python may give names of its own."""
    for feedback in row.feedback:
        if feedback.shadow_of is None:
            tally = tallies.get(feedback.name)
            if tally is None:
                tally = tallies[feedback.name] = Tally(feedback.name)
            tally.add(feedback)
