"""Uses of tools, each once, from the spans that ran them and the messages that speak of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from .. import dialects
from ..dialects.base import Content, Message, Role, ToolCall, ToolResult, ToolRun
from ..trace import Span, Trace
from .model_calls import model_calls
from .nesting import enclosing
from .places import Place
from .tool_errors import result_says_error, span_error
from .tool_matching import SpanPool


class ToolUse(NamedTuple):
    """One use of a tool."""

    name: str
    arguments: str | None
    """As the model or the instrumentation wrote them; None where not captured."""
    result: str | None
    """None where not captured, or never given."""
    call_id: str | None
    span_id: str
    """The span that ran the tool; where there is none, the span in whose messages the call first stands."""
    ran: bool
    """There is a span that ran it."""
    arguments_at: Place | None
    result_at: Place | None
    error: str | None
    """What went wrong, in the trace's own words; None if nothing says that the use failed."""
    error_at: Place | None

    @property
    def failed(self) -> bool:
        return self.error is not None

    @property
    def succeeded(self) -> bool:
        """False too where the trace does not tell."""
        return self.error is None and (self.ran or self.result is not None)


@dataclass(slots=True)
class Draft:
    """A use while the trace is read."""

    name: str
    span: Span
    at_ns: int
    call_id: str | None
    run: bool
    arguments: str | None = None
    result: str | None = None
    arguments_at: Place | None = None
    result_at: Place | None = None
    error: tuple[str, Place] | None = None

    def take_arguments(self, arguments: str | None, place: Place) -> None:
        if self.arguments is None and arguments is not None:
            self.arguments, self.arguments_at = arguments, place

    def take_result(self, result: str | None, place: Place) -> None:
        if self.result is None and result is not None:
            self.result, self.result_at = result, place

    def finish(self) -> ToolUse:
        error = self.error
        if error is None and self.result is not None and self.result_at is not None and result_says_error(self.result):
            error = self.result, self.result_at
        return ToolUse(
            name=self.name,
            arguments=self.arguments,
            result=self.result,
            call_id=self.call_id,
            span_id=self.span.span_id,
            ran=self.run,
            arguments_at=self.arguments_at,
            result_at=self.result_at,
            error=error[0] if error else None,
            error_at=error[1] if error else None,
        )


def tool_calls(trace: Trace) -> tuple[ToolUse, ...]:
    """Each use of a tool once, in the order in which they happened.

    - A tool span is one use. Tool spans nested in one of the same tool (a framework's around an MCP client's)
      describe the same use.
    - A call in a model's output is the use whose span carries its call id, or, where one of the two has no id, the
      next span of that tool with the same arguments. A call without a span is a use by itself.
    - Messages repeat the conversation: a call or result that was met before is not met again. Calls that stand only
      in an input count from the last user message on; what stands before it belongs to earlier runs.
    """
    return trace.once(tool_calls, lambda: _tool_calls(trace))


def _tool_calls(trace: Trace) -> tuple[ToolUse, ...]:
    reader = _Reader()
    for draft in runs(trace):
        reader.add_run(draft)
    models = {call.span.span_id for call in model_calls(trace)}
    talking = [span for span in trace.spans if dialects.read(span).role in (Role.MODEL, Role.AGENT, Role.WORKFLOW)]
    for span in talking:
        if span.span_id in models:
            content = dialects.read(span)
            reader.read_input(span, content)
            reader.read_output(span, content, is_new=True)
    for span in talking:  # what only agents, or spans around a model call, have captured
        if span.span_id not in models:
            content = dialects.read(span)
            reader.read_input(span, content)
            reader.read_output(span, content, is_new=False)
    return tuple(draft.finish() for draft in sorted(reader.drafts, key=lambda draft: draft.at_ns))


