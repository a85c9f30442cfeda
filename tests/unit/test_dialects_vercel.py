import json

import pytest
from dialect_spans import content, said

from otel_judge.dialects.base import Message, Role, Text, TokenUsage, ToolCall, ToolResult, ToolRun


@pytest.mark.parametrize(
    ("operation", "role"),
    [
        ("ai.generateText", Role.AGENT),
        ("ai.streamText", Role.AGENT),
        ("ai.generateText.doGenerate", Role.MODEL),
        ("ai.streamText.doStream", Role.MODEL),
        ("ai.generateObject", Role.MODEL),
        ("ai.toolCall", Role.TOOL),
        ("ai.embedMany.doEmbed", Role.EMBEDDING),
        ("ai.something", Role.OTHER),
    ],
)
def test_the_operation_tells_the_role(operation, role):
    assert content({"ai.operationId": operation}).role is role


def test_a_run():
    found = content(
        {
            "ai.operationId": "ai.generateText",
            "ai.prompt": json.dumps({"system": "be kind", "prompt": "weather?"}),
            "ai.response.text": "sunny",
            "ai.response.finishReason": "stop",
            "ai.telemetry.functionId": "shop",
            "ai.telemetry.metadata.sessionId": "s",
            "ai.telemetry.metadata.userId": "u",
            "ai.model.id": "m",
            "ai.model.provider": "openai.chat",
            "ai.usage.inputTokens": 3,
            "ai.usage.outputTokens": 4,
            "ai.usage.cachedInputTokens": 2,
        }
    )
    assert (found.dialect, found.agent, found.conversation_id, found.user) == ("vercel", "shop", "s", "u")
    assert found.input == (said("system", "be kind"), said("user", "weather?"))
    assert found.output == (Message("assistant", (Text("sunny"),), "stop"),)
    assert found.usage == TokenUsage(3, 4, 2)
    assert found.content_keys == {"ai.prompt", "ai.response.text"}


def test_a_model_call_in_both_versions_of_its_parts():
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "weather?"}]},
        {"role": "assistant", "content": [{"type": "tool-call", "toolCallId": "1", "toolName": "f", "args": {"a": 1}}]},
        {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "1", "toolName": "f", "result": "rain"}]},
        {
            "role": "assistant",
            "content": [{"type": "tool-call", "toolCallId": "2", "toolName": "f", "input": {"a": 2}}],
        },
        {
            "role": "tool",
            "content": [
                {
                    "type": "tool-result",
                    "toolCallId": "2",
                    "toolName": "f",
                    "output": {"type": "json", "value": {"b": 1}},
                }
            ],
        },
    ]
    found = content(
        {
            "ai.operationId": "ai.streamText.doStream",
            "ai.prompt.messages": json.dumps(messages),
            "ai.response.toolCalls": json.dumps([{"toolCallId": "3", "toolName": "g", "input": '{"c": 1}'}]),
            "ai.response.finishReason": "tool-calls",
            "ai.response.model": "m-2026",
            "ai.model.id": "m",
        }
    )
    assert found.input == (
        said("user", "weather?"),
        Message("assistant", (ToolCall("f", '{"a": 1}', "1"),)),
        Message("tool", (ToolResult("rain", "1", "f"),)),
        Message("assistant", (ToolCall("f", '{"a": 2}', "2"),)),
        Message("tool", (ToolResult('{"b": 1}', "2", "f"),)),
    )
    assert found.output == (Message("assistant", (ToolCall("g", '{"c": 1}', "3"),), "tool-calls"),)
    assert found.model == "m-2026"


def test_a_tool():
    found = content(
        {
            "ai.operationId": "ai.toolCall",
            "ai.toolCall.name": "f",
            "ai.toolCall.id": "1",
            "ai.toolCall.args": '{"a":1}',
            "ai.toolCall.result": '"rain"',
        }
    )
    assert found.tool == ToolRun("f", '{"a":1}', "rain", "1")


def test_an_answer_that_is_empty_was_captured():
    assert content({"ai.operationId": "ai.generateText", "ai.response.text": ""}).output == ()
    assert content({"ai.operationId": "ai.generateText"}).output is None
