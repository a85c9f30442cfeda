"""OpenInference: what Arize's instrumentations write.

Names: openinference-semantic-conventions 0.1. Messages are spread over attributes; beside them stands the whole request
and response of the provider, or what a chain or tool was given and returned, as `input.value` and `output.value`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, cast

from ..attributes import Attributes
from ..trace import Span
from .base import Content, Dialect, Message, Role, Text, TokenUsage, ToolRun
from .gen_ai_messages import Json, read_message
from .indexed import gathered
from .json_values import as_text, text_of
from .merging import merged
from .usage import usage_of
from .values import arguments_of, read_values

_KIND: Final = "openinference.span.kind"
_PARAMETERS: Final = "tool.parameters"
_ROLES: Final[Mapping[str, Role]] = {
    "AGENT": Role.AGENT,
    "LLM": Role.MODEL,
    "TOOL": Role.TOOL,
    "CHAIN": Role.WORKFLOW,
    "RETRIEVER": Role.RETRIEVAL,
    "RERANKER": Role.RETRIEVAL,
    "EMBEDDING": Role.EMBEDDING,
}
_LISTS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "user": (("llm.input_messages.", "message"), ("llm.prompts.", "prompt")),
    "assistant": (("llm.output_messages.", "message"), ("llm.choices.", "completion")),
}
"""For each side of a conversation, where it is spread over attributes, and what an item of the list is called."""


class _OpenInference:
    name = "openinference"
    marks = (_KIND,)

    def read(self, span: Span, role: Role | None) -> Content | None:
        attributes = span.attributes
        kind = attributes.get(_KIND)
        if not isinstance(kind, str):
            return None
        told = _ROLES.get(kind.upper(), Role.OTHER)
        values = read_values(attributes, role or told, "input.value", "output.value")
        given, given_keys = _messages(attributes, "user")
        said, said_keys = _messages(attributes, "assistant")
        if told is Role.RETRIEVAL:
            said, said_keys = _documents(attributes)
        finish = text_of(attributes, "llm.finish_reason")
        messages = Content(
            dialect=self.name,
            role=told,
            input=given,
            output=said,
            tool=_tool(attributes) if values.tool is not None else None,
            model=text_of(attributes, "llm.response.model_name", "llm.model_name", "embedding.model_name"),
            provider=text_of(attributes, "llm.provider", "llm.system"),
            usage=_usage(attributes),
            finish_reasons=(finish,) if finish else (),
            agent=text_of(attributes, "agent.name"),
            conversation_id=text_of(attributes, "session.id"),
            user=text_of(attributes, "user.id"),
            content_keys=frozenset([*given_keys, *said_keys]),
        )
        tool = values.tool
        if tool is not None and tool.arguments is None and _PARAMETERS in attributes:
            tool = tool._replace(arguments=arguments_of(attributes[_PARAMETERS]))
            values = values._replace(tool=tool, keys=values.keys | {_PARAMETERS})
        return merged([messages, Content(self.name, told, values.input, values.output, tool, content_keys=values.keys)])


def _messages(attributes: Attributes, role: str) -> tuple[tuple[Message, ...] | None, list[str]]:
    """Of a chat, or the text of a completion."""
    for prefix, name in _LISTS[role]:
        items, keys = gathered(attributes, prefix)
        messages = [message for item in items if (message := read_message(_flat(_inner(item, name)), role))]
        if messages:
            return tuple(messages), keys
    return None, []


def _inner(item: object, name: str) -> Json:
    """An item of a list is `{message: {...}}`, `{tool_call: {...}}`, and so on."""
    fields = cast("Json", item) if isinstance(item, dict) else {"content": item}
    inner = fields.get(name)
    return cast("Json", inner) if isinstance(inner, dict) else fields


def _flat(message: Json) -> Json:
    """A message as chat completions have it."""
    contents = message.get("contents")
    calls = message.get("tool_calls")
    flat: dict[str, object] = dict(message)
    if isinstance(contents, list):
        items = cast("list[object]", contents)
        flat["content"] = [_inner(item, "message_content") for item in items if not _is_call(item)]
        calls = calls or [item for item in items if _is_call(item)]  # in either place, or in both
    if isinstance(calls, list):
        flat["tool_calls"] = [_inner(item, "tool_call") for item in cast("list[object]", calls)]
    if "function_call_name" in message:
        name, arguments = message["function_call_name"], message.get("function_call_arguments_json")
        flat["function_call"] = {"name": name, "arguments": arguments}
    return flat


def _is_call(item: object) -> bool:
    return isinstance(item, dict) and "tool_call" in item


def _documents(attributes: Attributes) -> tuple[tuple[Message, ...] | None, list[str]]:
    """What a retriever or reranker found."""
    messages: list[Message] = []
    read: list[str] = []
    for prefix in ("retrieval.documents.", "reranker.output_documents."):
        items, keys = gathered(attributes, prefix)
        read += keys
        messages += [Message("tool", (Text(text),)) for text in _texts(items)]
    return (tuple(messages) or None), read


def _texts(items: list[object]) -> Iterator[str]:
    for item in items:
        document = _inner(item, "document")
        yield as_text(document["content"] if set(document) == {"content"} else document)


def _tool(attributes: Attributes) -> ToolRun:
    return ToolRun(text_of(attributes, "tool.name") or "", None, None, text_of(attributes, "tool.id", "tool_call.id"))


def _usage(attributes: Attributes) -> TokenUsage | None:
    return usage_of(
        attributes,
        ("llm.token_count.prompt",),
        ("llm.token_count.completion",),
        ("llm.token_count.prompt_details.cache_read",),
        ("llm.token_count.prompt_details.cache_write",),
    )


DIALECT: Dialect = _OpenInference()
