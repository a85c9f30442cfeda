"""LangSmith's OpenTelemetry export: a run's inputs and outputs, each as one JSON text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..trace import Span
from .base import Content, Dialect, Role
from .json_values import text_of
from .values import read_values

_KIND: Final = "langsmith.span.kind"
_PROMPT: Final = "gen_ai.prompt"
_COMPLETION: Final = "gen_ai.completion"
_ROLES: Final[Mapping[object, Role]] = {
    "llm": Role.MODEL,
    "tool": Role.TOOL,
    "chain": Role.WORKFLOW,
    "retriever": Role.RETRIEVAL,
    "embedding": Role.EMBEDDING,
}
_METADATA: Final = "langsmith.metadata."


class _LangSmith:
    name = "langsmith"
    marks = ("langsmith.", _PROMPT, _COMPLETION)

    def read(self, span: Span, role: Role | None) -> Content | None:
        attributes = span.attributes
        told = _ROLES.get(text_of(attributes, _KIND), Role.OTHER)
        if told is Role.OTHER and role is None and (_PROMPT in attributes or _COMPLETION in attributes):
            told = Role.MODEL
        values = read_values(attributes, role or told, _PROMPT, _COMPLETION)
        return Content(
            dialect=self.name,
            role=told,
            input=values.input,
            output=values.output,
            tool=values.tool,
            model=text_of(attributes, f"{_METADATA}ls_model_name"),
            agent=text_of(attributes, f"{_METADATA}lc_agent_name"),
            conversation_id=text_of(attributes, f"{_METADATA}session_id", f"{_METADATA}thread_id"),
            user=text_of(attributes, f"{_METADATA}user_id"),
            content_keys=values.keys,
        )


DIALECT: Dialect = _LangSmith()
