import json

import pytest
from dialect_spans import content, said

from otel_judge.dialects.base import Role, TokenUsage, ToolRun

PREFIX = "langfuse.observation."


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        ("generation", Role.MODEL),
        ("embedding", Role.EMBEDDING),
        ("agent", Role.AGENT),
        ("tool", Role.TOOL),
        ("chain", Role.WORKFLOW),
        ("retriever", Role.RETRIEVAL),
        ("span", Role.OTHER),
    ],
)
def test_the_type_tells_the_role(kind, role):
    assert content({f"{PREFIX}type": kind}).role is role


def test_a_generation():
    found = content(
        {
            f"{PREFIX}type": "generation",
            f"{PREFIX}input": json.dumps([{"role": "user", "content": "hi"}]),
            f"{PREFIX}output": json.dumps({"role": "assistant", "content": "ho"}),
            f"{PREFIX}model.name": "m",
            f"{PREFIX}usage_details": '{"input": 3, "output": 4, "total": 7}',
            f"{PREFIX}level": "ERROR",
            f"{PREFIX}status_message": "cut off",
            "session.id": "s",
            "user.id": "u",
        }
    )
    assert (found.dialect, found.model, found.usage) == ("langfuse", "m", TokenUsage(3, 4))
    assert (found.input, found.output) == ((said("user", "hi"),), (said("assistant", "ho"),))
    assert (found.conversation_id, found.user, found.error) == ("s", "u", "cut off")


def test_a_traced_function_is_a_step_of_a_workflow():
    found = content({f"{PREFIX}type": "span", f"{PREFIX}input": '{"args": ["hi"], "kwargs": {}}'})
    assert (found.role, found.input) == (Role.WORKFLOW, (said("user", "hi"),))


def test_what_another_dialect_calls_a_tool_has_its_values_as_arguments_and_result():
    found = content(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "f",
            f"{PREFIX}type": "span",
            f"{PREFIX}input": '{"a": 1}',
            f"{PREFIX}output": '"rain"',
        }
    )
    assert (found.dialect, found.read_by, found.role) == ("gen_ai", "langfuse", Role.TOOL)
    assert found.tool == ToolRun("f", '{"a": 1}', "rain")
    assert found.content_keys == {f"{PREFIX}input", f"{PREFIX}output"}
