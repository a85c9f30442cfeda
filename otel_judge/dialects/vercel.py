"""Vercel AI SDK up to version 6 (`ai.*`). From 7 on it writes the GenAI conventions.

`ai.generateText` and `ai.streamText` run tools in a loop, so they are agents; `….doGenerate` and `….doStream` below
them are the model calls.
"""

from __future__ import annotations

from typing import Final

from ..attributes import Attributes
from ..trace import Span
from .base import Content, Dialect, Message, Reasoning, Role, Text, TokenUsage, ToolCall, ToolRun
from .json_values import as_text, count_of, text_of
from .values import Conversation, arguments_of, result_of

_OPERATION: Final = "ai.operationId"
_AGENTS: Final = frozenset({"ai.generateText", "ai.streamText"})
_MODELS: Final = frozenset(
    {
        *("ai.generateText.doGenerate", "ai.streamText.doStream", "ai.generateObject", "ai.streamObject"),
        *("ai.generateObject.doGenerate", "ai.streamObject.doStream"),
    }
)
_TOOL: Final = "ai.toolCall"
_CALLS: Final = "ai.response.toolCalls"
_ANSWERS: Final = ("ai.response.reasoning", "ai.response.text", "ai.response.object", _CALLS)
_METADATA: Final = "ai.telemetry.metadata."


class _Vercel:
    name = "vercel"
    marks = (_OPERATION,)

    def read(self, span: Span, role: Role | None) -> Content | None:  # noqa: ARG002 - values are named by what they are
        attributes = span.attributes
        operation = attributes.get(_OPERATION)
        if not isinstance(operation, str):
            return None
        told = _role(operation)
        given_key = next((key for key in ("ai.prompt.messages", "ai.prompt") if key in attributes), None)
        given = Conversation(attributes[given_key], "user").messages if given_key is not None else None
        finish = text_of(attributes, "ai.response.finishReason")
        is_tool = told is Role.TOOL
        read = ("ai.toolCall.args", "ai.toolCall.result") if is_tool else (given_key, *_ANSWERS)
        return Content(
            dialect=self.name,
            role=told,
            input=None if is_tool else given,
            output=None if is_tool else _answer(attributes, finish),
            tool=_tool(attributes) if is_tool else None,
            model=text_of(attributes, "ai.response.model", "ai.model.id"),
            provider=text_of(attributes, "ai.model.provider"),
            usage=_usage(attributes),
            finish_reasons=(finish,) if finish else (),
            agent=text_of(attributes, "ai.telemetry.functionId") if told is Role.AGENT else None,
            conversation_id=text_of(attributes, f"{_METADATA}sessionId", f"{_METADATA}threadId"),
            user=text_of(attributes, f"{_METADATA}userId"),
            response_id=text_of(attributes, "ai.response.id"),
            content_keys=frozenset(key for key in read if key is not None and key in attributes),
        )


def _role(operation: str) -> Role:
    if operation in _AGENTS:
        return Role.AGENT
    if operation in _MODELS:
        return Role.MODEL
    if operation == _TOOL:
        return Role.TOOL
    return Role.EMBEDDING if operation.startswith("ai.embed") else Role.OTHER


def _answer(attributes: Attributes, finish: str | None) -> tuple[Message, ...] | None:
    parts: list[Reasoning | Text | ToolCall] = []
    found = False
    for key in _ANSWERS:
        value = attributes.get(key)
        if value is None:
            continue
        found = True
        if key == _CALLS:
            messages = Conversation(value, "assistant").messages or ()
            calls = (part for message in messages for part in message.parts)
            parts += [part for part in calls if isinstance(part, ToolCall | Text)]
        elif text := as_text(value):
            parts.append(Reasoning(text) if key == _ANSWERS[0] else Text(text))
    if not found:
        return None
    return (Message("assistant", tuple(parts), finish),) if parts else ()


def _tool(attributes: Attributes) -> ToolRun:
    return ToolRun(
        name=text_of(attributes, "ai.toolCall.name") or "",
        arguments=arguments_of(attributes.get("ai.toolCall.args")),
        result=result_of(attributes.get("ai.toolCall.result")),
        call_id=text_of(attributes, "ai.toolCall.id"),
    )


def _usage(attributes: Attributes) -> TokenUsage | None:
    usage = TokenUsage(
        input_tokens=count_of(attributes, "ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"),
        output_tokens=count_of(attributes, "ai.usage.outputTokens", "ai.usage.completionTokens"),
        cache_read_tokens=count_of(attributes, "ai.usage.cachedInputTokens"),
    )
    return usage if usage.input_tokens is not None or usage.output_tokens is not None else None


DIALECT: Dialect = _Vercel()
