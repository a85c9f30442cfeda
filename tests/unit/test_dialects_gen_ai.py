import json
import time

import pytest
from dialect_spans import content
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_judge.dialects import read
from otel_judge.dialects.base import (
    Blob,
    Message,
    Reasoning,
    Role,
    Text,
    TokenUsage,
    ToolCall,
    ToolResult,
    ToolRun,
)
from otel_judge.testing.traces import TraceBuilder


@pytest.mark.parametrize(
    ("operation", "role"),
    [
        ("chat", Role.MODEL),
        ("text_completion", Role.MODEL),
        ("generate_content", Role.MODEL),
        ("execute_tool", Role.TOOL),
        ("invoke_agent", Role.AGENT),
        ("create_agent", Role.AGENT),
        ("invoke_workflow", Role.WORKFLOW),
        ("embeddings", Role.EMBEDDING),
        ("retrieval", Role.RETRIEVAL),
        ("something_new", Role.OTHER),
    ],
)
def test_operation_names_tell_the_role(operation, role):
    assert content({"gen_ai.operation.name": operation}).role is role


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_operation_name_of_the_installed_conventions_is_known():
    from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import GenAiOperationNameValues

    unknown = [
        each.value
        for each in GenAiOperationNameValues
        if content({"gen_ai.operation.name": each.value}).role is Role.OTHER
    ]
    assert unknown == []


@pytest.mark.parametrize(
    ("attributes", "role"),
    [
        ({"gen_ai.tool.name": "search"}, Role.TOOL),
        ({"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 1}, Role.MODEL),
        (
            {"gen_ai.operation.name": "something_new", "gen_ai.response.model": "m", "gen_ai.response.id": "r"},
            Role.MODEL,
        ),
        ({"gen_ai.agent.name": "shop", "gen_ai.usage.input_tokens": 1}, Role.AGENT),
        ({"gen_ai.output.messages": "[]"}, Role.MODEL),
        ({"gen_ai.agent.name": "shop"}, Role.OTHER),
        ({"gen_ai.conversation.id": "c"}, Role.OTHER),
    ],
)
def test_without_operation_name_the_role_is_told_by_what_the_span_carries(attributes, role):
    found = content(attributes)
    assert found.dialect == "gen_ai"
    assert found.role is role


def test_span_without_gen_ai_attributes_is_left_to_others():
    assert content({"http.route": "/"}).dialect == "generic"


def messages(*items: object, key: str = "gen_ai.output.messages") -> tuple[Message, ...] | None:
    found = content({"gen_ai.operation.name": "chat", key: json.dumps(items)})
    return found.output if "output" in key else found.input


def test_parts_of_the_conventions():
    (message,) = messages(
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "hello"},
                {"type": "reasoning", "content": "hm"},
                {"type": "tool_call", "id": "c1", "name": "find", "arguments": {"city": "Orléans"}},
                {"type": "tool_call_response", "id": "c1", "response": "sunny"},
                {"type": "tool_call_response", "id": "c2", "result": {"ok": True}},
                {"type": "blob", "mime_type": "image/png", "modality": "image", "content": "AAAA"},
                {"type": "uri", "modality": "image", "uri": "https://example.com/a.png"},
                {"type": "file", "mime_type": "application/pdf", "file_id": "f1"},
                {"type": "server_tool_call", "id": "s1"},
            ],
            "finish_reason": "stop",
        }
    )
    assert message == Message(
        "assistant",
        (
            Text("hello"),
            Reasoning("hm"),
            ToolCall("find", '{"city": "Orléans"}', "c1"),
            ToolResult("sunny", "c1"),
            ToolResult('{"ok": true}', "c2"),
            Blob("image/png", 3),
            Blob("image"),
            Blob("application/pdf"),
            Text('{"type": "server_tool_call", "id": "s1"}'),
        ),
        "stop",
    )


def test_text_in_place_of_content():
    assert messages({"role": "user", "text": "hi"}) == (Message("user", (Text("hi"),)),)
    assert messages({"role": "user", "name": "bob"}) is None


def test_string_arguments_stay_as_the_model_wrote_them():
    (message,) = messages({"role": "assistant", "parts": [{"type": "tool_call", "name": "f", "arguments": '{"a" :1}'}]})
    assert message.parts == (ToolCall("f", '{"a" :1}'),)


