import json

import pytest
from dialect_spans import content, said

from otel_judge import dialects
from otel_judge.dialects.base import Blob, Message, Role, Text, TokenUsage, ToolCall, ToolResult, ToolRun
from otel_judge.testing.traces import TraceBuilder

KIND = "openinference.span.kind"


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        ("AGENT", Role.AGENT),
        ("LLM", Role.MODEL),
        ("TOOL", Role.TOOL),
        ("CHAIN", Role.WORKFLOW),
        ("RETRIEVER", Role.RETRIEVAL),
        ("RERANKER", Role.RETRIEVAL),
        ("EMBEDDING", Role.EMBEDDING),
        ("GUARDRAIL", Role.OTHER),
        ("llm", Role.MODEL),
    ],
)
def test_the_kind_tells_the_role(kind, role):
    found = content({KIND: kind})
    assert (found.dialect, found.role, found.captured) == ("openinference", role, False)


LLM = {
    KIND: "LLM",
    "llm.model_name": "m-1",
    "llm.provider": "openai",
    "llm.token_count.prompt": 20,
    "llm.token_count.completion": 5,
    "llm.token_count.prompt_details.cache_read": 4,
    "session.id": "s",
    "user.id": "u",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.contents.0.message_content.type": "text",
    "llm.input_messages.0.message.contents.0.message_content.text": "what is this?",
    "llm.input_messages.0.message.contents.1.message_content.type": "image",
    "llm.input_messages.0.message.contents.1.message_content.image.image.url": "data:…",
    "llm.input_messages.1.message.role": "assistant",
    "llm.input_messages.1.message.tool_calls.0.tool_call.id": "c1",
    "llm.input_messages.1.message.tool_calls.0.tool_call.function.name": "look",
    "llm.input_messages.1.message.tool_calls.0.tool_call.function.arguments": '{"x": 1}',
    "llm.input_messages.10.message.role": "tool",
    "llm.input_messages.10.message.tool_call_id": "c1",
    "llm.input_messages.10.message.content": "a cat",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "A cat.",
}


def test_messages_that_are_spread_over_attributes():
    found = content(LLM)
    assert found.input == (
        Message("user", (Text("what is this?"), Blob("image"))),
        Message("assistant", (ToolCall("look", '{"x": 1}', "c1"),)),
        Message("tool", (ToolResult("a cat", "c1"),)),
    )
    assert found.output == (said("assistant", "A cat."),)
    assert found.usage == TokenUsage(20, 5, 4)
    assert (found.model, found.provider, found.conversation_id, found.user) == ("m-1", "openai", "s", "u")
    assert {key for key in LLM if "_messages." in key} <= found.content_keys


def test_the_request_beside_the_messages_is_shown_only_if_it_says_more():
    same = {"input.value": json.dumps({"model": "m-1", "messages": [{"role": "tool", "content": "a cat"}]})}
    assert "input.value" not in content(LLM | same).content_keys  # there it has no id
    same = {"output.value": json.dumps({"choices": [{"message": {"role": "assistant", "content": "A cat."}}]})}
    assert "output.value" in content(LLM | same).content_keys
    more = {"output.value": json.dumps({"choices": [{"message": {"content": "A cat."}}], "warning": "it may bite"})}
    assert "output.value" not in content(LLM | more).content_keys


def test_values_alone_are_read_as_the_conversation():
    found = content(
        {KIND: "CHAIN", "input.value": '{"messages": [{"role": "user", "content": "hi"}]}', "output.value": "ho"}
    )
    assert (found.input, found.output) == ((said("user", "hi"),), (said("assistant", "ho"),))


def test_the_text_of_a_completion():
    found = content({KIND: "LLM", "llm.prompts.0.prompt.text": "hi", "llm.choices.0.completion.text": "ho"})
    assert (found.input, found.output) == ((said("user", "hi"),), (said("assistant", "ho"),))


def test_messages_of_another_shape_are_not_lost():
    found = content({KIND: "LLM", "llm.input_messages.0.role": "user", "llm.input_messages.0.content": "hi"})
    assert found.input == (said("user", "hi"),)


def test_tools():
    found = content({KIND: "TOOL", "tool.name": "add", "input.value": '{"a": 1}', "output.value": "3", "tool.id": "c"})
    assert found.tool == ToolRun("add", '{"a": 1}', "3", "c")
    assert content({KIND: "TOOL", "tool.parameters": '{"a": 2}'}, name="add").tool == ToolRun("add", '{"a": 2}', None)


def test_documents_of_a_retriever():
    found = content(
        {
            KIND: "RETRIEVER",
            "input.value": "cats",
            "retrieval.documents.0.document.content": "Cats purr.",
            "retrieval.documents.1.document.content": "Cats sleep.",
            "retrieval.documents.1.document.score": 0.5,
        }
    )
    assert found.input == (said("user", "cats"),)
    assert found.output == (said("tool", "Cats purr."), said("tool", '{"content": "Cats sleep.", "score": 0.5}'))


@pytest.mark.parametrize("places", [("tool_calls",), ("contents",), ("tool_calls", "contents")])
def test_a_call_stands_once_in_whichever_places_it_was_written(places: tuple[str, ...]) -> None:
    """As the instrumentation of Anthropic's SDK writes it: beside the message, and among its contents."""
    prefix = "llm.output_messages.0.message"
    attributes = {"openinference.span.kind": "LLM", f"{prefix}.role": "assistant"}
    for place in places:
        call = f"{prefix}.{place}.0.tool_call"
        attributes |= {f"{call}.id": "c1", f"{call}.function.name": "find", f"{call}.function.arguments": '{"n": 7}'}
    if "contents" in places:
        attributes[f"{prefix}.contents.0.message_content.type"] = "tool_use"
    build = TraceBuilder()
    build.span("messages.create", attributes=attributes)
    (message,) = dialects.read(build.trace().root).output or ()
    assert message.parts == (ToolCall("find", '{"n": 7}', "c1"),)
