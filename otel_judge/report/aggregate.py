"""What each instrument measured over all traces.

A scorer of two versions, or of two models, is two instruments: their numbers stand beside each other, never added.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

from ..feedback import Calibration, Feedback, Outcome
from ..intervals import wilson
from ..judge.tools.answer import cut
from ..results import ScoreStats

BINS = 10  # of the histogram of scores
_LABELS = 12  # that are told one by one
_NAME = 200  # characters
GRADED = ("pass", "fail", "graded")


class Instrument(NamedTuple):
    """Who measured."""

    name: str
    kind: str
    version: str
    model: str | None
    rung: str | None
    shadow_of: str | None


@dataclass
class _Tally:
    labels: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """By label and what it means: pass, fail, graded, not_judgeable or failed."""
    scores: list[float] = field(default_factory=list[float])
    costs: list[float] = field(default_factory=list[float])
    seconds: list[float] = field(default_factory=list[float])
    tokens: int = 0
    reading: Counter[str] = field(default_factory=Counter[str])
    forced: int = 0
    unverified: int = 0
    calibrations: set[Calibration | None] = field(default_factory=set[Calibration | None])

    def add(self, feedback: Feedback) -> None:
        self.labels[cut(feedback.label, _NAME), meaning(feedback)] += 1
        if feedback.score is not None and math.isfinite(feedback.score):
            self.scores.append(feedback.score)
        if feedback.cost_usd is not None:
            self.costs.append(feedback.cost_usd)
        self.seconds.append(feedback.duration_s)
        self.tokens += feedback.usage.total_tokens if feedback.usage is not None else 0
        self.reading[feedback.reading or ""] += 1
        self.forced += feedback.forced is not None
        self.unverified += sum(not each.verified for each in feedback.evidence)
        self.calibrations.add(feedback.calibrated_by)

    def join(self, other: _Tally) -> None:
        self.labels += other.labels
        self.scores += other.scores
        self.costs += other.costs
        self.seconds += other.seconds
        self.tokens += other.tokens
        self.reading += other.reading
        self.forced += other.forced
        self.unverified += other.unverified
        self.calibrations |= other.calibrations

    def counts(self, *meanings: str) -> int:
        return sum(count for (_, meant), count in self.labels.items() if meant in meanings)


def meaning(feedback: Feedback) -> str:
    """What a label says, in one of five words."""
    if feedback.outcome is not Outcome.JUDGED:
        return feedback.outcome.value
    return "graded" if feedback.passed is None else "pass" if feedback.passed else "fail"


class Aggregates:
    """Counts feedback as it comes. `names` are the scorers in their order."""

    def __init__(self, scorers: Sequence[str]) -> None:
        self._order = {name: number for number, name in enumerate(scorers)}
        self._tallies: dict[Instrument, _Tally] = {}
        self.judged_at_ns = 0
        """When the last verdict was given, Unix time; 0 where nobody says."""

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(cut(instrument.name, _NAME) for instrument in self._ordered()))

    def add(self, feedback: Iterable[Feedback]) -> None:
        for each in feedback:
            scorer = each.scorer
            instrument = Instrument(each.name, scorer.kind, scorer.version, each.model, each.rung, each.shadow_of)
            self._tallies.setdefault(instrument, _Tally()).add(each)
            self.judged_at_ns = max(self.judged_at_ns, each.judged_at_ns)

    def as_dicts(self) -> list[dict[str, Any]]:
        """For the page, in order."""
        joined = self._joined()
        return [_as_dict(instrument, joined[instrument]) for instrument in self._ordered() if instrument in joined]

    def _joined(self) -> dict[Instrument, _Tally]:
        """What ended before a model had answered belongs to the model of the others, where there is only one."""
        joined = {instrument: _Tally() for instrument in self._tallies}
        for instrument, tally in self._tallies.items():
            others = [each for each in joined if each.model is not None and _is_same_scorer(each, instrument)]
            unasked = instrument.model is None and not tally.counts(*GRADED)
            joined[others[0] if unasked and len(others) == 1 else instrument].join(tally)
        return {instrument: tally for instrument, tally in joined.items() if tally.labels}

    def _ordered(self) -> list[Instrument]:
        """Judges before checks, as configured, a shadow after its primary."""

        def rank(instrument: Instrument) -> tuple[object, ...]:
            primary = instrument.shadow_of or instrument.name
            place = self._order.get(primary, len(self._order))
            known = (instrument.version, instrument.model or "", instrument.rung or "")
            shadow = instrument.shadow_of is not None
            return instrument.kind == "check", place, primary, shadow, instrument.name, known

        return sorted(self._tallies, key=rank)


def _is_same_scorer(one: Instrument, other: Instrument) -> bool:
    return one._replace(model=None, rung=None) == other._replace(model=None, rung=None)


def _as_dict(instrument: Instrument, tally: _Tally) -> dict[str, Any]:
    passed, failed = tally.counts("pass"), tally.counts("fail")
    graded = passed + failed
    rate = passed / graded if graded else None
    known = next(iter(tally.calibrations)) if len(tally.calibrations) == 1 else None
    return {
        **instrument._asdict(),
        "name": cut(instrument.name, _NAME),
        "judged": tally.counts(*GRADED),
        "passed": passed,
        "failed": failed,
        "not_judgeable": tally.counts("not_judgeable"),
        "failures": tally.counts("failed"),
        "rate": None if rate is None else [rate, *wilson(rate, graded)],
        "labels": [[*named, count] for named, count in sorted(tally.labels.items(), key=_most_first)[:_LABELS]],
        "more_labels": max(0, len(tally.labels) - _LABELS),
        "scores": _scores(tally.scores),
        "cost_usd": math.fsum(tally.costs) if tally.costs else None,
        "tokens": tally.tokens,
        "seconds": median(tally.seconds),
        "whole": tally.reading["whole"],
        "explored": tally.reading["explored"],
        "forced": tally.forced,
        "unverified": tally.unverified,
        "calibration": _calibration(instrument, tally),
        "kappa": None if known is None else [known.kappa, known.kappa_low, known.kappa_high, known.labels],
    }


def _calibration(instrument: Instrument, tally: _Tally) -> str | None:
    if instrument.kind == "check":
        return None
    return "uncalibrated" if None in tally.calibrations else "calibrated"


def _most_first(each: tuple[tuple[str, str], int]) -> tuple[int, tuple[str, str]]:
    return -each[1], each[0]


def _scores(scores: Sequence[float]) -> dict[str, Any] | None:
    """The histogram; None where scores say no more than labels do."""
    if not set(scores) - {0.0, 1.0}:
        return None
    low, high = min(0.0, *scores), max(1.0, *scores)
    bins = [0] * BINS
    for score in scores:
        bins[min(BINS - 1, int((score - low) / (high - low) * BINS))] += 1
    stats = ScoreStats.of(scores)
    return {
        "low": low,
        "high": high,
        "bins": bins,
        "mean": stats.mean,
        "p50": stats.p50,
        "p95": stats.p95,
        "n": stats.n,
    }
