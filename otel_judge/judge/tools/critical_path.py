"""Which spans a trace's time was spent in."""

from __future__ import annotations

from array import array

from ...trace import Trace
from .tree import Tree, tree_of


def own_times(trace: Trace) -> tuple[array[int], int]:
    """Nanoseconds that each span, by position in its tree, adds to the critical path; and the length of the path.

    The path is read backwards from the end of the root: at each moment it is in the child that ended last before
    then, and in the span itself where no child was running. Children that ran beside a later one are not on it.
    The parts add up to the duration of the root. Sorting aside, the work is linear.
    """
    tree = tree_of(trace)
    own = array("Q", bytes(8 * len(tree)))
    if not len(tree):
        return own, 0
    root = tree.positions[trace.root.span_id]
    start, end = trace.root.start_ns, trace.root.start_ns + trace.root.duration_ns
    waiting = [(root, start, end)]
    while waiting:
        position, start, end = waiting.pop()
        own[position] = _walk_back(tree, position, start, end, waiting)
    return own, trace.root.duration_ns


def _walk_back(tree: Tree, position: int, start: int, end: int, waiting: list[tuple[int, int, int]]) -> int:
    """The span's own share of `start` to `end`; its children on the path are added to `waiting`."""
    own, reached = 0, end
    for child in sorted(tree.children(position), key=lambda child: -tree.spans[child].end_ns):
        span = tree.spans[child]
        ended, began = min(span.end_ns, end), max(span.start_ns, start)
        if ended <= reached and began < ended:
            own += reached - ended
            waiting.append((child, began, ended))
            reached = began
    return own + reached - start
