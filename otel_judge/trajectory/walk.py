"""A trace in the order of its tree, with what surrounds each span, worked out in one walk."""

from __future__ import annotations

from .. import dialects
from ..dialects.base import Role
from ..trace import Span, Trace


class Walk:
    """Spans parents first, siblings by start time. All lists have an entry for each place in that order."""

    def __init__(self, trace: Trace) -> None:
        self.spans: list[Span] = []
        self.place_of: dict[str, int] = {}
        """By span id."""
        self.levels: list[int] = []
        """How deep a span stands among the steps: model calls are no level, tools may run beside or below."""
        self.scopes: list[str] = []
        """The nearest agent or tool around it: whose conversation a model call belongs to. Empty for none."""
        self.ends: list[int] = []
        """The last place below it, or its own."""
        path: list[tuple[int, str, int]] = []  # for each depth: level and scope of what is one deeper, and the place
        for depth, span in trace.walk():
            self._leave(path, depth)
            level, scope, _ = path[-1] if path else (0, "", 0)
            role = dialects.read(span).role
            path.append(
                (
                    level + (role is not Role.MODEL),
                    span.span_id if role in (Role.AGENT, Role.TOOL) else scope,
                    len(self.spans),
                )
            )
            self.place_of[span.span_id] = len(self.spans)
            self.spans.append(span)
            self.levels.append(level)
            self.scopes.append(scope)
            self.ends.append(len(self.spans) - 1)
        self._leave(path, 0)

    def _leave(self, path: list[tuple[int, str, int]], depth: int) -> None:
        while len(path) > depth:
            self.ends[path.pop()[2]] = len(self.spans) - 1
