"""Values in the shapes of providers and frameworks, and what is read of a span by several dialects."""

import json

import pytest
from dialect_spans import content, said

from otel_judge.dialects.base import Message, Reasoning, Role, Text, TokenUsage, ToolCall, ToolResult, ToolRun
from otel_judge.dialects.values import Conversation, arguments_of, result_of

CALL = ToolCall("f", "{}", "c")


def read(value, role="user"):
    return Conversation(value, role).messages


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        (None, None),
        ("", ()),
        ([], ()),
        ("hello", (said("user", "hello"),)),
        ("12", (said("user", "12"),)),
        ("1e5", (said("user", "1e5"),)),
        ('"hello"', (said("user", "hello"),)),
        ('"{\\"prompt\\": \\"hello\\"}"', (said("user", "hello"),)),
        ('{"cut off', (said("user", '{"cut off'),)),
        (7, (said("user", "7"),)),
        (["hello"], (said("user", "hello"),)),
        ([1, 2], (said("user", "[1, 2]"),)),
        ({}, ()),
        ({"a": 1, "b": 2}, (said("user", '{"a": 1, "b": 2}'),)),
        ({"question": "hello"}, (said("user", "hello"),)),
        ({"prompt": "hello", "system": "be kind"}, (said("system", "be kind"), said("user", "hello"))),
        ({"instructions": "be kind", "input": "hello"}, (said("system", "be kind"), said("user", "hello"))),
        ({"messages": "hello"}, (said("user", "hello"),)),
        ({"messages": []}, ()),
        (
            {"inputs": {"messages": [{"role": "user", "content": "hello"}]}, "tags": [], "kwargs": {}},
            (said("user", "hello"),),
        ),
        ({"role": "user", "content": "hello"}, (said("user", "hello"),)),
        ({"content": "hello"}, (said("user", "hello"),)),
        ({"content": "hello", "rating": 5}, (said("user", '{"content": "hello", "rating": 5}'),)),
        (
            [{"type": "human", "content": "hello"}, {"type": "ai", "content": "ho"}],
            (said("user", "hello"), said("assistant", "ho")),
        ),
        ([["hello"]], (said("user", "hello"),)),
    ],
)
def test_what_was_given(value, messages):
    assert read(value) == messages


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        (
            {
                "id": "resp",
                "object": "response",
                "output": [
                    {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}]},
                    {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"},
                    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ho"}]},
                ],
            },
            (Message("assistant", (Reasoning("hm"),)), Message("assistant", (CALL,)), said("assistant", "ho")),
        ),
        (
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "ho"}, {"type": "tool_use", "id": "c", "name": "f", "input": {}}],
            },
            (Message("assistant", (Text("ho"), CALL)),),
        ),
        (
            {"candidates": [{"content": {"role": "model", "parts": [{"text": "ho"}]}, "finishReason": "STOP"}]},
            (Message("assistant", (Text("ho"),), "STOP"),),
        ),
        (
            [{"call_id": "c", "type": "function_call_output", "output": "rain"}],
            (Message("tool", (ToolResult("rain", "c"),)),),
        ),
        (
            {
                "choices": [
                    {
                        "message": {
                            "role": "assistant",
                            "content": None,
                            "function_call": {"name": "f", "arguments": "{}"},
                        }
                    }
                ]
            },
            (Message("assistant", (ToolCall("f", "{}"),)),),
        ),
    ],
)
def test_what_was_answered(value, messages):
    assert read(value, "assistant") == messages


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        ({"messages": [], "temperature": 1, "tools": [{"name": "f"}]}, True),
        ({"messages": [], "customer": "gold"}, False),
        ({"choices": [{"message": {"content": "a"}}], "usage": {"total_tokens": 1}}, True),
        ({"choices": [{"message": {"content": "a"}}], "citations": ["b"]}, False),
        ({"anything": 1}, True),
    ],
)
def test_what_says_more_than_its_messages_is_not_whole(value, whole):
    assert Conversation(value, "user").whole is whole


