import pytest
from dialect_spans import content, said

from otel_judge.dialects.base import Role, TokenUsage, ToolRun


def test_an_interaction_is_a_run_of_the_agent():
    found = content(
        {"span.type": "interaction", "user_prompt": "fix it", "session.id": "s", "user.id": "u"},
        "claude_code.interaction",
    )
    assert (found.dialect, found.role, found.conversation_id, found.user) == ("claude_code", Role.AGENT, "s", "u")
    assert (found.input, found.output) == ((said("user", "fix it"),), None)


def test_a_model_call_counts_what_the_cache_served():
    found = content(
        {
            "span.type": "llm_request",
            "model": "claude-x",
            "gen_ai.request.model": "claude-x",
            "new_context": "fix it",
            "response.model_output": "done",
            "input_tokens": 3,
            "output_tokens": 5,
            "cache_read_tokens": 100,
            "cache_creation_tokens": 20,
            "stop_reason": "end_turn",
        },
        "claude_code.llm_request",
    )
    assert (found.role, found.model, found.finish_reasons) == (Role.MODEL, "claude-x", ("end_turn",))
    assert (found.input, found.output) == ((said("user", "fix it"),), (said("assistant", "done"),))
    assert found.usage == TokenUsage(123, 5, 100, 20)
    assert found.content_keys == {"new_context", "response.model_output"}


@pytest.mark.parametrize(
    ("attributes", "events", "run"),
    [
        (
            {"tool_input": '[TOOL INPUT: Read] {"file": "a"}', "new_context": "[TOOL RESULT: Read] text"},
            (),
            ToolRun("Read", '{"file": "a"}', "text"),
        ),
        ({"tool_input": "{}"}, [("tool.output", {"output": "text"})], ToolRun("Read", "{}", "text")),
        ({"file_path": "/a"}, (), ToolRun("Read", "/a", None)),
        ({}, (), ToolRun("Read", None, None)),
    ],
)
def test_tools(attributes, events, run):
    found = content({"span.type": "tool", "tool_name": "Read", **attributes}, "claude_code.tool", events=events)
    assert (found.role, found.tool) == (Role.TOOL, run)


def test_what_was_withheld_was_not_captured():
    found = content({"span.type": "interaction", "user_prompt": "<REDACTED>"}, "claude_code.interaction")
    assert (found.input, found.unread) == (None, ())


def test_parts_of_a_tool_are_no_tools():
    assert content({"span.type": "tool.execution"}, "claude_code.tool.execution").role is Role.OTHER
    assert content({"span.type": "tool", "tool_name": "x"}, "of another program").role is Role.OTHER
