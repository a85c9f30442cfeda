"""How often a scorer said what, over all its instruments, as a value.

The pass rate is over what passed and failed. What could not be judged stands beside it, never in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Literal

from .. import intervals
from ..feedback import Outcome
from ..grades import Value
from ..intervals import Measure, percentile
from .row import Row
from .tally import ByInstrument, Instrument, Tally, count

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


def summaries(tallies: ByInstrument, scorers: Iterable[str]) -> list[Summary]:
    """One summary a scorer, in the order of `scorers`, and after them names that scorers gave of their own.

    Shadows are in none: see `agreement.shadow_reports`.
    """
    by_name: dict[str, ByInstrument] = {name: {} for name in scorers}
    for instrument, tally in tallies.items():
        if instrument.shadow_of is None:
            by_name.setdefault(instrument.name, {})[instrument] = tally
    return [_summary(name, own) for name, own in by_name.items()]


def summarise(rows: Iterable[Row], scorers: Iterable[str]) -> list[Summary]:
    """`summaries` of rows."""
    tallies: ByInstrument = {}
    for row in rows:
        count(tallies, row.feedback)
    return summaries(tallies, scorers)


def _summary(name: str, tallies: ByInstrument) -> Summary:
    whole = Tally()
    for tally in tallies.values():
        whole.join(tally)
    judges = [tally.calibrations for instrument, tally in tallies.items() if instrument.kind == "judge"]
    calibrated = len(judges) == len(tallies) > 0 and all(None not in each for each in judges)
    uncalibrated = any(None in each for each in judges)
    kappas = {each.kappa for each in whole.calibrations if each is not None}
    labels: Counter[str] = Counter()
    for said, times in whole.said.items():
        labels[said.label] += times
    return Summary(
        name=name,
        labels=labels,
        passed=whole.passed,
        failed=whole.failed,
        not_judgeable=whole.outcomes(Outcome.NOT_JUDGEABLE),
        failures=whole.outcomes(Outcome.FAILED),
        scores=whole.scores,
        calibration="calibrated" if calibrated else "uncalibrated" if uncalibrated else None,
        kappa=next(iter(kappas)) if calibrated and len(kappas) == 1 else None,
        instruments=tuple(each for each, tally in tallies.items() if tally.outcomes(Outcome.JUDGED)),
        cost_usd=whole.cost_usd,
        tokens=whole.tokens,
    )
