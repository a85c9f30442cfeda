"""MLflow tracing. Its values are JSON texts; an OTLP export encodes them once more, or writes them structured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from ..attributes import Attributes
from ..trace import Span
from .base import Content, Dialect, Role, TokenUsage
from .json_values import count_of, decoded, text_of
from .values import read_values

_ROLES: Final[Mapping[object, Role]] = {
    "AGENT": Role.AGENT,
    "LLM": Role.MODEL,
    "CHAT_MODEL": Role.MODEL,
    "TOOL": Role.TOOL,
    "RETRIEVER": Role.RETRIEVAL,
    "RERANKER": Role.RETRIEVAL,
    "EMBEDDING": Role.EMBEDDING,
    "CHAIN": Role.WORKFLOW,
    "WORKFLOW": Role.WORKFLOW,
    "TASK": Role.WORKFLOW,
}
_INPUTS: Final = "mlflow.spanInputs"
_OUTPUTS: Final = "mlflow.spanOutputs"
_USAGE: Final = "mlflow.chat.tokenUsage"


class _MlFlow:
    name = "mlflow"
    marks = ("mlflow.",)

    def read(self, span: Span, role: Role | None) -> Content | None:
        attributes = span.attributes
        told = _ROLES.get(_text(attributes, "mlflow.spanType"), Role.OTHER)
        if told is Role.OTHER and role is None and not span.parent_span_id and _INPUTS in attributes:
            told = Role.WORKFLOW  # a function that was traced without saying what it is
        name = _text(attributes, "mlflow.spanFunctionName") or ""
        values = read_values(attributes, role or told, _INPUTS, _OUTPUTS, name)
        return Content(
            dialect=self.name,
            role=told,
            input=values.input,
            output=values.output,
            tool=values.tool,
            model=_text(attributes, "mlflow.llm.model"),
            provider=_text(attributes, "mlflow.llm.provider"),
            usage=_usage(decoded(attributes.get(_USAGE))),
            conversation_id=_text(attributes, "mlflow.trace.session") or text_of(attributes, "session.id"),
            user=_text(attributes, "mlflow.trace.user") or text_of(attributes, "user.id"),
            content_keys=values.keys,
        )


def _text(attributes: Attributes, key: str) -> str | None:
    value = decoded(attributes.get(key))
    return value if isinstance(value, str) and value else None


def _usage(value: object) -> TokenUsage | None:
    if not isinstance(value, dict):
        return None
    counts = cast("Attributes", value)
    usage = TokenUsage(
        input_tokens=count_of(counts, "input_tokens"),
        output_tokens=count_of(counts, "output_tokens"),
        cache_read_tokens=count_of(counts, "cache_read_input_tokens"),
        cache_write_tokens=count_of(counts, "cache_creation_input_tokens"),
    )
    return usage if usage.input_tokens is not None or usage.output_tokens is not None else None


DIALECT: Dialect = _MlFlow()
