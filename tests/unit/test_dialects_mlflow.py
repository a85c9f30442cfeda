import json

import pytest
from dialect_spans import content, said

from otel_judge.dialects.base import Message, Role, TokenUsage, ToolCall, ToolRun


def once(value):
    return json.dumps(value)


def twice(value):
    return json.dumps(json.dumps(value))


def structured(value):
    return value


@pytest.mark.parametrize("written", [once, twice, structured])
def test_a_model_call_however_often_it_is_encoded(written):
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    found = content(
        {
            "mlflow.spanType": written("CHAT_MODEL"),
            "mlflow.spanInputs": written({"messages": [{"role": "user", "content": "hi"}], "model": "m-1"}),
            "mlflow.spanOutputs": written({"choices": [{"message": {"role": "assistant", "tool_calls": [call]}}]}),
            "mlflow.chat.tokenUsage": written({"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}),
            "mlflow.llm.model": written("m-1"),
            "mlflow.trace.session": written("s"),
            "mlflow.trace.user": written("u"),
        }
    )
    assert (found.dialect, found.role, found.model) == ("mlflow", Role.MODEL, "m-1")
    assert found.input == (said("user", "hi"),)
    assert found.output == (Message("assistant", (ToolCall("find", "{}", "c"),)),)
    assert found.usage == TokenUsage(7, 3)
    assert (found.conversation_id, found.user) == ("s", "u")
    assert found.content_keys == {"mlflow.spanInputs", "mlflow.spanOutputs"}


@pytest.mark.parametrize("written", [once, twice, structured])
def test_a_tool_and_an_agent(written):
    tool = content(
        {
            "mlflow.spanType": written("TOOL"),
            "mlflow.spanInputs": written({"city": "Paris"}),
            "mlflow.spanOutputs": written("sunny"),
        },
        name="get_weather",
    )
    assert tool.tool == ToolRun("get_weather", '{"city": "Paris"}', "sunny")
    agent = content(
        {
            "mlflow.spanType": written("AGENT"),
            "mlflow.spanInputs": written({"question": "sunny?"}),
            "mlflow.spanOutputs": written("yes"),
        }
    )
    assert (agent.role, agent.input, agent.output) == (
        Role.AGENT,
        (said("user", "sunny?"),),
        (said("assistant", "yes"),),
    )


def test_a_request_whose_settings_say_more_keeps_its_attribute():
    found = content(
        {
            "mlflow.spanType": "CHAT_MODEL",
            "mlflow.spanInputs": {"messages": [{"role": "user", "content": "hi"}], "user_profile": "likes cats"},
        }
    )
    assert found.input == (said("user", "hi"),)
    assert found.content_keys == frozenset()


def test_what_was_not_recorded_is_none_and_what_is_empty_is_empty():
    found = content(
        {"mlflow.spanType": "CHAT_MODEL", "mlflow.spanInputs": '{"messages": []}', "mlflow.spanOutputs": '""'}
    )
    assert (found.input, found.output) == ((), ())
    assert content({"mlflow.spanType": "CHAT_MODEL"}).output is None


def test_a_function_without_arguments_was_asked_nothing() -> None:
    read = content({"mlflow.spanType": '"AGENT"', "mlflow.spanInputs": "{}", "mlflow.spanOutputs": '"Done."'})
    assert read.input == ()
