"""pydantic-ai, as Logfire shows it: what it writes beside the GenAI conventions, and what it wrote before them.

An agent's run holds all its messages (`pydantic_ai.all_messages`, before 0.8 the events `all_messages_events`) and its
result (`final_result`). Older model calls hold the older events in one attribute, `events`; older tools
`tool_arguments` and `tool_response`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from ..attributes import Attributes
from ..trace import Span
from .base import Content, Dialect, Message, Role, Text, TokenUsage, ToolRun
from .gen_ai_events import read_events
from .gen_ai_messages import Json, read_messages
from .json_values import as_text, count_of, decoded, text_of
from .values import arguments_of, result_of

_MESSAGES: Final = "pydantic_ai.all_messages"
_OLD_MESSAGES: Final = "all_messages_events"
_RESULT: Final = "final_result"
_EVENTS: Final = "events"
_PARAMETERS: Final = "model_request_parameters"
_ARGUMENTS: Final = "tool_arguments"
_RESPONSE: Final = "tool_response"


class _PydanticAi:
    name = "pydantic_ai"
    marks = (_MESSAGES, _OLD_MESSAGES, _RESULT, _PARAMETERS, _ARGUMENTS, _RESPONSE, "agent_name", "gen_ai.tool.name")

    def read(self, span: Span, role: Role | None) -> Content | None:  # noqa: ARG002 - values are named by what they are
        if span.scope_name != "pydantic-ai":
            return None
        attributes = span.attributes
        if "gen_ai.tool.name" in attributes:
            return self._tool(attributes)
        if _PARAMETERS in attributes:
            return self._model(attributes)
        return self._agent(attributes) if "agent_name" in attributes or _MESSAGES in attributes else None

    def _tool(self, attributes: Attributes) -> Content:
        name = text_of(attributes, "gen_ai.tool.name") or ""
        arguments, result = arguments_of(attributes.get(_ARGUMENTS)), result_of(attributes.get(_RESPONSE))
        keys = frozenset(key for key in (_ARGUMENTS, _RESPONSE) if key in attributes)
        return Content(self.name, Role.TOOL, tool=ToolRun(name, arguments, result), content_keys=keys)

    def _model(self, attributes: Attributes) -> Content:
        said = read_events(_old_events(attributes.get(_EVENTS)))
        keys = frozenset({_EVENTS} if said.input is not None or said.output is not None else ())
        return Content(self.name, Role.MODEL, said.input, said.output, content_keys=keys)

    def _agent(self, attributes: Attributes) -> Content:
        messages = read_messages(attributes.get(_MESSAGES), "user")
        if messages is None:
            messages = read_events(_old_events(attributes.get(_OLD_MESSAGES))).input
        result = attributes.get(_RESULT)
        output = None if result is None else (Message("assistant", (Text(as_text(result)),)),)
        if messages and messages[-1].role == "assistant":  # the history of a run ends with its answer
            output = messages[-1:] if output is None else output
            messages = messages[:-1]
        usage = TokenUsage(
            count_of(attributes, "gen_ai.aggregated_usage.input_tokens"),
            count_of(attributes, "gen_ai.aggregated_usage.output_tokens"),
        )
        return Content(
            dialect=self.name,
            role=Role.AGENT,
            input=messages,
            output=output,
            usage=usage if usage != TokenUsage() else None,
            agent=text_of(attributes, "gen_ai.agent.name", "agent_name"),
            content_keys=frozenset(key for key in (_MESSAGES, _OLD_MESSAGES, _RESULT) if key in attributes),
        )


def _old_events(value: object) -> Iterator[tuple[str, Json]]:
    events = decoded(value)
    for event in cast("list[object]", events) if isinstance(events, list) else ():
        if isinstance(event, dict):
            fields = cast("Json", event)
            yield as_text(fields.get("event.name")), fields


DIALECT: Dialect = _PydanticAi()
