"""Langfuse's observations: written by its SDK, or by a processor on top of what another instrumentation wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from ..attributes import Attributes
from ..trace import Span
from .base import Content, Dialect, Role, TokenUsage
from .json_values import count_of, decoded, text_of
from .values import read_values

_PREFIX: Final = "langfuse.observation."
_INPUT: Final = f"{_PREFIX}input"
_OUTPUT: Final = f"{_PREFIX}output"
_ROLES: Final[Mapping[object, Role]] = {
    "generation": Role.MODEL,
    "embedding": Role.EMBEDDING,
    "agent": Role.AGENT,
    "tool": Role.TOOL,
    "chain": Role.WORKFLOW,
    "retriever": Role.RETRIEVAL,
}


class _Langfuse:
    name = "langfuse"
    marks = ("langfuse.",)

    def read(self, span: Span, role: Role | None) -> Content | None:
        attributes = span.attributes
        told = _ROLES.get(text_of(attributes, f"{_PREFIX}type"), Role.OTHER)
        if told is Role.OTHER and (_INPUT in attributes or _OUTPUT in attributes):
            told = Role.WORKFLOW  # a function that was traced without saying what it is
        values = read_values(attributes, role or told, _INPUT, _OUTPUT)
        failed = text_of(attributes, f"{_PREFIX}level") == "ERROR"
        return Content(
            dialect=self.name,
            role=told,
            input=values.input,
            output=values.output,
            tool=values.tool,
            model=text_of(attributes, f"{_PREFIX}model.name"),
            usage=_usage(decoded(attributes.get(f"{_PREFIX}usage_details"))),
            conversation_id=text_of(attributes, "session.id", "langfuse.session.id"),
            user=text_of(attributes, "user.id", "langfuse.user.id"),
            error=(text_of(attributes, f"{_PREFIX}status_message") or "ERROR") if failed else None,
            content_keys=values.keys,
        )


def _usage(value: object) -> TokenUsage | None:
    if not isinstance(value, dict):
        return None
    counts = cast("Attributes", value)
    usage = TokenUsage(
        input_tokens=count_of(counts, "input", "input_tokens", "prompt_tokens"),
        output_tokens=count_of(counts, "output", "output_tokens", "completion_tokens"),
        cache_read_tokens=count_of(counts, "cache_read_input_tokens", "input_cached_tokens"),
        cache_write_tokens=count_of(counts, "cache_creation_input_tokens"),
    )
    return usage if usage.input_tokens is not None or usage.output_tokens is not None else None


DIALECT: Dialect = _Langfuse()
