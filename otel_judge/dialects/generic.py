"""Spans of no known dialect: nothing tells what they did, but many record what went in and out."""

from __future__ import annotations

from ..attributes import Attributes
from ..trace import Span
from .base import Content, Dialect, Message, Role, Text
from .json_values import as_text, text_of


class _Generic:
    name = "generic"

    def read(self, span: Span) -> Content:
        attributes = span.attributes
        input_key = _first(attributes, "input.value", "input")
        output_key = _first(attributes, "output.value", "output")
        return Content(
            dialect=self.name,
            role=Role.OTHER,
            input=_messages(attributes, input_key, "user"),
            output=_messages(attributes, output_key, "assistant"),
            conversation_id=text_of(attributes, "session.id"),
            user=text_of(attributes, "user.id", "enduser.id"),
            error=text_of(attributes, "error.type"),
            content_keys=frozenset(key for key in (input_key, output_key) if key is not None),
        )


def _first(attributes: Attributes, *keys: str) -> str | None:
    for key in keys:
        if key in attributes:
            return key
    return None


def _messages(attributes: Attributes, key: str | None, role: str) -> tuple[Message, ...] | None:
    if key is None:
        return None
    text = as_text(attributes[key])
    return (Message(role, (Text(text),)),) if text else ()


DIALECT: Dialect = _Generic()