def test_structured_attributes_are_read_as_json_text_is():
    written = [{"role": "user", "parts": [{"type": "text", "content": "hi"}, {"type": "tool_call", "name": "f"}]}]
    found = content({"gen_ai.operation.name": "chat", "gen_ai.input.messages": written})
    assert found.input == messages(*written, key="gen_ai.input.messages")


def test_older_shape_with_content_and_tool_calls():
    found = messages(
        {"role": "user", "content": "weather?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "rain"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "and"}, {"type": "image_url", "image_url": {"url": "x"}}],
        },
        key="gen_ai.input.messages",
    )
    assert found == (
        Message("user", (Text("weather?"),)),
        Message("assistant", (ToolCall("f", "{}", "c"),)),
        Message("tool", (ToolResult("rain", "c"),)),
        Message("user", (Text("and"), Blob("image_url"))),
    )


@pytest.mark.parametrize("broken", ['[{"role": "assistant", "par', "plain words", "{", '"', "\ud7ff["])
def test_what_is_no_json_is_shown_as_text(broken):
    found = content({"gen_ai.operation.name": "chat", "gen_ai.output.messages": broken})
    assert found.output == (Message("assistant", (Text(broken),)),)


def test_json_of_unforeseen_shape_is_shown_not_lost():
    assert messages("just text", 7, {"strange": 1}) == (
        Message("assistant", (Text("just text"),)),
        Message("assistant", (Text("7"),)),
        Message("assistant", (Text('{"strange": 1}'),)),
    )


def test_parts_without_their_content_are_not_captured():
    assert messages({"role": "assistant", "parts": [{"type": "text"}]}) is None
    assert messages(
        {"role": "assistant", "parts": [{"type": "text"}, {"type": "tool_call", "id": "c", "name": "f"}]}
    ) == (Message("assistant", (ToolCall("f", "", "c"),)),)
    assert messages({"role": "tool", "parts": [{"type": "tool_call_response", "id": "c"}]}) is None


def test_captured_and_empty_is_not_the_same_as_not_captured():
    assert messages() == ()
    assert content({"gen_ai.operation.name": "chat"}).output is None
    assert messages({"role": "assistant", "parts": []}) == (Message("assistant", ()),)


def test_system_instructions_come_first():
    found = content(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "be kind"}]),
            "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]),
        }
    )
    assert found.input == (Message("system", (Text("be kind"),)), Message("user", (Text("hi"),)))
    assert content({"gen_ai.system_instructions": "be kind"}).input == (Message("system", (Text("be kind"),)),)


def test_content_on_the_details_event():
    build = TraceBuilder()
    span_id = build.span("chat", attributes={"gen_ai.operation.name": "chat", "gen_ai.request.model": "on span"})
    build.event(
        span_id,
        "gen_ai.client.inference.operation.details",
        {
            "gen_ai.output.messages": json.dumps(
                [{"role": "assistant", "parts": [{"type": "text", "content": "yes"}]}]
            ),
            "gen_ai.request.model": "on event",
        },
    )
    found = read(build.trace().spans[0])
    assert found.output == (Message("assistant", (Text("yes"),)),)
    assert found.model == "on span"
    assert found.content_keys == frozenset()


def test_tool_span():
    found = content(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "find",
            "gen_ai.tool.call.id": "c",
            "gen_ai.tool.call.arguments": {"id": 7},
            "gen_ai.tool.call.result": "found",
        }
    )
    assert found.tool == ToolRun("find", '{"id": 7}', "found", "c")
    assert found.content_keys == {"gen_ai.tool.call.arguments", "gen_ai.tool.call.result"}
    unnamed = content({"gen_ai.operation.name": "execute_tool"}, name="execute_tool find")
    assert unnamed.tool == ToolRun("find", None, None)


