"""The tree of a trace in rows: what `list_spans` shows, worked out once a trace.

A span is known by its position, parents before children and siblings by start time. Where a parent has many children
of the same names, the first of each name stand for the others, and the last child is always shown: agents loop, and
the 500th turn reads as the fifth. Every pass is linear, whatever the depth.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ... import dialects
from ...lazy import lazy
from ...trace import Span, Trace

_SHOWN = 3  # children of each name that are shown one by one
_SHORTEST = 4  # siblings that make a fold


class Fold(NamedTuple):
    """Siblings that stand in one row."""

    end: int
    """Position after the last of them and what is below it."""
    names: Mapping[str, int]
    parent: Span | None


class Tree:
    """The spans of a trace by position."""

    def __init__(self, trace: Trace) -> None:
        self.lock = trace.lock
        self.spans: list[Span] = []
        self.depths = array("i")
        for depth, span in trace.walk():
            self.spans.append(span)
            self.depths.append(depth)
        self.ends = self._ends()
        """Position after the last span below each."""

    def __len__(self) -> int:
        return len(self.spans)

    @lazy
    def positions(self) -> Mapping[str, int]:
        """Position by span id."""
        return {span.span_id: position for position, span in enumerate(self.spans)}

    @lazy
    def errors_before(self) -> array[int]:
        """Spans with status ERROR before each position, and in all."""
        counts, count = array("I", [0]), 0
        for status in self.statuses:
            count += status == "ERROR"
            counts.append(count)
        return counts

    @lazy
    def folds(self) -> Mapping[int, Fold]:
        """What is folded, by the position at which it starts."""
        found: dict[int, Fold] = {}
        self._fold(None, self.children(None), found)
        for position, end in enumerate(self.ends):
            if end > position + 1:
                self._fold(position, self.children(position), found)
        return found

    @lazy
    def names(self) -> Sequence[str]:
        """Name of each span."""
        return [span.name for span in self.spans]

    @lazy
    def statuses(self) -> Sequence[str]:
        """Status code of each span."""
        return [span.status_code for span in self.spans]

    @lazy
    def durations(self) -> Sequence[int]:
        """Nanoseconds of each span."""
        return array("Q", [span.duration_ns for span in self.spans])

    @lazy
    def roles(self) -> Sequence[str]:
        """Role of each span."""
        return [dialects.read(span).role.value for span in self.spans]

    def children(self, position: int | None) -> list[int]:
        """Positions of the children; of the roots for None."""
        child, end = (0, len(self.spans)) if position is None else (position + 1, self.ends[position])
        found = list[int]()
        while child < end:
            found.append(child)
            child = self.ends[child]
        return found

    def rows(self, start: int, end: int) -> array[int]:
        """Positions of the rows between two positions: of a span, or of a fold where one starts."""
        rows, position, folds = array("I"), start, self.folds
        while position < end:
            rows.append(position)
            fold = folds.get(position)
            position = position + 1 if fold is None else fold.end
        return rows

    def _ends(self) -> array[int]:
        ends = array("I", bytes(array("I").itemsize * len(self.spans)))
        above = list[int]()
        for position, depth in enumerate(self.depths):
            while len(above) > depth:
                ends[above.pop()] = position
            above.append(position)
        for position in above:
            ends[position] = len(self.spans)
        return ends

    def _fold(self, parent: int | None, children: Sequence[int], found: dict[int, Fold]) -> None:
        if len(children) < _SHOWN + _SHORTEST:
            return
        met, stretch = Counter[str](), list[int]()
        for child in children[:-1]:
            name = self.spans[child].name
            met[name] += 1
            if met[name] > _SHOWN:
                stretch.append(child)
            else:
                self._add_fold(parent, stretch, found)
                stretch = []
        self._add_fold(parent, stretch, found)

    def _add_fold(self, parent: int | None, stretch: Sequence[int], found: dict[int, Fold]) -> None:
        if len(stretch) >= _SHORTEST:
            names = Counter(self.spans[child].name for child in stretch)
            above = None if parent is None else self.spans[parent]
            found[stretch[0]] = Fold(self.ends[stretch[-1]], names, above)


def tree_of(trace: Trace) -> Tree:
    """The tree of a trace. Worked out once a trace."""
    return trace.once(tree_of, lambda: Tree(trace))