def runs(trace: Trace) -> Iterator[Draft]:
    """Tool spans as uses, by start time; nested ones of the same tool as one."""
    drafts: dict[str, Draft] = {}
    around = enclosing(trace, {Role.TOOL}, walls=(Role.AGENT, Role.MODEL))
    for span_id, outer in around.items():  # parents first
        span = trace.by_id[span_id]
        run = dialects.read(span).tool or ToolRun(span.name, None, None)
        same = drafts.get(outer.span_id) if outer is not None else None
        error = span_error(span)
        if same is not None and same.name == run.name and run.call_id in (None, same.call_id):
            # Of several tries inside, the last one decides, unless the outer span itself says that it failed.
            if same.error is None or same.error[1].span_id != same.span.span_id:
                same.error = error
            draft = same
        else:
            draft = Draft(run.name, span, span.start_ns, run.call_id, run=True, error=error)
        draft.take_arguments(run.arguments, Place(span_id, "tool.arguments"))
        draft.take_result(run.result, Place(span_id, "tool.result"))
        drafts[span_id] = draft
    for span in trace.spans:
        draft = drafts.get(span.span_id)
        if draft is not None and draft.span is span:
            yield draft


class _Reader:
    """Reads messages in order and finds for each call and result the use that it belongs to."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self._pool: SpanPool[Draft] = SpanPool()
        self._by_id: dict[str, Draft] = {}
        """The latest use with that id: some models number their calls anew in each turn."""
        self._without_id: dict[str, list[Draft]] = {}
        """Uses whose calls carry no id, by tool, in order: known again by their place in the conversation."""

    def add_run(self, draft: Draft) -> None:
        self.drafts.append(draft)
        self._pool.add(draft, draft.name, draft.arguments, draft.call_id)

    def read_output(self, span: Span, content: Content, *, is_new: bool) -> None:
        """`is_new`: the output of a model call, whose calls were never met; else they may be known already."""
        known: dict[str, int] = {}
        for message in content.output or ():
            for part in message.parts:
                if isinstance(part, ToolCall):
                    if is_new:
                        self._open(part, span, "output")
                    else:
                        self._meet(part, span, "output", known)
        self._read_results(content.output or (), Place(span.span_id, "output"))

    def read_input(self, span: Span, content: Content) -> None:
        messages = content.input or ()
        last_user = max((number for number, message in enumerate(messages) if message.role == "user"), default=-1)
        known: dict[str, int] = {}
        for number, message in enumerate(messages):
            for part in message.parts:
                if isinstance(part, ToolCall):
                    self._meet(part, span, "input", known, may_open=number > last_user)
        self._read_results(messages, Place(span.span_id, "input"))

    def _meet(self, call: ToolCall, span: Span, path: str, known: dict[str, int], *, may_open: bool = True) -> None:
        """A call that may have been met before. `known` counts the calls without id of this conversation so far."""
        if call.id is not None:
            met = self._by_id.get(call.id) is not None
        else:
            number = known[call.name] = known.get(call.name, 0) + 1
            met = number <= len(self._without_id.get(call.name, ()))
        if not met and may_open:
            self._open(call, span, path)

    def _open(self, call: ToolCall, span: Span, path: str) -> None:
        arguments = call.arguments or None
        draft = self._pool.take(call.name, arguments, call.id)
        if draft is None:
            at_ns = span.start_ns if path == "input" else max(span.start_ns, span.end_ns)
            draft = Draft(call.name, span, at_ns, call.id, run=False)
            self.drafts.append(draft)
        draft.take_arguments(arguments, Place(span.span_id, path))
        if call.id is None:
            self._without_id.setdefault(call.name, []).append(draft)
        else:
            self._by_id[call.id] = draft

    def _read_results(self, messages: Iterable[Message], place: Place) -> None:
        latest: dict[str, str] = {}
        counted: dict[str, int] = {}
        for message in messages:
            for part in message.parts:
                if not isinstance(part, ToolResult):
                    continue
                if part.id is not None:
                    latest[part.id] = part.result  # of an id used twice, the last stands for the latest use
                elif part.name is not None:
                    number = counted[part.name] = counted.get(part.name, 0) + 1
                    uses = self._without_id.get(part.name, ())
                    if number <= len(uses):
                        uses[number - 1].take_result(part.result, place)
        for call_id, result in latest.items():
            draft = self._by_id.get(call_id)
            if draft is not None:
                draft.take_result(result, place)
