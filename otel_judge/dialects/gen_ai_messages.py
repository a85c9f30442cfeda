"""Messages of the GenAI semantic conventions, and the older shapes in which they are still met.

A message is `{role, parts: [{type, ...}], finish_reason}`, a list of them a JSON text or a structured attribute
(semantic-conventions-genai, gen-ai-input-messages.json and gen-ai-output-messages.json). What cannot be
understood is shown as text, never dropped and never an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias, cast

from .base import Blob, Message, Part, Reasoning, Text, ToolCall, ToolResult
from .json_values import as_text, parse

_Json: TypeAlias = Mapping[str, object]

_TEXT = {"text", "input_text", "output_text"}
_REASONING = {"reasoning", "thinking"}
_CALL = {"tool_call", "tool_use", "function_call"}
_RESULT = {"tool_call_response", "tool_result", "function_call_output"}
_BLOB = {"blob", "uri", "file", "image", "image_url", "input_image", "audio", "input_audio", "video", "document"}


def read_messages(value: object, default_role: str) -> tuple[Message, ...] | None:
    """Messages of one attribute; None where it holds none whose content was captured."""
    if value is None:
        return None
    decoded = _decode(value)
    if isinstance(decoded, dict):
        inner = cast("_Json", decoded).get("messages")
        items = cast("list[object]", inner) if isinstance(inner, list) else [cast("object", decoded)]
    elif isinstance(decoded, list):
        items = cast("list[object]", decoded)
    else:
        return (Message(default_role, (Text(as_text(decoded)),)),)
    messages = [message for item in items if (message := _message(item, default_role)) is not None]
    return tuple(messages) if messages or not items else None


def read_instructions(value: object) -> tuple[Message, ...]:
    """System instructions: a list of parts without a role, or plain text."""
    if value is None:
        return ()
    decoded = _decode(value)
    items = cast("list[object]", decoded) if isinstance(decoded, list) else [decoded]
    if any(isinstance(item, dict) and "role" in item for item in items):
        return read_messages(items, "system") or ()
    parts = tuple(_parts(items))
    return (Message("system", parts),) if parts else ()


def _decode(value: object) -> object:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return value
    try:
        return parse(value)
    except ValueError:
        return value  # plain text, or JSON that a limit has cut


def _message(item: object, default_role: str) -> Message | None:
    """None where the message has parts but the content of none was captured."""
    if not isinstance(item, dict):
        return Message(default_role, (Text(as_text(item)),))
    fields = cast("_Json", item)
    role = as_text(fields.get("role")) or default_role
    finish = as_text(fields.get("finish_reason")) or None
    written = fields.get("parts")
    if isinstance(written, list):
        parts = tuple(_parts(cast("list[object]", written)))
        return Message(role, parts, finish) if parts or not written else None
    if not fields.keys() & {"parts", "content", "tool_calls", "role"}:
        return Message(role, (Text(as_text(fields)),), finish)
    parts = tuple(_flat_parts(fields, role))
    return Message(role, parts, finish) if parts or "content" in fields or "tool_calls" in fields else None


def _flat_parts(fields: _Json, role: str) -> Iterable[Part]:
    """Parts of a message without `parts`: `{role, content, tool_calls, tool_call_id}`."""
    content = fields.get("content", fields.get("parts"))
    if role == "tool" and "content" in fields and not _holds_results(content):
        yield ToolResult(as_text(content), _id(fields, "tool_call_id", "id"), as_text(fields.get("name")) or None)
    elif isinstance(content, list):
        yield from _parts(cast("list[object]", content))
    elif content is not None and content != "":
        yield from _parts([content])
    calls = fields.get("tool_calls")
    if isinstance(calls, list):
        for call in cast("list[object]", calls):
            yield _call(cast("_Json", call)) if isinstance(call, dict) else Text(as_text(call))


def _holds_results(content: object) -> bool:
    return isinstance(content, list) and any(
        isinstance(item, dict) and item.get("type") in _RESULT for item in cast("list[_Json]", content)
    )


def _parts(items: Iterable[object]) -> Iterable[Part]:
    for item in items:
        if not isinstance(item, dict):
            yield Text(as_text(item))
            continue
        part = _part(cast("_Json", item))
        if part is not None:
            yield part


def _part(fields: _Json) -> Part | None:
    """None where the part's content was not captured: instrumentations then leave its key out."""
    kind = fields.get("type")
    if not isinstance(kind, str):
        kind = "text" if fields.keys() & {"content", "text"} else ""
    if kind in _TEXT:
        text = _first(fields, "content", "text")
        return None if text is None else Text(as_text(text))
    if kind in _REASONING:
        text = _first(fields, "content", "text", "thinking", "reasoning")
        return None if text is None else Reasoning(as_text(text))
    if kind in _CALL:
        return _call(fields)
    if kind in _RESULT:
        result = _first(fields, "response", "result", "output", "content")
        if result is None and not fields.keys() & {"response", "result", "output", "content"}:
            return None
        name = as_text(fields.get("name")) or None
        return ToolResult(as_text(result), _id(fields, "id", "tool_call_id", "tool_use_id", "call_id"), name)
    if kind in _BLOB:
        return _blob(fields, kind)
    return Text(as_text(fields))


def _call(fields: _Json) -> ToolCall:
    function = fields.get("function")
    inner = cast("_Json", function) if isinstance(function, dict) else fields
    return ToolCall(
        name=as_text(inner.get("name")),
        arguments=as_text(_first(inner, "arguments", "args", "input")),
        id=_id(fields, "id", "tool_call_id", "call_id"),
    )


def _blob(fields: _Json, kind: str) -> Blob:
    media = as_text(_first(fields, "mime_type", "media_type", "modality")) or kind
    content = fields.get("content", fields.get("data"))
    # Base64 writes 3 bytes in 4 characters.
    return Blob(media, len(content) * 3 // 4 if isinstance(content, str) else None)


def _first(fields: _Json, *keys: str) -> object:
    for key in keys:
        value = fields.get(key)
        if value is not None:
            return value
    return None


def _id(fields: _Json, *keys: str) -> str | None:
    return as_text(_first(fields, *keys)) or None
