"""Which spans enclose which, read once for a whole trace."""

from __future__ import annotations

from collections.abc import Collection

from .. import dialects
from ..dialects.base import Role
from ..trace import Span, Trace


def enclosing(trace: Trace, roles: Collection[Role], *, walls: Collection[Role] = ()) -> dict[str, Span | None]:
    """For each span of one of `roles`, by span id, parents first: the nearest such span around it, or None.

    A span of a role in `walls` between the two hides the outer from the inner; `OTHER` is in neither. Worked out once a
    trace: the dict is shared, and not to be changed.
    """
    inside, hiding = frozenset(roles), frozenset(walls)
    return trace.once((enclosing, inside, hiding), lambda: _enclosing(trace, inside, hiding))


def _enclosing(trace: Trace, roles: Collection[Role], walls: Collection[Role]) -> dict[str, Span | None]:
    nearest: dict[str, Span | None] = {}
    path: list[tuple[int, Span | None]] = []  # around a span: depth, and what encloses that which is deeper
    for left, depth, span, role in trace.once(_roles, lambda: _roles(trace)):
        while path and path[-1][0] >= left:
            path.pop()
        if role in roles:
            nearest[span.span_id] = path[-1][1] if path else None
            path.append((depth, span))
        elif role in walls:
            path.append((depth, None))
    return nearest


def _roles(trace: Trace) -> list[tuple[int, int, Span, Role]]:
    """Every span but those of `OTHER`, parents first, with its depth and role.

    Before the depth stands the least one since the span before it: the walk has left all that was deeper.
    """
    found, left = list[tuple[int, int, Span, Role]](), 0
    for depth, span in trace.walk():
        role = dialects.read(span).role
        left = min(left, depth)
        if role is not Role.OTHER:
            found.append((left, depth, span, role))
            left = depth + 1  # what comes next may be below this one
    return found
