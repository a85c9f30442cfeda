"""Messages of the GenAI semantic conventions, and the shapes of providers and frameworks in which they are met.

A message is `{role, parts: [{type, ...}], finish_reason}`, a list of them a JSON text or a structured attribute
(semantic-conventions-genai, gen-ai-input-messages.json and gen-ai-output-messages.json). Beside it stand messages as
OpenAI (chat and responses), Anthropic, Gemini, LangChain and the Vercel AI SDK write them. What cannot be understood is
shown as text, never dropped and never an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias, cast

from .base import Blob, Message, Part, Reasoning, Text, ToolCall, ToolResult
from .json_values import as_text, decoded

Json: TypeAlias = Mapping[str, object]

_TEXT: Final = frozenset({"text", "input_text", "output_text", "summary_text"})
_REASONING: Final = frozenset({"reasoning", "thinking"})
_CALL: Final = frozenset({"tool_call", "tool_use", "tool-call", "function_call"})
_RESULT: Final = frozenset({"tool_call_response", "tool_result", "tool-result", "function_call_output"})
_BLOB: Final = frozenset(
    {
        *("blob", "uri", "file", "image", "image_url", "input_image", "audio", "input_audio", "video", "document"),
        *("inline_data", "inlineData", "file_data", "fileData"),  # Gemini
    }
)
_UNTYPED: Final[Mapping[str, str]] = {
    "function_call": "function_call",
    "functionCall": "function_call",
    "function_response": "tool_result",
    "functionResponse": "tool_result",
    "inline_data": "blob",
    "inlineData": "blob",
    "file_data": "file",
    "fileData": "file",
}
"""Parts of Gemini, which have a key in place of a type: the key and what it holds."""

_ROLES: Final[Mapping[str, str]] = {"model": "assistant", "ai": "assistant", "human": "user", "function": "tool"}
_LANGCHAIN_TYPES: Final = frozenset({"human", "ai", "system", "tool", "function"})
_MESSAGE: Final = frozenset({"parts", "content", "tool_calls", "role"})


def read_messages(value: object, default_role: str) -> tuple[Message, ...] | None:
    """Messages of one attribute; None where it holds none whose content was captured."""
    if value is None:
        return None
    value = decoded(value)
    if isinstance(value, dict):
        inner = cast("Json", value).get("messages")
        items = cast("list[object]", inner) if isinstance(inner, list) else [cast("object", value)]
    elif isinstance(value, list):
        items = cast("list[object]", value)
    else:
        return (Message(default_role, (Text(as_text(value)),)),)
    messages = [message for item in items if (message := read_message(item, default_role)) is not None]
    return tuple(messages) if messages or not items else None


def read_instructions(value: object) -> tuple[Message, ...]:
    """System instructions: a list of parts without a role, or plain text."""
    if value is None:
        return ()
    value = decoded(value)
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    if any(isinstance(item, dict) and "role" in item for item in items):
        return read_messages(items, "system") or ()
    parts = tuple(_parts(items))
    return (Message("system", parts),) if parts else ()


def read_message(item: object, default_role: str) -> Message | None:
    """None where the message has parts but the content of none was captured."""
    if not isinstance(item, dict):
        return Message(default_role, (Text(as_text(item)),))
    fields = cast("Json", item)
    if "lc" in fields and isinstance(serialized := fields.get("kwargs"), dict):  # an object of LangChain
        fields = cast("Json", serialized)
    role = as_text(fields.get("role")) or _role_by_type(fields) or default_role
    role = _ROLES.get(role, role)
    finish = as_text(fields.get("finish_reason")) or None
    written = fields.get("parts")
    if isinstance(written, list):
        parts = tuple(_parts(cast("list[object]", written)))
        return Message(role, parts, finish) if parts or not written else None
    if "role" not in fields and (is_part(fields) or _MESSAGE.isdisjoint(fields)):
        return _single(fields, role, finish)
    parts = tuple(_flat_parts(fields, role))
    return Message(role, parts, finish) if parts or "content" in fields or "tool_calls" in fields else None


def _role_by_type(fields: Json) -> str | None:
    kind = fields.get("type")
    return kind if isinstance(kind, str) and kind in _LANGCHAIN_TYPES else None


def is_part(fields: Json) -> bool:
    """Whether this is a call, a result or reasoning by itself, as OpenAI's responses list them among messages."""
    if "role" in fields:
        return False
    kind = _kind(fields)
    return kind in _CALL or kind in _RESULT or kind in _REASONING


def _single(fields: Json, role: str, finish: str | None) -> Message | None:
    part = _part(fields)
    if part is None:
        return None
    if isinstance(part, ToolResult):
        role = "tool"
    elif isinstance(part, ToolCall | Reasoning):
        role = "assistant"
    return Message(role, (part,), finish)


