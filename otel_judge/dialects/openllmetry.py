"""OpenLLMetry: what Traceloop's instrumentations write, and its SDK's decorators.

Names: opentelemetry-semantic-conventions-ai 0.5. Model calls kept their messages in `gen_ai.prompt.N` and
`gen_ai.completion.N`; newer versions write those of the GenAI conventions, with the same names otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from ..attributes import Attributes
from ..trace import Span
from .base import Content, Dialect, Message, Role
from .gen_ai_messages import Json, read_message
from .indexed import gathered
from .json_values import decoded, text_of
from .values import read_values

_KIND: Final = "traceloop.span.kind"
_REQUEST: Final = "llm.request.type"
_KINDS: Final[Mapping[object, Role]] = {
    "workflow": Role.WORKFLOW,
    "task": Role.WORKFLOW,
    "agent": Role.AGENT,
    "tool": Role.TOOL,
}
_REQUESTS: Final[Mapping[object, Role]] = {
    "chat": Role.MODEL,
    "completion": Role.MODEL,
    "embedding": Role.EMBEDDING,
    "rerank": Role.RETRIEVAL,
}
_PROMPT: Final = "gen_ai.prompt."
_COMPLETION: Final = "gen_ai.completion."
_PROPERTIES: Final = "traceloop.association.properties."


class _OpenLlmetry:
    name = "openllmetry"
    marks = ("traceloop.", _REQUEST, _PROMPT, _COMPLETION)

    def read(self, span: Span, role: Role | None) -> Content | None:
        attributes = span.attributes
        told = _role(attributes)
        given, given_keys = _messages(attributes, _PROMPT, "user")
        said, said_keys = _messages(attributes, _COMPLETION, "assistant")
        if told is Role.OTHER and (given is not None or said is not None):
            told = Role.MODEL
        name = text_of(attributes, "traceloop.entity.name") or span.name.removesuffix(".tool")
        values = read_values(attributes, role or told, "traceloop.entity.input", "traceloop.entity.output", name)
        return Content(
            dialect=self.name,
            role=told,
            input=values.input if given is None else given,
            output=values.output if said is None else said,
            tool=values.tool,
            agent=name if told is Role.AGENT else None,
            conversation_id=text_of(attributes, f"{_PROPERTIES}session_id", f"{_PROPERTIES}thread_id"),
            user=text_of(attributes, f"{_PROPERTIES}user_id", "gen_ai.user", "llm.user"),
            finish_reasons=tuple(message.finish_reason for message in said or () if message.finish_reason),
            content_keys=values.keys | {*given_keys, *said_keys},
        )


def _role(attributes: Attributes) -> Role:
    kind, request = attributes.get(_KIND), attributes.get(_REQUEST)
    if isinstance(kind, str) and kind in _KINDS:
        return _KINDS[kind]
    return _REQUESTS.get(request, Role.OTHER) if isinstance(request, str) else Role.OTHER


def _messages(attributes: Attributes, prefix: str, role: str) -> tuple[tuple[Message, ...] | None, list[str]]:
    items, keys = gathered(attributes, prefix)
    messages = [message for item in items if (message := read_message(_with_parts(item), role)) is not None]
    return (tuple(messages) or None), keys


def _with_parts(item: object) -> object:
    """Content of several parts stands as a JSON text."""
    if isinstance(item, dict):
        fields = cast("Json", item)
        parts = decoded(fields.get("content"))
        if isinstance(parts, list) and all(_is_part(part) for part in cast("list[object]", parts)):
            return {**fields, "content": cast("list[object]", parts)}
    return cast("object", item)


def _is_part(item: object) -> bool:
    return isinstance(item, dict) and "type" in item


DIALECT: Dialect = _OpenLlmetry()
