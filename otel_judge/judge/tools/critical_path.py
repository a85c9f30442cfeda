"""Which spans a trace's time was spent in."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from ...trace import Trace
from .tree import Tree, tree_of

_Stretch: TypeAlias = tuple[int, int]


class _Run(NamedTuple):
    """A child that the path is in, from one nanosecond to another."""

    child: int
    start: int
    end: int


def own_times(trace: Trace) -> tuple[array[int], int]:
    """Nanoseconds that each span, by position in its tree, adds to the critical path; and the length of the path.

    The path goes down from the root, of a session from the root of each turn. At each moment it is in a child that has
    spans below it, else in any other child, else in the span itself; of several such children, in the one that ended
    last. A span lasts as long as what is below it, since callbacks outlive who started them; and a child with nothing
    below it, beside one that works, is mostly one that waits for it, such as an open stream. The parts add up to the
    duration of the roots. Sorting aside, the work is linear.
    """
    tree = tree_of(trace)
    own = array("Q", bytes(8 * len(tree)))
    if not len(tree):
        return own, 0
    lasting = _lasting(tree)
    waiting = [
        _Run(tree.positions[root.span_id], root.start_ns, root.start_ns + root.duration_ns) for root in trace.main_roots
    ]
    while waiting:
        position, start, end = waiting.pop()
        children = tree.children(position)
        busy, left = _cover((child for child in children if tree.ends[child] > child + 1), lasting, start, end)
        waiting += busy
        others, _ = _cover((child for child in children if tree.ends[child] == child + 1), lasting, start, end)
        own[position] = sum(until - since for since, until in left)
        for child, shared in _shared(others, left):
            own[child] += shared
            own[position] -= shared
    return own, sum(root.duration_ns for root in trace.main_roots)


def _lasting(tree: Tree) -> list[_Stretch]:
    """Start and end of each span with all that is below it."""
    lasting = [(span.start_ns, span.end_ns) for span in tree.spans]
    for position in reversed(range(len(tree))):
        start, end = lasting[position]
        for child in tree.children(position):
            start, end = min(start, lasting[child][0]), max(end, lasting[child][1])
        lasting[position] = start, end
    return lasting


def _cover(children: Iterable[int], lasting: list[_Stretch], start: int, end: int) -> tuple[list[_Run], list[_Stretch]]:
    """From the end backwards, each moment in the child that ended last; and what no child covers. Latest first."""
    runs, left = list[_Run](), list[_Stretch]()
    for child in sorted(children, key=lambda child: -lasting[child][1]):
        since, until = max(lasting[child][0], start), min(lasting[child][1], end)
        if since < until:
            if until < end:
                left.append((until, end))
            runs.append(_Run(child, since, until))
            end = since
    if start < end:
        left.append((start, end))
    return runs, left


def _shared(runs: list[_Run], stretches: list[_Stretch]) -> Iterable[tuple[int, int]]:
    """How much of the stretches each run takes; both are disjoint, the latest first."""
    run = stretch = 0
    while run < len(runs) and stretch < len(stretches):
        child, since, until = runs[run]
        begin, end = stretches[stretch]
        if (shared := min(until, end) - max(since, begin)) > 0:
            yield child, shared
        if since >= begin:
            run += 1
        else:
            stretch += 1