@pytest.mark.parametrize(
    ("attributes", "usage"),
    [
        ({"gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4}, TokenUsage(3, 4)),
        ({"gen_ai.usage.prompt_tokens": 3, "gen_ai.usage.completion_tokens": 4}, TokenUsage(3, 4)),
        ({"gen_ai.usage.input_tokens": "3", "gen_ai.usage.output_tokens": 4.0}, TokenUsage(3, 4)),
        ({"gen_ai.usage.input_tokens": 3, "gen_ai.usage.prompt_tokens": 9}, TokenUsage(3)),
        (
            {
                "gen_ai.usage.input_tokens": 9,
                "gen_ai.usage.cache_read.input_tokens": 5,
                "gen_ai.usage.cache_creation.input_tokens": 1,
            },
            TokenUsage(9, None, 5, 1),
        ),
        ({"gen_ai.usage.output_tokens": 0, "gen_ai.usage.cache_read_input_tokens": 0}, TokenUsage(None, 0, 0)),
        ({"gen_ai.usage.input_tokens": -1}, None),
        ({"gen_ai.usage.input_tokens": True}, None),
        ({"gen_ai.usage.input_tokens": "many", "gen_ai.usage.output_tokens": "9" * 5000}, None),
        ({"gen_ai.usage.input_tokens": float("nan")}, None),
    ],
)
def test_usage_in_newer_and_older_names(attributes, usage):
    assert content({"gen_ai.operation.name": "chat", **attributes}).usage == usage


@pytest.mark.parametrize("written", [["stop", "length"], '["stop", "length"]'])
def test_finish_reasons_as_array_or_text(written):
    assert content({"gen_ai.response.finish_reasons": written}).finish_reasons == ("stop", "length")
    assert content({"gen_ai.response.finish_reasons": "stop"}).finish_reasons == ("stop",)


def test_names_beside_the_content():
    found = content(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "asked",
            "gen_ai.response.model": "answered",
            "gen_ai.system": "older",
            "gen_ai.agent.name": "shop",
            "gen_ai.conversation.id": "conversation",
            "gen_ai.response.id": "response",
            "user.id": "user",
            "error.type": "timeout",
        }
    )
    assert (found.model, found.provider, found.agent) == ("answered", "older", "shop")
    assert (found.conversation_id, found.response_id) == ("conversation", "response")
    assert (found.user, found.error) == ("user", "timeout")
    assert content({"gen_ai.provider.name": "newer", "gen_ai.system": "older"}).provider == "newer"


def test_lone_surrogates_and_nan_do_not_hide_a_message():
    text = '[{"role": "assistant", "parts": [{"type": "text", "content": "half \\ud83d"}, {"type": "n", "v": NaN}]}]'
    found = content({"gen_ai.operation.name": "chat", "gen_ai.output.messages": text})
    assert found.output == (Message("assistant", (Text("half ?"), Text('{"type": "n", "v": NaN}'))),)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_no_exception(opening):
    for depth in (200, 900, 1000, 100_000):
        text = opening * depth + "1" + ("]" if opening == "[" else "}") * depth
        found = content({"gen_ai.operation.name": "chat", "gen_ai.output.messages": text})
        assert found.output


def test_reading_is_linear():
    def seconds(parts: int) -> float:
        text = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "x" * 50}] * parts}])
        taken = list[float]()
        for _ in range(3):  # the garbage collector may be in the way of one
            begin = time.process_time()
            assert content({"gen_ai.operation.name": "chat", "gen_ai.output.messages": text}).output
            taken.append(time.process_time() - begin)
        return min(taken)

    assert seconds(80_000) < 60 * max(seconds(8_000), 0.005)


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary()
nested = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "parts",
                    "type",
                    "content",
                    "text",
                    "id",
                    "name",
                    "arguments",
                    "tool_calls",
                    "function",
                    "response",
                ]
            )
            | st.text(),
            inner | st.sampled_from(["text", "tool_call", "tool_call_response", "blob", "reasoning", "tool", "user"]),
        )
    ),
    max_leaves=30,
)
KEYS = [
    "gen_ai.operation.name",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.name",
    "gen_ai.tool.call.id",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.request.model",
    "gen_ai.response.finish_reasons",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.agent.name",
    "error.type",
    "input.value",
    "output",
]
operations = st.sampled_from(["chat", "execute_tool", "invoke_agent", "invoke_workflow", "embeddings"])


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), nested | json_like.map(json.dumps) | operations))
def test_no_attribute_value_raises(attributes):
    found = content(attributes)
    for message in (found.input or ()) + (found.output or ()):
        message.text.encode()