def test_arguments_that_only_look_wrapped_stay():
    for arguments in (
        {"input": {"a": 1}, "metadata": {"b": 2}},
        {"input": "a", "count": 3},
        {"args": [1, 2], "kwargs": {}},
    ):
        assert arguments_of(arguments) == json.dumps(arguments)
    assert arguments_of({"input": {"a": 1}, "kwargs": {}, "tags": []}) == '{"a": 1}'
    assert content({"ai.operationId": "ai.toolCall", "ai.toolCall.args": '{"input": {"a": 1}}'}).tool == ToolRun(
        "a span", '{"input": {"a": 1}}', None
    )


def test_tools():
    assert arguments_of({"input": "words"}) == '{"input": "words"}'
    assert arguments_of('{"a" :1}') == '{"a" :1}'
    assert result_of('{"a" :1}') == '{"a" :1}'
    assert result_of('"\\"twice\\""') == "twice"
    assert result_of("") == ""
    assert (arguments_of(None), result_of(None)) == (None, None)


CHAT = {"gen_ai.operation.name": "chat", "gen_ai.response.model": "m", "gen_ai.usage.input_tokens": 9}


def test_the_more_specific_dialect_decides_and_the_others_fill_in():
    found = content(
        {
            **CHAT,
            "openinference.span.kind": "AGENT",
            "llm.token_count.prompt": 5,
            "input.value": "hi",
            "langfuse.observation.output": "ho",
            "session.id": "s",
        }
    )
    assert (found.dialect, found.role, found.read_by) == ("openinference", Role.AGENT, None)
    assert (found.input, found.output) == ((said("user", "hi"),), (said("assistant", "ho"),))
    assert (found.model, found.conversation_id, found.usage) == ("m", "s", TokenUsage(5))


def test_what_is_empty_in_one_dialect_may_be_told_in_another():
    messages = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "ho"}]}])
    found = content(
        {
            **CHAT,
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.response.text": "",
            "gen_ai.output.messages": messages,
        }
    )
    assert found.output == (said("assistant", "ho"),)


def test_instructions_alone_are_not_all_that_was_given():
    instructions = {"gen_ai.system_instructions": '[{"type": "text", "content": "be kind"}]'}
    found = content({**CHAT, **instructions, "langfuse.observation.input": '[{"role": "user", "content": "hi"}]'})
    assert found.input == (said("system", "be kind"), said("user", "hi"))


def test_what_two_dialects_say_alike_is_shown_once_and_what_only_one_says_stays():
    messages = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "ho"}]}])
    same = content({**CHAT, "gen_ai.output.messages": messages, "langfuse.observation.output": messages})
    assert same.content_keys == {"gen_ai.output.messages", "langfuse.observation.output"}
    other = content({**CHAT, "gen_ai.output.messages": messages, "langfuse.observation.output": '"something else"'})
    assert other.content_keys == {"gen_ai.output.messages"}


@pytest.mark.parametrize(
    "key", ["acme.answer", "acme.promptText", "llm_response", "chat.messages", "bot.reply.content"]
)
def test_content_of_no_known_form_is_named(key):
    assert content({key: "some words"}).unread == (f"attributes.{key}",)
    assert content({**CHAT, key: "some words"}).unread == (f"attributes.{key}",)
    assert content({}, events=[("log", {key: "some words"})]).unread == (f"events[0].attributes.{key}",)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("http.request.body", "x"),
        ("db.query.text", "SELECT 1"),
        ("exception.message", "x"),
        ("acme.answer", ""),
        ("acme.answer", "{}"),
        ("acme.answer", "<REDACTED>"),
        ("acme.answer", 7),
        ("acme.answer.id", "x"),
        ("acme.prompt.tokens", "7"),
        ("acme.status.message", "x"),
    ],
)
def test_what_is_no_content_is_not(key, value):
    assert content({key: value}).unread == ()


def test_content_that_was_read_is_not_unread():
    found = content({"traceloop.span.kind": "tool", "traceloop.entity.output": "x", "gen_ai.tool.call.arguments": "{}"})
    assert found.unread == ()
