"""What OpenAI's chat completions and Responses APIs refuse with status 400, as far as a judge could get it wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from .anthropic_rules import Rule
from .scripts import Json, part_of, parts_of

_REASONING = re.compile(r"o\d|gpt-[5-9]")
"""Starts of the names of models that reason."""
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias")


def _strict_tools_have_types(body: Json) -> str | None:
    for tool in _functions(body):
        for where, schema in _properties(part_of(tool, "parameters"), ()):
            if tool["strict"] and not {"type", "anyOf", "$ref", "enum", "const"} & set(schema):
                context = "('properties', " + ", ".join(repr(name) for name in where) + ")"
                problem = f"In context={context}, schema must have a 'type' key."
                return f"Invalid schema for function '{tool['name']}': {problem}"
    return None


def _choice_names_a_tool(body: Json) -> str | None:
    if "tool_choice" not in body:
        return None
    names = [tool["name"] for tool in _functions(body)]
    if not names:
        return "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
    if isinstance(body["tool_choice"], str):
        return None
    choice = part_of(body, "tool_choice")
    chosen = choice.get("name") or part_of(choice, "function").get("name")
    if chosen is not None and chosen not in names:
        return f"Tool choice '{chosen}' not found in 'tools' parameter."
    return None


def _sampling_is_taken(body: Json) -> str | None:
    if not _reasons(body):
        return None
    given = next((name for name in _SAMPLING if name in body), None)
    return f"Unsupported parameter: '{given}' is not supported with this model." if given is not None else None


def _limit_is_named_right(body: Json) -> str | None:
    if _reasons(body) and "max_tokens" in body:
        return (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
    return None


def _chat_calls_are_answered(body: Json) -> str | None:
    end: Json = {"role": "end"}
    waiting: list[str] = []
    for message in (*parts_of(body, "messages"), end):
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            return (
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(waiting)}"
            )
        waiting = [call["id"] for call in parts_of(message, "tool_calls")]
    return None


def _responses_calls_are_answered(body: Json) -> str | None:
    items = [] if isinstance(body["input"], str) else parts_of(body, "input")
    called = [item["call_id"] for item in items if item.get("type") == "function_call"]
    answered = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    for call_id in called:
        if call_id not in answered:
            return f"No tool output found for function call {call_id}."
    for call_id in answered:
        if call_id not in called:
            return f"No tool call found for function call output with call_id {call_id}."
    return None


CHAT_RULES: tuple[Rule, ...] = (
    _strict_tools_have_types,
    _choice_names_a_tool,
    _sampling_is_taken,
    _limit_is_named_right,
    _chat_calls_are_answered,
)
RESPONSES_RULES: tuple[Rule, ...] = (
    _strict_tools_have_types,
    _choice_names_a_tool,
    _sampling_is_taken,
    _responses_calls_are_answered,
)


def _reasons(body: Json) -> bool:
    return _REASONING.match(str(body.get("model"))) is not None


def _functions(body: Json) -> Iterator[Json]:
    """The tools of a request. The Responses API takes one for strict unless it says that it is not."""
    for tool in parts_of(body, "tools"):
        if "function" in tool:
            yield {"strict": False, **tool["function"]}
        else:
            yield {"strict": True, **tool}


def _properties(schema: Json, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Json]]:
    for name, inner in cast("dict[str, Json]", part_of(schema, "properties")).items():
        yield (*above, name), inner
        yield from _properties(inner, (*above, name))
        yield from _properties(part_of(inner, "items"), (*above, name, "items"))
