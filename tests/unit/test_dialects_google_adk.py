import json

from dialect_spans import content, said

from otel_judge.dialects.base import Blob, Message, Reasoning, Role, Text, TokenUsage, ToolCall, ToolResult, ToolRun

PREFIX = "gcp.vertex.agent."


def test_a_model_call():
    request = {
        "model": "gemini",
        "config": {"system_instruction": "be kind", "tools": [{"function_declarations": []}]},
        "contents": [
            {
                "role": "user",
                "parts": [{"text": "weather?"}, {"inline_data": {"mime_type": "image/png", "data": "AAAA"}}],
            },
            {"role": "model", "parts": [{"function_call": {"id": "1", "name": "f", "args": {"a": 1}}}]},
            {"role": "user", "parts": [{"function_response": {"id": "1", "name": "f", "response": {"r": 2}}}]},
        ],
    }
    response = {
        "content": {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "rain"}]},
        "finish_reason": "STOP",
        "usage_metadata": {"prompt_token_count": 3},
    }
    found = content(
        {
            f"{PREFIX}llm_request": json.dumps(request),
            f"{PREFIX}llm_response": json.dumps(response),
            f"{PREFIX}session_id": "s",
            "gen_ai.request.model": "gemini",
            "gen_ai.usage.input_tokens": 3,
            "gen_ai.usage.output_tokens": 1,
        },
        "call_llm",
    )
    assert (found.dialect, found.role, found.model, found.conversation_id) == ("google_adk", Role.MODEL, "gemini", "s")
    assert found.input == (
        said("system", "be kind"),
        Message("user", (Text("weather?"), Blob("image/png", 3))),
        Message("assistant", (ToolCall("f", '{"a": 1}', "1"),)),
        Message("user", (ToolResult('{"r": 2}', "1", "f"),)),
    )
    assert found.output == (Message("assistant", (Reasoning("hm"), Text("rain")), "STOP"),)
    assert found.usage == TokenUsage(3, 1)
    assert found.content_keys == {f"{PREFIX}llm_request", f"{PREFIX}llm_response"}


def test_a_tool():
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "f",
        "gen_ai.tool.call.id": "1",
        f"{PREFIX}llm_request": "{}",
        f"{PREFIX}llm_response": "{}",
    }
    asked = {f"{PREFIX}tool_call_args": '{"a": 1}', f"{PREFIX}tool_response": '{"result": "rain"}'}
    assert content(attributes | asked).tool == ToolRun("f", '{"a": 1}', '{"result": "rain"}', "1")
    asked = {f"{PREFIX}tool_call_args": "{}", f"{PREFIX}tool_response": '{"result": "rain"}'}
    assert content(attributes | asked).tool == ToolRun("f", "{}", '{"result": "rain"}', "1")
    asked = {f"{PREFIX}tool_call_args": "{}", f"{PREFIX}tool_response": "{}"}
    assert content(attributes | asked).tool == ToolRun("f", None, None, "1")


def test_what_it_does_not_capture_is_not_empty():
    found = content({f"{PREFIX}llm_request": "{}", f"{PREFIX}llm_response": "{}", "gen_ai.system": "gcp.vertex.agent"})
    assert (found.role, found.input, found.output) == (Role.MODEL, None, None)
