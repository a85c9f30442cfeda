"""Confusion tables and what is measured on them, with bootstrap intervals.

A table of counts holds all that pairs of two classes say, so a resample of the pairs is one multinomial draw over its
cells: exact, and as fast for 10,000 pairs as for 10.

Intervals are percentiles. The draws come from the observed shares with two pairs spread evenly over all cells: the
plain bootstrap takes what has not been seen in 20 labels for impossible, and its 95 % intervals then hold the truth in
as little as 35 % of the cases (docs/decisions/0006-intervals.md).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from ..intervals import MOST_NUMBERS, Bootstrap, Measure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts: TypeAlias = "NDArray[np.float64]"

ADDED_PAIRS: Final = 2.0  # spread over all cells before the draws


@dataclass(frozen=True, slots=True)
class Table:
    """A confusion table: `counts[i][j]` pairs in which people said class `i` and the judge class `j`."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Table:
        """Of pairs (what people said, what the judge said). Classes are in alphabetical order."""
        pairs = list(pairs)
        classes = tuple(sorted({word for pair in pairs for word in pair}))
        place = {word: number for number, word in enumerate(classes)}
        counts = [[0] * len(classes) for _ in classes]
        for said, judged in pairs:
            counts[place[said]][place[judged]] += 1
        return cls(classes, tuple(map(tuple, counts)))

    @property
    def n(self) -> int:
        return sum(map(sum, self.counts))


@dataclass(frozen=True, slots=True)
class Measures:
    """What a confusion table says."""

    accuracy: Measure
    kappa: Measure
    """Cohen's: agreement beyond what chance would give; 1 is perfect, 0 is chance."""
    tpr: Measure | None
    """Of what people passed, the share that the judge passes. None unless it is known which classes pass."""
    tnr: Measure | None
    """Of what people failed, the share that the judge fails."""
    recall: Mapping[str, Measure]
    """Of what people called so, the share that the judge calls so, by class."""

    def named(self) -> dict[str, Measure]:
        """The four that gates and calibrations name; without those that the classes do not have."""
        both = {"accuracy": self.accuracy, "kappa": self.kappa, "tpr": self.tpr, "tnr": self.tnr}
        return {name: measure for name, measure in both.items() if measure is not None}


def measure(table: Table, passes: Mapping[str, bool], bootstrap: Bootstrap) -> Measures:
    """Measures a table. `passes` says of a class whether it passes; TPR and TNR need it of all of them."""
    import numpy as np

    counts = np.array(table.counts, dtype=np.float64).reshape(len(table.classes), len(table.classes))
    passing = None
    if all(name in passes for name in table.classes):
        passing = np.array([passes[name] for name in table.classes], dtype=bool)
    names = ["accuracy", "kappa", "tpr", "tnr", *table.classes]
    values = _statistics(counts[np.newaxis], passing)[:, 0]
    low, high = _interval(_draw(counts, passing, bootstrap), bootstrap.confidence)
    people = counts.sum(axis=1)
    rests_on = [table.n, table.n, 0, 0, *people]
    if passing is not None:
        rests_on[2:4] = [people[passing].sum(), people[~passing].sum()]
    found = [
        _measure(value, lowest, highest, int(n))
        for value, lowest, highest, n in zip(values, low, high, rests_on, strict=True)
    ]
    by_name = dict(zip(names[:4], found[:4], strict=True))
    return Measures(
        by_name["accuracy"],
        by_name["kappa"],
        by_name["tpr"] if passing is not None else None,
        by_name["tnr"] if passing is not None else None,
        dict(zip(table.classes, found[4:], strict=True)),
    )


def correlation(pairs: Sequence[tuple[float, float]], bootstrap: Bootstrap) -> Measure:
    """Spearman's rank correlation of scores, ties at their mean rank; by resampling the pairs as they are."""
    import numpy as np

    n = len(pairs)
    if n < 2:
        return Measure(None, None, None, n)
    said, judged = np.array(pairs, dtype=np.float64).T
    # Ranks of all pairs stand for those of a resample: close enough for an interval, and one matrix operation.
    ranks = np.stack([_ranks(said), _ranks(judged)])
    draws = np.random.default_rng(bootstrap.seed)
    found: list[Counts] = []
    at_once = max(1, MOST_NUMBERS // n)
    for start in range(0, bootstrap.rounds, at_once):
        chosen = draws.integers(n, size=(min(at_once, bootstrap.rounds - start), n))
        found.append(_pearson(ranks[0][chosen], ranks[1][chosen]))
    low, high = _interval(np.concatenate(found)[np.newaxis], bootstrap.confidence)
    return _measure(_pearson(ranks[:1], ranks[1:])[0], low[0], high[0], n)


def _statistics(counts: Counts, passing: NDArray[np.bool_] | None) -> Counts:
    """Accuracy, kappa, TPR, TNR and each class's recall (rows) of several tables (columns); NaN where undefined."""
    import numpy as np

    n = counts.sum(axis=(1, 2))
    people, judge = counts.sum(axis=2), counts.sum(axis=1)
    agreed = np.diagonal(counts, axis1=1, axis2=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        accuracy = agreed.sum(axis=1) / n
        chance = (people * judge).sum(axis=1) / n**2
        kappa = np.where(chance < 1, (accuracy - chance) / (1 - chance), np.nan)
        undefined = np.full_like(accuracy, np.nan)
        tpr = tnr = undefined
        if passing is not None:
            tpr = counts[:, passing][:, :, passing].sum(axis=(1, 2)) / people[:, passing].sum(axis=1)
            tnr = counts[:, ~passing][:, :, ~passing].sum(axis=(1, 2)) / people[:, ~passing].sum(axis=1)
        recall = agreed / people
    return np.stack([accuracy, kappa, tpr, tnr, *recall.T])


def _draw(counts: Counts, passing: NDArray[np.bool_] | None, bootstrap: Bootstrap) -> Counts:
    """The statistics of as many resamples as there are rounds."""
    import numpy as np

    n = int(counts.sum())
    if not n:
        return np.full((4 + len(counts), 1), np.nan)
    shares = (counts.ravel() + ADDED_PAIRS / counts.size) / (n + ADDED_PAIRS)
    draws = np.random.default_rng(bootstrap.seed)
    found: list[Counts] = []
    at_once = max(1, MOST_NUMBERS // counts.size)
    for start in range(0, bootstrap.rounds, at_once):
        drawn = draws.multinomial(n, shares, size=min(at_once, bootstrap.rounds - start))
        found.append(_statistics(drawn.reshape(-1, *counts.shape).astype(np.float64), passing))
    return np.concatenate(found, axis=1)


def _interval(drawn: Counts, confidence: float) -> tuple[Counts, Counts]:
    """The percentiles of each row; resamples in which a statistic is undefined are left out."""
    import numpy as np

    edge = 50 * (1 - confidence)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a row that is undefined everywhere gives NaN
        low, high = np.nanpercentile(drawn, [edge, 100 - edge], axis=1)
    return low, high


def _measure(value: float, low: float, high: float, n: int) -> Measure:
    if not (math.isfinite(value) and math.isfinite(low) and math.isfinite(high)):
        return Measure(None, None, None, n)
    return Measure(float(value), float(min(low, value)), float(max(high, value)), n)


def _ranks(values: Counts) -> Counts:
    import numpy as np

    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]


def _pearson(left: Counts, right: Counts) -> Counts:
    """Of each row with the same row of the other; NaN where one of them does not vary."""
    import numpy as np

    left = left - left.mean(axis=1, keepdims=True)
    right = right - right.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (left * right).sum(axis=1) / np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
