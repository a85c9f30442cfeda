"""What spans around the steps of an agent say that no other span has said: frameworks write many that say nothing.

HTTP clients and servers, A2A, queues. They are kept, but do not drown what the agent did: those that are *quiet* stand
together in one step, and an attribute that baggage puts on span after span stands once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, cast

from .. import dialects
from ..attributes import AttributeValue
from ..dialects.base import Role
from ..trace import Span, Trace
from .tool_errors import span_error
from .walk import Walk

_PROTOCOL: Final = (
    *("asgi.", "client.", "code.", "http.", "messaging.", "net.", "network.", "otel.", "peer.", "rpc.", "server."),
    *("thread.", "url.", "user_agent."),
)
"""Attributes that say how something was sent, not what."""

_STATUSES: Final[Mapping[str, int]] = {
    "http.response.status_code": 400,
    "http.status_code": 400,
    "rpc.grpc.status_code": 1,
    "rpc.jsonrpc.error_code": 1,
}
"""Attributes that say how it went, and from which number on it went wrong."""

_SLOW: Final = 0.1  # of the time of the trace, without that of the children


class Noise:
    """The spans of one trace that stand around its steps."""

    def __init__(self, trace: Trace, walk: Walk) -> None:
        self._trace = trace
        self._walk = walk
        self._repeated = repeated(trace)
        self._slow_ns = trace.duration_ns * _SLOW

    def is_quiet(self, span: Span) -> bool:
        """Whether the span says nothing but that something was sent, and that it went well.

        Never quiet: the root; the first span in another service; whatever ran below a tool, since that is what the
        tool did; what failed or took a tenth of the trace's time by itself; and what carries content, an event, or an
        attribute of its own.
        """
        parent = self._trace.by_id.get(span.parent_span_id)
        if span is self._trace.root or (parent is not None and parent.service != span.service):
            return False
        content = dialects.read(span)
        if content.role is not Role.OTHER or content.captured or content.unread or span.proto.events:
            return False
        repeats = self._repeated.get(span.span_id, frozenset())
        for key, value in span.attributes.items():
            if key in _STATUSES:
                if _number(value) >= _STATUSES[key]:
                    return False
            elif not key.startswith(_PROTOCOL) and key not in repeats:
                return False
        return not self._is_in_tool(span) and span_error(span) is None and self._own_ns(span) < self._slow_ns

    def _is_in_tool(self, span: Span) -> bool:
        around = self._trace.by_id.get(self._walk.scopes[self._walk.place_of[span.span_id]])
        return around is not None and dialects.read(around).role is Role.TOOL

    def _own_ns(self, span: Span) -> int:
        return span.duration_ns - sum(child.duration_ns for child in self._trace.children(span))


def repeated(trace: Trace) -> Mapping[str, frozenset[str]]:
    """Attributes of a span that say what was said before, by span id: by a span around it; or an id, by any span.

    Only texts, as baggage has them; and how something was sent is each span's own. Worked out once a trace.
    """
    known = trace.memo.get(repeated)
    if known is None:
        known = trace.memo[repeated] = dict(_repeated(trace))
    return cast("Mapping[str, frozenset[str]]", known)


def _repeated(trace: Trace) -> Iterator[tuple[str, frozenset[str]]]:
    around: dict[tuple[str, str], int] = {}
    path: list[list[tuple[str, str]]] = []
    ids: set[tuple[str, str]] = set()
    for depth, span in trace.walk():
        while len(path) > depth:
            for pair in path.pop():
                around[pair] -= 1
        pairs = [
            (key, value)
            for key, value in span.attributes.items()
            if isinstance(value, str) and not key.startswith(_PROTOCOL)
        ]
        again = [pair[0] for pair in pairs if around.get(pair) or pair in ids]
        if again:
            yield span.span_id, frozenset(again)
        for pair in pairs:
            around[pair] = around.get(pair, 0) + 1
            if pair[0].endswith(("id", "Id")):
                ids.add(pair)
        path.append(pairs)


def _number(value: AttributeValue) -> float:
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0
    return value if isinstance(value, int | float) else 0