def _flat_parts(fields: Json, role: str) -> Iterable[Part]:
    """Parts of a message without `parts`: `{role, content, tool_calls, tool_call_id}`."""
    content = fields.get("content", fields.get("text", fields.get("parts")))
    reasoning = fields.get("reasoning_content")
    if isinstance(reasoning, str) and reasoning:
        yield Reasoning(as_text(reasoning))
    if role == "tool" and "content" in fields and not _holds_results(content):
        yield ToolResult(as_text(content), _id(fields, "tool_call_id", "id"), as_text(fields.get("name")) or None)
    elif isinstance(content, list):
        yield from _parts(cast("list[object]", content))
    elif content is not None and content != "":
        yield from _parts([content])
    calls = fields.get("tool_calls")
    if isinstance(calls, list):
        for call in cast("list[object]", calls):
            yield _call(cast("Json", call)) if isinstance(call, dict) else Text(as_text(call))
    call = fields.get("function_call")
    if isinstance(call, dict) and call:
        yield _call(cast("Json", call))


def _holds_results(content: object) -> bool:
    return isinstance(content, list) and any(
        isinstance(item, dict) and _kind(cast("Json", item)) in _RESULT for item in cast("list[object]", content)
    )


def _parts(items: Iterable[object]) -> list[Part]:
    return [part for item in items if (part := _part(item)) is not None]


def _kind(fields: Json) -> str:
    """Its type as it was written, or that which its keys imply."""
    kind = fields.get("type")
    if isinstance(kind, str):
        return kind
    if "toolCallId" in fields:
        return "tool-result" if fields.keys() & {"result", "output"} else "tool-call"
    if fields.get("thought") is True:
        return "reasoning"
    return "text" if fields.keys() & {"content", "text"} else ""


def _part(item: object) -> Part | None:
    """None where the part's content was not captured: instrumentations then leave its key out."""
    if not isinstance(item, dict):
        return Text(as_text(item))
    fields = cast("Json", item)
    kind = fields.get("type")
    if not isinstance(kind, str):
        for key, implied in _UNTYPED.items():
            inner = fields.get(key)
            if isinstance(inner, dict):
                return _part({"type": implied, **cast("Json", inner)})
        kind = _kind(fields)
    if kind in _TEXT:
        text = _first(fields, "content", "text")
        return None if text is None else Text(as_text(text))
    if kind in _REASONING:
        text = _first(fields, "content", "text", "thinking", "reasoning", "summary")
        return None if text is None else Reasoning(_joined(text))
    if kind in _CALL:
        return _call(fields)
    if kind in _RESULT:
        return _result(fields)
    if kind in _BLOB:
        return _blob(fields, kind)
    return Text(as_text(fields))


def _call(fields: Json) -> ToolCall:
    function = fields.get("function")
    inner = cast("Json", function) if isinstance(function, dict) else fields
    return ToolCall(
        name=as_text(_first(inner, "name", "toolName")),
        arguments=as_text(_first(inner, "arguments", "args", "input")),
        # In OpenAI's responses `id` is that of the item, and `call_id` that by which the result refers to it.
        id=_id(fields, "call_id", "id", "tool_call_id", "toolCallId"),
    )


def _result(fields: Json) -> ToolResult | None:
    result = _first(fields, "response", "result", "output", "content")
    if result is None and not fields.keys() & {"response", "result", "output", "content"}:
        return None
    if "toolCallId" in fields:
        result = _value(result)
    name = as_text(_first(fields, "name", "toolName")) or None
    return ToolResult(as_text(result), _id(fields, "call_id", "id", "tool_call_id", "tool_use_id", "toolCallId"), name)


def _value(result: object) -> object:
    """What `{type, value}` holds, as the Vercel AI SDK writes results since version 5."""
    if isinstance(result, dict) and "value" in result:
        return cast("Json", result)["value"]
    return cast("object", result)


def _blob(fields: Json, kind: str) -> Blob:
    media = as_text(_first(fields, "mime_type", "media_type", "mimeType", "mediaType", "modality")) or kind
    content = fields.get("content", fields.get("data"))
    # Base64 writes 3 bytes in 4 characters.
    return Blob(media, len(content) * 3 // 4 if isinstance(content, str) else None)


def _joined(text: object) -> str:
    """Text, or the texts of a list of parts."""
    if not isinstance(text, list):
        return as_text(text)
    parts = _parts(cast("list[object]", text))
    return "\n".join(part.text for part in parts if isinstance(part, Text | Reasoning))


def _first(fields: Json, *keys: str) -> object:
    for key in keys:
        value = fields.get(key)
        if value is not None:
            return value
    return None


def _id(fields: Json, *keys: str) -> str | None:
    return as_text(_first(fields, *keys)) or None
