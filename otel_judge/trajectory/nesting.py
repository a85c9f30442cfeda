"""Which spans enclose which, read once for a whole trace."""

from __future__ import annotations

from collections.abc import Collection

from .. import dialects
from ..dialects.base import Role
from ..trace import Span, Trace


def enclosing(trace: Trace, roles: Collection[Role], *, walls: Collection[Role] = ()) -> dict[str, Span | None]:
    """For each span of one of `roles`, by span id, parents first: the nearest such span around it, or None.

    A span of a role in `walls` between the two hides the outer from the inner. Worked out once a trace: the dict is
    shared, and not to be changed.
    """
    inside, hiding = frozenset(roles), frozenset(walls)
    return trace.once((enclosing, inside, hiding), lambda: _enclosing(trace, inside, hiding))


def _enclosing(trace: Trace, roles: Collection[Role], walls: Collection[Role]) -> dict[str, Span | None]:
    nearest: dict[str, Span | None] = {}
    path: list[Span | None] = []  # for each depth of the walk: what encloses the spans one deeper
    for depth, span, role in trace.once(_roles, lambda: _roles(trace)):
        del path[depth:]
        outer = path[-1] if path else None
        if role in roles:
            nearest[span.span_id] = outer
            path.append(span)
        else:
            path.append(None if role in walls else outer)
    return nearest


def _roles(trace: Trace) -> list[tuple[int, Span, Role]]:
    """Every span with its depth and role, parents first."""
    return [(depth, span, dialects.read(span).role) for depth, span in trace.walk()]
