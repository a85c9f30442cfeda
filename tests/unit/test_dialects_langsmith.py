import json

import pytest
from dialect_spans import content, said

from otel_judge.dialects.base import Message, Role, Text, ToolCall, ToolRun

KIND = "langsmith.span.kind"


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        ("llm", Role.MODEL),
        ("tool", Role.TOOL),
        ("chain", Role.WORKFLOW),
        ("retriever", Role.RETRIEVAL),
        ("embedding", Role.EMBEDDING),
        ("parser", Role.OTHER),
    ],
)
def test_the_kind_tells_the_role(kind, role):
    assert content({KIND: kind, "gen_ai.operation.name": kind}).role is role


def test_a_chat_as_langchain_keeps_it():
    def message(kind, **fields):
        return {"lc": 1, "type": "constructor", "id": ["langchain", kind], "kwargs": {"type": kind, **fields}}

    found = content(
        {
            KIND: "llm",
            "gen_ai.request.model": "m",
            "gen_ai.prompt": json.dumps(
                {"messages": [[message("system", content="be kind"), message("human", content="hi")]]}
            ),
            "gen_ai.completion": json.dumps(
                {
                    "generations": [
                        [
                            {
                                "text": "",
                                "message": message("ai", content="", tool_calls=[{"name": "f", "args": {}, "id": "1"}]),
                            }
                        ]
                    ],
                    "llm_output": {"model_name": "m"},
                }
            ),
            "langsmith.metadata.thread_id": "t",
            "langsmith.metadata.user_id": "u",
        }
    )
    assert (found.dialect, found.model, found.conversation_id, found.user) == ("langsmith", "m", "t", "u")
    assert found.input == (said("system", "be kind"), said("user", "hi"))
    assert found.output == (Message("assistant", (ToolCall("f", "{}", "1"),)),)
    assert found.content_keys == {"gen_ai.prompt", "gen_ai.completion"}


def test_a_chat_as_a_provider_has_it():
    found = content(
        {
            KIND: "llm",
            "gen_ai.prompt": json.dumps(
                {"messages": [{"role": "user", "content": "hi"}], "model": "m", "stream": False}
            ),
            "gen_ai.completion": json.dumps(
                {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "ho"}}], "usage": {}}
            ),
        }
    )
    assert (found.input, found.output) == ((said("user", "hi"),), (Message("assistant", (Text("ho"),), "stop"),))


def test_a_tool():
    found = content(
        {KIND: "tool", "gen_ai.prompt": '{"input": {"city": "Paris"}}', "gen_ai.completion": '{"output": "sunny"}'},
        "weather",
    )
    assert found.tool == ToolRun("weather", '{"city": "Paris"}', "sunny")
