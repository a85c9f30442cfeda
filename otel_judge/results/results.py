"""`Results`: rows, and the numbers of each scorer by its key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..intervals import Measure
from .grouping import NO_VALUE, TAG, groups_of
from .row import Row
from .summary import ScoreStats, Summary, summarise

if TYPE_CHECKING:
    from .comparing import Diff


@dataclass(frozen=True, repr=False)
class Results:
    """What the scorers said. Numbers are kept by key, and asking for a key that nobody gave is an error."""

    rows: list[Row]
    """One for each trace or item, in order."""
    summaries: Mapping[str, Summary]
    """By key: those of the scorers in their order, and after them names that scorers gave of their own."""

    @classmethod
    def of(cls, rows: Iterable[Row], scorers: Iterable[str] = ()) -> Results:
        """Of rows, with keys in the order of `scorers`."""
        rows = list(rows)
        return cls(rows, {each.name: each for each in summarise(rows, scorers)})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.rows)} rows: {', '.join(self.summaries)}>"

    @property
    def keys(self) -> list[str]:
        return list(self.summaries)

    def pass_rate(self, key: str) -> float | None:
        """Passed of those that passed or failed; None where nothing was graded.

        What was not judgeable, or failed to be judged, does not count, but for `agent_judge(threshold=…)`, where a
        missing verdict is a fail. Raises `KeyError` for an unknown key, and `ValueError` for a scorer that knows no
        passing.
        """
        return self.interval(key).value

    def interval(self, key: str) -> Measure:
        """The pass rate with Wilson's 95 % interval. Raises as `pass_rate` does."""
        summary = self._summary(key)
        measure = summary.interval
        if measure.value is None and summary.judged:
            raise ValueError(f"{key!r} neither passes nor fails; set a threshold, or name the labels that pass")
        return measure

    def score_stats(self, key: str) -> ScoreStats:
        """Of the scores, those that were given. Raises `KeyError` for an unknown key, `ValueError` without scores."""
        summary = self._summary(key)
        stats = summary.score_stats
        if stats is None:
            raise ValueError(f"{key!r} gave no score; its labels are in value_counts({key!r})")
        return stats

    def value_counts(self, key: str) -> Counter[str]:
        """How often each label was given. Raises `KeyError` for an unknown key."""
        return Counter(self._summary(key).labels)

    def by(self, what: str) -> dict[str, Results]:
        """The results of each value of `what`: `service`, `agent`, `model`, `tag`, or an attribute that was asked for.

        Rows without a value are under `(none)`. Raises `KeyError` for what no row was put together by.
        """
        known = list(dict.fromkeys(key for row in self.rows for key in row.about))
        if any(row.tags for row in self.rows):
            known.append(TAG)
        if what not in known and self.rows:
            raise KeyError(f"no row has {what!r}; there are {', '.join(known) or 'none'}; `by=` asks for attributes")
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            for value in groups_of(row, what):
                groups.setdefault(value, []).append(row)
        ordered = sorted(groups, key=lambda value: (value == NO_VALUE, value))
        return {value: Results.of(groups[value], self.summaries) for value in ordered}

    def save(self, path: str | Path) -> None:
        """Writes what `load` reads, as JSON. Raises `SourceError`."""
        from .files import save

        save(path, self.rows, self.summaries.values())

    def diff(self, later: Results) -> Diff:
        """What changed from these results to later ones."""
        from .comparing import diff

        return diff(self, later)

    def _summary(self, key: str) -> Summary:
        if key not in self.summaries:
            raise KeyError(f"no scorer has the key {key!r}; there are {', '.join(self.summaries) or 'none'}")
        return self.summaries[key]
