"""What each instrument measured over all traces, as the page shows it: numbers of two are never added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final

from .. import intervals
from ..feedback import Outcome
from ..judge.tools.answer import cut
from ..results import Instrument, ScoreStats, Tally

BINS: Final = 10  # of the histogram of scores
_LABELS: Final = 12  # that are told one by one
_NAME: Final = 200  # characters


class Aggregates:
    """Of what was counted. `names` are the scorers in their order."""

    def __init__(self, tallies: Mapping[Instrument, Tally], scorers: Iterable[str]) -> None:
        self._tallies = tallies
        self._order = {name: number for number, name in enumerate(scorers)}

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(cut(instrument.name, _NAME) for instrument in self._ordered()))

    def as_dicts(self) -> list[dict[str, Any]]:
        """For the page, in order."""
        joined = self._joined()
        return [_as_dict(instrument, joined[instrument]) for instrument in self._ordered() if instrument in joined]

    def _joined(self) -> dict[Instrument, Tally]:
        """What ended before a model had answered belongs to the model of the others, where there is only one."""
        joined = {instrument: Tally() for instrument in self._tallies}
        for instrument, tally in self._tallies.items():
            others = [each for each in joined if each.model is not None and _is_same_scorer(each, instrument)]
            unasked = instrument.model is None and not tally.outcomes(Outcome.JUDGED)
            joined[others[0] if unasked and len(others) == 1 else instrument].join(tally)
        return {instrument: tally for instrument, tally in joined.items() if tally.said}

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


def _as_dict(instrument: Instrument, tally: Tally) -> dict[str, Any]:
    rate = intervals.rate(tally.passed, tally.passed + tally.failed)
    known = next(iter(tally.calibrations)) if len(tally.calibrations) == 1 else None
    labels: Counter[tuple[str, str]] = Counter()
    for said, times in tally.said.items():
        labels[cut(said.label, _NAME), said.meaning] += times
    return {
        **instrument._asdict(),
        "name": cut(instrument.name, _NAME),
        "judged": tally.outcomes(Outcome.JUDGED),
        "passed": tally.passed,
        "failed": tally.failed,
        "not_judgeable": tally.outcomes(Outcome.NOT_JUDGEABLE),
        "failures": tally.outcomes(Outcome.FAILED),
        "rate": None if rate.value is None else [rate.value, rate.low, rate.high],
        "labels": [[*named, times] for named, times in sorted(labels.items(), key=_most_first)[:_LABELS]],
        "more_labels": max(0, len(labels) - _LABELS),
        "scores": _scores(tally.scores),
        "cost_usd": tally.cost_usd,
        "tokens": tally.tokens,
        "seconds": median(tally.seconds),
        "whole": tally.reading["whole"],
        "explored": tally.reading["explored"],
        "forced": tally.forced,
        "unverified": tally.unverified,
        "calibration": _calibration(instrument, tally),
        "kappa": None if known is None else [known.kappa, known.kappa_low, known.kappa_high, known.labels],
    }


def _calibration(instrument: Instrument, tally: Tally) -> str | None:
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
