"""Joins what messages say of tools to the spans that ran them: each call of a tool becomes one step."""

from __future__ import annotations

from collections import deque

from ..dialects.base import ToolCall, ToolResult
from ..trace import Span, Trace
from .places import Place
from .tool_calls import Draft, runs
from .tool_matching import SpanPool, canonical
from .walk import Walk


class ToolJoiner:
    """The tools of one trace. Calls and results come in the order of their conversation."""

    def __init__(self, trace: Trace, walk: Walk) -> None:
        self.runs: dict[str, Draft] = {}
        """Uses that have a span of their own, by its id."""
        self._pool: SpanPool[Draft] = SpanPool()
        self._by_id: dict[tuple[str, str], Draft] = {}
        self._latest: dict[str, Draft] = {}
        self._waiting: dict[tuple[str, str | None], deque[Draft]] = {}
        self._told: set[int] = set()
        scopes = {span.span_id: scope for span, scope in zip(walk.spans, walk.scopes, strict=True)}
        for draft in runs(trace):
            self.runs[draft.span.span_id] = draft
            for name in (_within(scopes[draft.span.span_id], draft.name), draft.name):
                self._pool.add(draft, name, draft.arguments, draft.call_id)

    def call(self, scope: str, call: ToolCall, span: Span, path: str, *, past: bool) -> Draft | bool:
        """A new call: the draft of a use without a span. Where a span stands for it: whether it ran as asked.

        `past`: the call is from an earlier run, so that only an id can join it to a span of this trace.
        """
        arguments = call.arguments or None
        joined = None
        if call.id is not None or not past:
            joined = self._pool.take(_within(scope, call.name), arguments, call.id)
            joined = joined or self._pool.take(call.name, arguments, call.id)
        draft = joined or Draft(call.name, span, span.start_ns, call.id, run=False)
        draft.take_arguments(arguments, Place(span.span_id, path))
        if call.id is not None:
            self._by_id[scope, call.id] = self._latest[call.id] = draft
        for name in (call.name, None):
            self._waiting.setdefault((scope, name), deque()).append(draft)
        return draft if joined is None else _same(draft.arguments or "", call.arguments)

    def result(self, scope: str, result: ToolResult, span: Span, path: str) -> bool:
        """A new result, given to its call. False where no call is known, or where its span says something else."""
        draft = self._find(scope, result)
        if draft is None:
            return False
        self._told.add(id(draft))
        draft.take_result(result.result, Place(span.span_id, path))
        return _same(draft.result or "", result.result)

    def _find(self, scope: str, result: ToolResult) -> Draft | None:
        if result.id is not None:
            draft = self._by_id.get((scope, result.id)) or self._latest.get(result.id)
            if draft is None and (draft := self._pool.take(result.name or "", None, result.id)) is not None:
                self._by_id[scope, result.id] = draft
            return draft
        waiting = self._waiting.get((scope, result.name))
        while waiting:
            draft = waiting.popleft()
            if id(draft) not in self._told:
                return draft
        return None


def _within(scope: str, name: str) -> str:
    """A tool as one agent has it: without ids, its calls are first looked for among what ran below that agent."""
    return f"{scope} {name}"


def _same(captured: str, told: str) -> bool:
    """Whether a result is what the span of the tool recorded, or a part of that, or the other way round."""
    first, second = captured.strip(), told.strip()
    if first == second or (first and second and (first in second or second in first)):
        return True
    return canonical(first) == canonical(second)
