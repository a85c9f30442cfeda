"""Spans of no known dialect: nothing tells what they did, but many record what went in and out."""

from __future__ import annotations

from ..attributes import Attributes
from ..trace import Span
from .base import Content, Dialect, Role
from .json_values import text_of
from .values import read_values


class _Generic:
    name = "generic"
    marks = ("input.value", "input", "output.value", "output", "session.id", "user.id", "enduser.id", "error.type")

    def read(self, span: Span, role: Role | None) -> Content:
        attributes = span.attributes
        given, said = _first(attributes, "input.value", "input"), _first(attributes, "output.value", "output")
        values = read_values(attributes, role or Role.OTHER, given, said)
        return Content(
            dialect=self.name,
            role=Role.OTHER,
            input=values.input,
            output=values.output,
            tool=values.tool,
            conversation_id=text_of(attributes, "session.id"),
            user=text_of(attributes, "user.id", "enduser.id"),
            error=text_of(attributes, "error.type"),
            content_keys=values.keys,
        )


def _first(attributes: Attributes, *keys: str) -> str | None:
    return next((key for key in keys if key in attributes), None)


DIALECT: Dialect = _Generic()
