import json

import pytest
from dialect_spans import content, said

from otel_judge.dialects.base import Blob, Message, Role, Text, TokenUsage, ToolCall, ToolResult, ToolRun

OLD = {
    "llm.request.type": "chat",
    "gen_ai.system": "openai",
    "gen_ai.request.model": "m-1",
    "gen_ai.usage.prompt_tokens": 9,
    "gen_ai.usage.completion_tokens": 2,
    "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.0.content": json.dumps([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {}}]),
    "gen_ai.prompt.1.role": "assistant",
    "gen_ai.prompt.1.tool_calls.0.id": "c",
    "gen_ai.prompt.1.tool_calls.0.name": "find",
    "gen_ai.prompt.1.tool_calls.0.arguments": "{}",
    "gen_ai.prompt.2.role": "tool",
    "gen_ai.prompt.2.tool_call_id": "c",
    "gen_ai.prompt.2.content": "found",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "Here.",
    "gen_ai.completion.0.finish_reason": "stop",
    "traceloop.association.properties.session_id": "s",
    "traceloop.association.properties.user_id": "u",
}


def test_older_numbered_messages():
    found = content(OLD)
    assert (found.dialect, found.role, found.model, found.provider) == ("openllmetry", Role.MODEL, "m-1", "openai")
    assert found.input == (
        Message("user", (Text("look"), Blob("image_url"))),
        Message("assistant", (ToolCall("find", "{}", "c"),)),
        Message("tool", (ToolResult("found", "c"),)),
    )
    assert found.output == (Message("assistant", (Text("Here."),), "stop"),)
    assert found.usage == TokenUsage(9, 2)
    assert (found.conversation_id, found.user, found.finish_reasons) == ("s", "u", ("stop",))
    assert not {key for key in OLD if "prompt." in key or "completion." in key} - found.content_keys


def test_newer_messages_are_those_of_the_conventions():
    found = content(
        {
            "llm.request.type": "chat",
            "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]),
            "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "ho"}]}]),
        }
    )
    assert (found.dialect, found.read_by) == ("openllmetry", "gen_ai")
    assert (found.input, found.output) == ((said("user", "hi"),), (said("assistant", "ho"),))


@pytest.mark.parametrize(
    ("kind", "role"),
    [("workflow", Role.WORKFLOW), ("task", Role.WORKFLOW), ("agent", Role.AGENT), ("tool", Role.TOOL)],
)
def test_kinds_of_entities(kind, role):
    assert content({"traceloop.span.kind": kind}).role is role


def test_an_agent_and_its_conversation():
    found = content(
        {
            "traceloop.span.kind": "agent",
            "traceloop.entity.name": "shop",
            "traceloop.entity.input": '{"args": ["where is it?"], "kwargs": {}}',
            "traceloop.entity.output": '{"outputs": {"answer": "there"}, "kwargs": {"tags": null}}',
        }
    )
    assert found.agent == "shop"
    assert (found.input, found.output) == ((said("user", "where is it?"),), (said("assistant", "there"),))


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ({"args": [], "kwargs": {"id": 7}}, '{"id": 7}'),
        ({"input_str": "{'id': 7}", "inputs": {"id": 7}, "tags": [], "metadata": {}, "kwargs": {}}, '{"id": 7}'),
        ({"args": [1, 2], "kwargs": {}}, '{"args": [1, 2], "kwargs": {}}'),
    ],
)
def test_arguments_of_a_tool_without_what_is_around_them(given, arguments):
    found = content({"traceloop.span.kind": "tool", "traceloop.entity.input": json.dumps(given)}, name="find.tool")
    assert found.tool == ToolRun("find", arguments, None)


@pytest.mark.parametrize(
    ("output", "result"),
    [
        ('"sunny"', "sunny"),
        ('{"output": "sunny", "kwargs": {}}', "sunny"),
        ('{"output": {"lc": 1, "kwargs": {"content": "sunny", "type": "tool"}}, "kwargs": {}}', "sunny"),
        ('{"temperature": 20}', '{"temperature": 20}'),
    ],
)
def test_result_of_a_tool_without_what_is_around_it(output, result):
    found = content({"traceloop.span.kind": "tool", "traceloop.entity.output": output})
    assert found.tool is not None
    assert found.tool.result == result
