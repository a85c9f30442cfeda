import json

from dialect_spans import content, said

from otel_judge.dialects.base import Message, Role, Text, TokenUsage, ToolCall, ToolResult, ToolRun

SCOPE = "pydantic-ai"
HISTORY = [
    {"role": "user", "parts": [{"type": "text", "content": "weather?"}]},
    {"role": "assistant", "parts": [{"type": "text", "content": "sunny"}]},
]


def test_a_run():
    found = content(
        {
            "model_name": "m",
            "agent_name": "shop",
            "gen_ai.conversation.id": "c",
            "gen_ai.usage.input_tokens": 5,
            "pydantic_ai.all_messages": json.dumps(HISTORY),
            "final_result": "sunny",
        },
        scope=SCOPE,
    )
    assert (found.dialect, found.role, found.agent, found.conversation_id) == ("pydantic_ai", Role.AGENT, "shop", "c")
    assert (found.input, found.output) == ((said("user", "weather?"),), (said("assistant", "sunny"),))
    assert found.usage == TokenUsage(5)
    assert found.content_keys == {"pydantic_ai.all_messages", "final_result"}


def test_a_run_without_its_result_has_the_last_message_and_one_that_failed_has_none():
    def run(history):
        return content({"agent_name": "shop", "pydantic_ai.all_messages": json.dumps(history)}, scope=SCOPE)

    assert run(HISTORY).output == (said("assistant", "sunny"),)
    assert (run(HISTORY[:1]).input, run(HISTORY[:1]).output) == ((said("user", "weather?"),), None)


def test_older_events():
    events = [
        {"event.name": "gen_ai.system.message", "content": "be kind", "role": "system", "gen_ai.message.index": 0},
        {"event.name": "gen_ai.user.message", "content": "weather?", "role": "user"},
        {
            "event.name": "gen_ai.assistant.message",
            "role": "assistant",
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}],
        },
        {"event.name": "gen_ai.tool.message", "content": "rain", "role": "tool", "id": "1", "name": "f"},
    ]
    choice = {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": "rainy"}}
    given = (
        said("system", "be kind"),
        said("user", "weather?"),
        Message("assistant", (ToolCall("f", '{"a": 1}', "1"),)),
        Message("tool", (ToolResult("rain", "1", "f"),)),
    )
    model = content(
        {"model_request_parameters": "{}", "gen_ai.operation.name": "chat", "events": json.dumps([*events, choice])},
        scope=SCOPE,
    )
    assert (model.dialect, model.role, model.input) == ("pydantic_ai", Role.MODEL, given)
    assert model.output == (Message("assistant", (Text("rainy"),)),)
    agent = content(
        {"agent_name": "shop", "all_messages_events": json.dumps(events), "final_result": '{"rain": true}'}, scope=SCOPE
    )
    assert (agent.role, agent.input, agent.output) == (Role.AGENT, given, (said("assistant", '{"rain": true}'),))


def test_older_tools():
    found = content(
        {
            "gen_ai.tool.name": "f",
            "gen_ai.tool.call.id": "1",
            "tool_arguments": '{"a": 1}',
            "tool_response": "rain",
        },
        name="running tool",
        scope=SCOPE,
    )
    assert found.tool == ToolRun("f", '{"a": 1}', "rain", "1")
    assert content({"tools": ["f"]}, name="running 1 tool", scope=SCOPE).role is Role.OTHER


def test_newer_spans_are_those_of_the_conventions_and_other_libraries_may_use_its_names():
    found = content(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "f",
            "gen_ai.tool.call.arguments": "{}",
            "gen_ai.tool.call.result": "rain",
        },
        scope=SCOPE,
    )
    assert found.tool == ToolRun("f", "{}", "rain")
    assert content({"agent_name": "shop", "final_result": "x"}).role is Role.OTHER
