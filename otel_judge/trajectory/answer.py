"""What was asked and what was answered."""

from __future__ import annotations

from dataclasses import dataclass

from .. import dialects
from ..dialects.base import Content, Message, Role, ToolCall
from ..trace import Span, Trace
from .model_calls import model_calls, same_call
from .nesting import enclosing


@dataclass(frozen=True, slots=True)
class FinalOutput:
    """The last thing that was said to whoever asked."""

    span: Span
    """Where it stands, at the path `output`."""
    message: Message
    """Without parts where the output was captured and is empty."""
    finish_reason: str | None
    """Why the model stopped, as it was written."""
    pending: tuple[ToolCall, ...] = ()
    """Tools that it asks for last. A run that a model ended in words is not pending, whatever calls its agent lists."""

    @property
    def text(self) -> str:
        return self.message.text


def final_output(trace: Trace) -> FinalOutput | None:
    """The final answer; None where it was not captured.

    It is the output of the outermost agent that ended last, or of a workflow around all agents; where that was not
    captured, the output of the last model call; where the trace has none, what its root recorded.
    """
    last = last_model_span(trace)
    model = _captured_beside(trace, last) if last is not None else None
    agent = outermost_agent(trace)
    for span in (trace.root, agent) if trace.spans else ():
        if span is not None and _speaks(content := dialects.read(span)):
            finish = _finish_reason(content) or (_finish_reason(dialects.read(model or last)) if last else None)
            message = _last_message(content)
            in_words = message.text and model is not None and not _calls(_last_message(dialects.read(model)))
            return FinalOutput(span, message, finish, () if in_words else _calls(message))
    if model is not None:
        return _output_of(model)
    if last is None and agent is None and trace.spans and dialects.read(trace.root).output is not None:
        return _output_of(trace.root)
    return None


def user_request(trace: Trace) -> str | None:
    """The first message of a user; None where none was captured."""
    by_role: dict[Role, Span] = {}
    for _, span in trace.walk():
        content = dialects.read(span)
        if content.role not in by_role and _first_user(content) is not None:
            by_role[content.role] = span
    for role in (Role.AGENT, Role.WORKFLOW, Role.MODEL, Role.OTHER):
        if role in by_role:
            return _first_user(dialects.read(by_role[role]))
    return None


def outermost_agent(trace: Trace) -> Span | None:
    """Of the agents that run within no other agent, the one that ended last."""
    agents = enclosing(trace, {Role.AGENT})
    outermost = [trace.by_id[span_id] for span_id, around in agents.items() if around is None]
    return max(reversed(outermost), key=_ended, default=None)


def last_model_span(trace: Trace) -> Span | None:
    """The model call that started last: one that a tool of another call made may well end before that one."""
    calls = model_calls(trace)
    return calls[-1].span if calls else None


def _captured_beside(trace: Trace, call: Span) -> Span | None:
    """Of the spans that describe the same model call, the one that ended last and holds its output."""
    firsts = same_call(trace, enclosing(trace, {Role.MODEL}, walls=(Role.AGENT, Role.TOOL)))
    same = [trace.by_id[span_id] for span_id, first in firsts.items() if first == firsts[call.span_id]]
    captured = [span for span in same if dialects.read(span).output is not None]
    return max(captured, key=lambda span: (span is call, _ended(span)), default=None)


def _output_of(span: Span) -> FinalOutput:
    content = dialects.read(span)
    message = _last_message(content)
    return FinalOutput(span, message, _finish_reason(content), _calls(message))


def _calls(message: Message) -> tuple[ToolCall, ...]:
    return tuple(part for part in message.parts if isinstance(part, ToolCall))


def _speaks(content: Content) -> bool:
    return content.role in (Role.AGENT, Role.WORKFLOW) and content.output is not None


def _last_message(content: Content) -> Message:
    messages = content.output or ()
    return next(
        (message for message in reversed(messages) if message.role != "tool"),
        Message("assistant", ()),
    )


def _finish_reason(content: Content) -> str | None:
    return _last_message(content).finish_reason or (content.finish_reasons[-1] if content.finish_reasons else None)


def _first_user(content: Content) -> str | None:
    return next((message.text for message in content.input or () if message.role == "user" and message.text), None)


def _ended(span: Span) -> tuple[int, int]:
    return max(span.end_ns, span.start_ns), span.start_ns
