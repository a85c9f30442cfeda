"""OpenTelemetry semantic conventions for generative AI, with the older names that are still met.

Names: semantic-conventions-genai (Development); the older ones were in the main repository up to 1.41.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..attributes import Attributes
from ..trace import Span
from .base import Content, Dialect, Message, Role, Text, TokenUsage, ToolResult, ToolRun
from .gen_ai_events import DETAILS, Said, read_events
from .gen_ai_messages import read_instructions, read_messages
from .json_values import as_text, named, text_of, texts_of
from .usage import usage_of

_PREFIX: Final = "gen_ai."

OPERATIONS: Final[Mapping[object, Role]] = {
    "chat": Role.MODEL,
    "text_completion": Role.MODEL,
    "generate_content": Role.MODEL,
    "execute_tool": Role.TOOL,
    "invoke_agent": Role.AGENT,
    "create_agent": Role.AGENT,
    "invoke_workflow": Role.WORKFLOW,
    "embeddings": Role.EMBEDDING,
    "retrieval": Role.RETRIEVAL,
}
"""By gen_ai.operation.name. An operation of another name is told by what the span carries."""

_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
_RESULT: Final = "gen_ai.tool.call.result"
_INPUT: Final = "gen_ai.input.messages"
_OUTPUT: Final = "gen_ai.output.messages"
_INSTRUCTIONS: Final = "gen_ai.system_instructions"
_NOTHING_SAID: Final = Said(None, None)
_TEXTS: Final[Mapping[str, str]] = {
    "gen_ai.response.model": "model",
    "gen_ai.request.model": "model",
    "gen_ai.provider.name": "provider",
    "gen_ai.system": "provider",
    "gen_ai.agent.name": "agent",
    "gen_ai.conversation.id": "conversation_id",
    "session.id": "conversation_id",
    "user.id": "user",
    "enduser.id": "user",
    "gen_ai.response.id": "response_id",
    "error.type": "error",
}
"""The field of `Content` that an attribute holds."""


class _GenAi:
    name = "gen_ai"
    marks = (_PREFIX,)

    def read(self, span: Span, role: Role | None) -> Content | None:
        attributes = span.attributes
        has_events = bool(span.proto.events)
        details = _details(span) if has_events else None
        carried = {**details, **attributes} if details else attributes
        usage = _usage(carried)
        told = _role(carried, usage)
        instructions = read_instructions(carried.get(_INSTRUCTIONS))
        messages = read_messages(carried.get(_INPUT), "user")
        output = read_messages(carried.get(_OUTPUT), "assistant")
        read = [_ARGUMENTS, _RESULT] if told is Role.TOOL else []
        if instructions:
            read.append(_INSTRUCTIONS)
        if messages is not None:
            read.append(_INPUT)
        if output is not None:
            read.append(_OUTPUT)
        said = _NOTHING_SAID
        if has_events and (messages is None or output is None):
            said = read_events((event.name, event.attributes) for event in span.events)
        is_tool = Role.TOOL in (told, role)
        if not is_tool:
            messages = said.input if messages is None else messages
            output = said.output if output is None else output
        if told is Role.OTHER and (said.input is not None or said.output is not None):
            told = Role.MODEL
        texts = named(carried, _TEXTS)
        return Content(
            dialect=self.name,
            role=told,
            input=(instructions + (messages or ())) if instructions or messages is not None else None,
            output=output,
            tool=_tool(carried, said) if is_tool else None,
            model=texts.get("model"),
            provider=texts.get("provider"),
            usage=usage,
            finish_reasons=_finish_reasons(carried, output),
            agent=texts.get("agent"),
            conversation_id=texts.get("conversation_id"),
            user=texts.get("user"),
            response_id=texts.get("response_id"),
            error=texts.get("error"),
            content_keys=frozenset([key for key in read if key in attributes]),
        )


def _details(span: Span) -> Attributes | None:
    return next((event.attributes for event in span.events if event.name == DETAILS), None)


def _role(attributes: Attributes, usage: TokenUsage | None) -> Role:
    operation = attributes.get("gen_ai.operation.name")
    if isinstance(operation, str) and operation in OPERATIONS:
        return OPERATIONS[operation]
    if "gen_ai.tool.name" in attributes or "gen_ai.tool.call.id" in attributes:
        return Role.TOOL
    says_something = usage is not None or _INPUT in attributes or _OUTPUT in attributes
    if not says_something and "gen_ai.response.id" not in attributes:
        # Baggage puts the agent, the conversation, even the model on HTTP spans: alone they tell nothing.
        return Role.OTHER
    if "gen_ai.request.model" in attributes or "gen_ai.response.model" in attributes:
        return Role.MODEL
    # Agents report the sum over their model calls, and no model of their own.
    return Role.AGENT if "gen_ai.agent.name" in attributes else Role.MODEL


def _tool(attributes: Attributes, said: Said) -> ToolRun:
    arguments, result = _captured(attributes, _ARGUMENTS), _captured(attributes, _RESULT)
    return ToolRun(
        name=text_of(attributes, "gen_ai.tool.name") or "",
        arguments=_told(said.input) if arguments is None else arguments,
        result=_told(said.output) if result is None else result,
        call_id=text_of(attributes, "gen_ai.tool.call.id"),
    )


def _captured(attributes: Attributes, key: str) -> str | None:
    return as_text(attributes[key]) if key in attributes else None


def _told(messages: tuple[Message, ...] | None) -> str | None:
    """What events of a tool's span tell of its call or answer."""
    if messages is None:
        return None
    parts = (part for message in messages for part in message.parts)
    return "\n".join(
        part.result if isinstance(part, ToolResult) else part.text
        for part in parts
        if isinstance(part, Text | ToolResult)
    )


def _usage(attributes: Attributes) -> TokenUsage | None:
    return usage_of(
        attributes,
        ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
        ("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens"),
    )


def _finish_reasons(attributes: Attributes, output: tuple[Message, ...] | None) -> tuple[str, ...]:
    return texts_of(attributes.get("gen_ai.response.finish_reasons")) or tuple(
        message.finish_reason for message in output or () if message.finish_reason
    )


DIALECT: Dialect = _GenAi()
