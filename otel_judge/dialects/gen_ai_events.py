"""Messages on events of the GenAI semantic conventions: span events, and as pydantic-ai once put them in an attribute.

`gen_ai.{system,user,assistant,tool}.message` are what a model was given, `gen_ai.choice` what it answered (the main
semantic conventions up to 1.36). Older still: `gen_ai.content.prompt` and `gen_ai.content.completion`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, cast

from .base import Message
from .gen_ai_messages import Json, read_message
from .json_values import as_text, decoded
from .values import Conversation

DETAILS: Final = "gen_ai.client.inference.operation.details"
"""Carries the attributes of content where the span does not (gen-ai-events)."""

_ROLES: Final[Mapping[str, str]] = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_CHOICE: Final = "gen_ai.choice"
_WHOLE: Final[Mapping[str, tuple[str, str]]] = {
    "gen_ai.content.prompt": ("gen_ai.prompt", "user"),
    "gen_ai.content.completion": ("gen_ai.completion", "assistant"),
}
EVENT_NAMES: Final = frozenset({DETAILS, _CHOICE, *_ROLES, *_WHOLE})
"""Of all events that carry content."""


class Said(NamedTuple):
    """What events tell of a conversation; None where there are none, or where they came without their content."""

    input: tuple[Message, ...] | None
    output: tuple[Message, ...] | None


def read_events(events: Iterable[tuple[str, Json]]) -> Said:
    """Messages of events, given by name and body."""
    given: list[Message] = []
    said: list[Message] = []
    for name, fields in events:
        if name in _ROLES:
            given += _some(_message(fields, _ROLES[name]))
        elif name == _CHOICE:
            said += _some(_choice(fields))
        elif name in _WHOLE:
            key, role = _WHOLE[name]
            messages = Conversation(fields.get(key), role).messages or ()
            (given if role == "user" else said).extend(messages)
    return Said(tuple(given) or None, tuple(said) or None)


def _some(message: Message | None) -> tuple[Message, ...]:
    return () if message is None else (message,)


def _message(fields: Json, role: str) -> Message | None:
    body = _body(fields)
    if not body.keys() & {"content", "tool_calls", "parts"}:
        return None
    content = decoded(body.get("content"))
    parts: Json = {"content": cast("object", content)} if isinstance(content, list) else {}  # they stand as a JSON text
    return read_message({"role": role, **body, **parts}, role)


def _choice(fields: Json) -> Message | None:
    body = _body(fields)
    inner = decoded(body.get("message"))
    if isinstance(inner, dict):
        message = _message(cast("Json", inner), "assistant")
    elif inner is not None:
        message = read_message(inner, "assistant")
    else:
        message = _message(body, "assistant")
    finish = as_text(body.get("finish_reason"))
    return message._replace(finish_reason=finish) if message is not None and finish else message


def _body(fields: Json) -> Json:
    """The body of an event: its attributes, or one of them where it stands as JSON."""
    body = decoded(fields.get("gen_ai.event.content"))
    return cast("Json", body) if isinstance(body, dict) else fields
