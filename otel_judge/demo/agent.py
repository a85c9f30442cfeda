"""A small agent loop, instrumented by hand in the GenAI semantic conventions.

The model is a script: it answers with the replies it was given, one after the other. All else is as in a real
agent: tools are functions that run, fail and are answered for, and the spans are the SDK's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, format_trace_id, set_span_in_context

from .shop import Clock, Shop

MODEL = "scripted"
_LANES = 20  # tool calls of one reply that run at once
_START_S = 0.001  # until the first call; without it, a score at the root's start would share the first line
_NOT_TEXT = frozenset({"type", "role", "id", "finish_reason"})


@dataclass(frozen=True, slots=True)
class Call:
    """The model asks for a tool."""

    tool: str
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the scripted model. With calls, the loop goes on; without, the text is the final answer."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    finish_reason: str | None = None
    """By default `tool_call` or `stop`, as fits."""
    takes_s: float = 0.9

    @property
    def finish(self) -> str:
        return self.finish_reason or ("tool_call" if self.calls else "stop")


@dataclass(frozen=True, slots=True)
class Run:
    """One conversation with one agent."""

    title: str
    agent: str
    conversation: str
    instructions: str
    question: str
    replies: Sequence[Reply]
    started_ago_s: float
    """How long ago it began. It ends a little before now."""
    max_tokens: int = 1024
    turns_remembered: int | None = None
    """Only so many of the latest turns stay in the model's context. None: all of them."""


@dataclass(frozen=True, slots=True)
class Played:
    """A run that has been played."""

    title: str
    trace_id: str
    """32 hex digits."""
    spans: int


def play(run: Run, tracer: Tracer, now_ns: int) -> Played:
    """Play a run as if it had begun `started_ago_s` before `now_ns` (Unix nanoseconds)."""
    clock = Clock(now_ns)
    clock.spend(-run.started_ago_s)
    agent = _Agent(run, tracer, clock)
    return Played(run.title, agent.answer(), agent.spans)


