import json

import pytest
from dialect_spans import content, said

from otel_judge.dialects.base import Message, Role, Text, ToolCall, ToolResult, ToolRun

CALLS = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]


def flat(fields):
    """A body as attributes of the event, structured parts as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}


def structured(fields):
    return fields


def whole(fields):
    """A body as one JSON text."""
    return {"gen_ai.system": "openai", "gen_ai.event.content": json.dumps(fields)}


@pytest.mark.parametrize("body", [flat, structured, whole])
def test_each_message_on_an_event_of_its_own(body):
    found = content(
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"},
        events=[
            ("gen_ai.system.message", body({"content": "be kind", "role": "system"})),
            ("gen_ai.user.message", body({"content": "weather?"})),
            ("gen_ai.assistant.message", body({"role": "assistant", "tool_calls": CALLS})),
            ("gen_ai.tool.message", body({"content": "rain", "id": "1"})),
            ("gen_ai.choice", body({"finish_reason": "stop", "message": {"role": "assistant", "content": "rainy"}})),
        ],
    )
    assert (found.dialect, found.role) == ("gen_ai", Role.MODEL)
    assert found.output == (Message("assistant", (Text("rainy"),), "stop"),)
    assert found.input is not None
    assert [message.role for message in found.input] == ["system", "user", "assistant", "tool"]
    assert found.input[3].parts == (ToolResult("rain", "1"),)
    assert found.finish_reasons == ("stop",)
    if body is not flat:
        assert found.input[2].parts == (ToolCall("f", '{"a": 1}', "1"),)


def test_events_without_content_say_nothing():
    found = content(
        {"gen_ai.operation.name": "chat"},
        events=[("gen_ai.user.message", {"gen_ai.system": "openai"}), ("gen_ai.choice", {"index": 0})],
    )
    assert (found.input, found.output) == (None, None)


def test_events_alone_tell_a_model_call():
    found = content({}, events=[("gen_ai.user.message", {"content": "hi"})])
    assert (found.role, found.input) == (Role.MODEL, (said("user", "hi"),))


def test_attributes_say_more_than_events():
    messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "on the span"}]}])
    found = content(
        {"gen_ai.operation.name": "chat", "gen_ai.input.messages": messages},
        events=[("gen_ai.user.message", {"content": "on an event"}), ("gen_ai.choice", {"message": "answer"})],
    )
    assert (found.input, found.output) == ((said("user", "on the span"),), (said("assistant", "answer"),))


def test_events_that_hold_the_whole_prompt():
    found = content(
        {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 1},
        events=[
            ("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps([{"role": "user", "content": "hi"}])}),
            ("gen_ai.content.completion", {"gen_ai.completion": json.dumps([{"role": "assistant", "content": "ho"}])}),
        ],
    )
    assert (found.input, found.output) == ((said("user", "hi"),), (said("assistant", "ho"),))


def test_events_of_a_tool_are_its_call_and_its_answer():
    found = content(
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f"},
        events=[("gen_ai.tool.message", {"content": '{"a": 1}'}), ("gen_ai.choice", {"message": "rain"})],
    )
    assert found.tool == ToolRun("f", '{"a": 1}', "rain")
    assert (found.input, found.output) == (None, None)
