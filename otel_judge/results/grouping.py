"""Rows put together by what they are about, and the summaries of each group while rows come and go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .row import Row
from .summary import Summary, summaries
from .tally import ByInstrument, Instrument, Tally, count

TAG = "tag"
"""The key of a row's tags; a row with two is in two groups."""
NO_VALUE = "(none)"
"""The group of the rows that have no value for the key."""


def groups_of(row: Row, key: str) -> Sequence[str]:
    """The groups that a row is in."""
    if key == TAG:
        return row.tags or (NO_VALUE,)
    return (row.about.get(key, NO_VALUE),)


class Tallies:
    """Counts rows that need not be held: over all, and by each key that was asked for."""

    def __init__(self, scorers: Iterable[str], by: Iterable[str] = ()) -> None:
        self._scorers = tuple(scorers)
        self._all: ByInstrument = {}
        self._by: dict[str, dict[str, ByInstrument]] = {key: {} for key in by}

    @property
    def instruments(self) -> Mapping[Instrument, Tally]:
        """Each instrument alone, shadows too."""
        return self._all

    def add(self, row: Row) -> None:
        count(self._all, row.feedback)
        for key, groups in self._by.items():
            for value in groups_of(row, key):
                count(groups.setdefault(value, {}), row.feedback)

    def summaries(self) -> list[Summary]:
        """Over all rows, in the order of the scorers, and after them names that scorers gave of their own."""
        return summaries(self._all, self._scorers)

    def by(self) -> Mapping[str, Mapping[str, Sequence[Summary]]]:
        """By key and value; the values in order."""
        return {
            key: {value: summaries(groups[value], self._scorers) for value in sorted(groups)}
            for key, groups in self._by.items()
        }