class _Agent:
    """One agent at work on one run."""

    def __init__(self, run: Run, tracer: Tracer, clock: Clock) -> None:
        self._run = run
        self._tracer = tracer
        self._clock = clock
        self._shop = Shop(clock)
        self._instructions = _json([_text(run.instructions)])
        self._usage = [0, 0]
        self._calls = 0
        self.spans = 0

    def answer(self) -> str:
        """Work until the script ends. Returns the trace id."""
        run = self._run
        question = _message("user", [_text(run.question)])
        root = self._span(
            "invoke_agent",
            run.agent,
            None,
            {
                "gen_ai.provider.name": MODEL,
                "gen_ai.request.model": MODEL,
                "gen_ai.system_instructions": self._instructions,
                "gen_ai.tool.definitions": _json(self._definitions()),
                "gen_ai.input.messages": _json([question]),
            },
        )
        self._clock.spend(_START_S)
        turns: list[list[object]] = []
        reply = Reply()
        for number, reply in enumerate(run.replies):
            remembered = turns if run.turns_remembered is None else turns[-run.turns_remembered :]
            history = [question, *(message for turn in remembered for message in turn)]
            ids = [f"call_{self._calls + place + 1:04d}" for place in range(len(reply.calls))]
            self._calls += len(ids)
            said = self._chat(root, f"resp-{run.conversation}-{number + 1}", history, reply, ids)
            results = self._execute_all(root, reply.calls, ids)
            turns.append([said, _message("tool", results)])
        root.set_attributes(
            {
                "gen_ai.output.messages": _json([_message("assistant", [_text(reply.text)], reply.finish)]),
                "gen_ai.response.finish_reasons": [reply.finish],
                "gen_ai.usage.input_tokens": self._usage[0],
                "gen_ai.usage.output_tokens": self._usage[1],
            }
        )
        root.end(end_time=self._clock.now_ns)
        return format_trace_id(root.get_span_context().trace_id)

    def _chat(
        self, root: Span, response_id: str, history: Sequence[object], reply: Reply, ids: Sequence[str]
    ) -> object:
        parts: list[object] = [_text(reply.text)] if reply.text else []
        for call, call_id in zip(reply.calls, ids, strict=True):
            parts.append({"type": "tool_call", "id": call_id, "name": call.tool, "arguments": call.arguments})
        said = _message("assistant", parts, reply.finish)
        read, wrote = _tokens(self._run.instructions) + _tokens(history), _tokens(parts)
        self._usage = [self._usage[0] + read, self._usage[1] + wrote]
        span = self._span(
            "chat",
            MODEL,
            root,
            {
                "gen_ai.provider.name": MODEL,
                "gen_ai.request.model": MODEL,
                "gen_ai.request.max_tokens": self._run.max_tokens,
                "gen_ai.response.model": MODEL,
                "gen_ai.response.id": response_id,
                "gen_ai.response.finish_reasons": [reply.finish],
                "gen_ai.usage.input_tokens": read,
                "gen_ai.usage.output_tokens": wrote,
                "gen_ai.system_instructions": self._instructions,
                "gen_ai.input.messages": _json(history),
                "gen_ai.output.messages": _json([said]),
            },
            kind=SpanKind.CLIENT,
        )
        self._clock.spend(reply.takes_s)
        span.end(end_time=self._clock.now_ns)
        return said

    def _execute_all(self, root: Span, calls: Sequence[Call], ids: Sequence[str]) -> list[object]:
        """Run the calls of one reply side by side, each in the lane that is free first."""
        lanes = [self._clock.now_ns] * min(len(calls), _LANES)
        results: list[object] = []
        for call, call_id in zip(calls, ids, strict=True):
            lane = lanes.index(min(lanes))
            self._clock.now_ns = lanes[lane]
            results.append(self._execute(root, call, call_id))
            lanes[lane] = self._clock.now_ns
        self._clock.now_ns = max(lanes, default=self._clock.now_ns)
        return results

    def _execute(self, root: Span, call: Call, call_id: str) -> object:
        tool: Callable[..., object] = getattr(self._shop, call.tool)
        span = self._span(
            "execute_tool",
            call.tool,
            root,
            {
                "gen_ai.tool.name": call.tool,
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.id": call_id,
                "gen_ai.tool.call.arguments": _json(call.arguments),
            },
        )
        try:
            result = tool(**call.arguments)
        except Exception as error:  # noqa: BLE001 - the model is told, as in any agent loop
            kind = type(error).__name__
            span.record_exception(error, timestamp=self._clock.now_ns)
            span.set_attribute("error.type", kind)
            span.set_status(Status(StatusCode.ERROR, f"{kind}: {error}"))
            result = {"error": f"{kind}: {error}"}
        else:
            span.set_attribute("gen_ai.tool.call.result", _json(result))
        span.end(end_time=self._clock.now_ns)
        return {"type": "tool_call_response", "id": call_id, "response": result}

    def _span(
        self,
        operation: str,
        subject: str,
        parent: Span | None,
        attributes: Mapping[str, str | int | Sequence[str]],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Span:
        self.spans += 1
        return self._tracer.start_span(
            f"{operation} {subject}",
            context=set_span_in_context(parent) if parent is not None else None,
            kind=kind,
            attributes={
                "gen_ai.operation.name": operation,
                "gen_ai.agent.name": self._run.agent,
                "gen_ai.conversation.id": self._run.conversation,
                **attributes,
            },
            start_time=self._clock.now_ns,
        )

    def _definitions(self) -> list[object]:
        used = dict.fromkeys(call.tool for reply in self._run.replies for call in reply.calls)
        return [{"type": "function", "name": name, "description": getattr(Shop, name).__doc__} for name in used]


def _text(content: str) -> object:
    return {"type": "text", "content": content}


def _message(role: str, parts: Sequence[object], finish_reason: str | None = None) -> object:
    message: dict[str, object] = {"role": role, "parts": parts}
    if finish_reason is not None:
        message["finish_reason"] = finish_reason
    return message


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _tokens(content: object) -> int:
    """About as many tokens as a model would count: one for four characters of text."""
    return -(-_characters(content) // 4)


def _characters(content: object) -> int:
    if isinstance(content, Mapping):
        fields = cast("Mapping[str, object]", content)
        return sum(_characters(value) for key, value in fields.items() if key not in _NOT_TEXT)
    if isinstance(content, list | tuple):
        return sum(_characters(value) for value in cast("Sequence[object]", content))
    return len(str(content))
