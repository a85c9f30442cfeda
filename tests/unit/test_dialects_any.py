"""Whatever stands in a span, no dialect raises, and what it says can be encoded."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from dialect_spans import span_of
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_judge import dialects
from otel_judge.dialects.base import Content, Text, ToolResult
from otel_judge.judge.text import all_fields
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trajectory import final_output, steps, token_totals, tool_calls, understood

KEYS = [
    *("gen_ai.operation.name", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"),
    *("gen_ai.tool.name", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.usage.input_tokens"),
    *("gen_ai.prompt", "gen_ai.completion", "gen_ai.prompt.0.content", "gen_ai.prompt.0.role", "gen_ai.prompt.0"),
    *("gen_ai.prompt.1.tool_calls.0.name", "gen_ai.completion.0.content", "gen_ai.completion.x.y"),
    *("traceloop.span.kind", "traceloop.entity.input", "traceloop.entity.output", "llm.request.type"),
    *("openinference.span.kind", "input.value", "output.value", "llm.output_messages.0.message.content"),
    *("llm.input_messages.0.message.tool_calls.0.tool_call.function.name", "llm.input_messages.0.message"),
    *("retrieval.documents.0.document.content", "tool.parameters", "llm.token_count.prompt"),
    *("mlflow.spanType", "mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.chat.tokenUsage", "mlflow.llm.model"),
    *("ai.operationId", "ai.prompt", "ai.prompt.messages", "ai.response.text", "ai.response.toolCalls"),
    *("ai.toolCall.args", "ai.toolCall.result", "ai.usage.inputTokens", "langsmith.span.kind"),
    *("pydantic_ai.all_messages", "final_result", "events", "all_messages_events", "tool_arguments", "tool_response"),
    *("agent_name", "model_request_parameters", "span.type", "user_prompt", "new_context", "response.model_output"),
    *("tool_input", "input_tokens", "gcp.vertex.agent.llm_request", "gcp.vertex.agent.llm_response"),
    *("gcp.vertex.agent.tool_call_args", "gcp.vertex.agent.tool_response", "langfuse.observation.type"),
    *("langfuse.observation.input", "langfuse.observation.output", "langfuse.observation.usage_details"),
    *("input", "output", "session.id", "error.type", "acme.answer"),
]
EVENTS = ["gen_ai.user.message", "gen_ai.choice", "gen_ai.content.prompt", "tool.output", "exception"]
WORDS = [
    *("chat", "execute_tool", "invoke_agent", "LLM", "TOOL", "AGENT", "CHAIN", "RETRIEVER", "tool", "llm", "agent"),
    *("generation", "span", "workflow", "ai.toolCall", "ai.generateText", "ai.streamText.doStream", "interaction"),
    *("llm_request", "CHAT_MODEL", "user", "assistant", "system", "text", "tool_call", "tool-result", "function_call"),
]
NAMES = [
    *("role", "parts", "type", "content", "text", "id", "name", "arguments", "tool_calls", "function", "response"),
    *("messages", "prompt", "system", "choices", "message", "output", "input", "inputs", "kwargs", "args", "lc"),
    *("contents", "config", "candidates", "generations", "function_call", "toolCallId", "result", "summary", "value"),
]
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary()
scalars = scalars | st.sampled_from(WORDS)
shapes = st.recursive(
    scalars.filter(lambda value: not isinstance(value, bytes)),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner),
    max_leaves=25,
)
cut = st.tuples(shapes.map(json.dumps), st.integers(0, 200)).map(lambda pair: pair[0][: pair[1]])
values = scalars | shapes | shapes.map(json.dumps) | shapes.map(lambda value: json.dumps(json.dumps(value))) | cut
maps = st.dictionaries(st.sampled_from(KEYS), values, max_size=12)
names = st.sampled_from(["a span", "claude_code.tool", "claude_code.llm_request"])


def said(content: Content) -> str:
    """All that it says, encoded: fails on a lone surrogate."""
    parts = (part for message in (content.input or ()) + (content.output or ()) for part in message.parts)
    texts = [
        part.text if isinstance(part, Text) else part.result for part in parts if isinstance(part, Text | ToolResult)
    ]
    if content.tool is not None:
        texts += [content.tool.name, content.tool.arguments or "", content.tool.result or ""]
    for text in texts:
        assert isinstance(text, str)
        text.encode()
    return "\n".join(texts)


@settings(max_examples=400, deadline=None)
@given(
    maps, st.lists(st.tuples(st.sampled_from(EVENTS), maps), max_size=2), names, st.sampled_from(["app", "pydantic-ai"])
)
def test_no_attribute_raises_in_any_dialect(
    attributes: dict[str, Any], events: list[tuple[str, dict[str, Any]]], name: str, scope: str
) -> None:
    span = span_of(attributes, name, scope=scope, events=events)
    content = dialects.read(span)
    said(content)
    assert content.content_keys <= attributes.keys()
    for field in all_fields(span):
        field.text.encode()
    for dialect in dialects.DIALECTS:  # even where no mark led to it
        for role in (None, content.role):
            found = dialect.read(span, role)
            if found is not None:
                assert found.dialect == dialect.name
                said(found)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(maps, names), min_size=1, max_size=5))
def test_no_trace_of_such_spans_raises(spans: list[tuple[dict[str, Any], str]]) -> None:
    build = TraceBuilder()
    parent: str | None = None
    for number, (attributes, name) in enumerate(spans):
        parent = build.span(name, attributes=attributes, start=float(number), parent=parent)
    trace = build.trace()
    for read in (steps, final_output, tool_calls, token_totals, understood):
        read(trace)


DEEP = [opening * 100_000 + "1" + closing * 100_000 for opening, closing in (("[", "]"), ('{"messages":', "}"))]


@pytest.mark.parametrize("text", [*DEEP, '{"a":' * 400 + "1" + "}" * 400, "[" * 400 + "]" * 400, '"' + "\\" * 9_999])
def test_deep_nesting_is_no_exception(text: str) -> None:
    for key in KEYS:
        for kind in (
            {},
            {"openinference.span.kind": "TOOL"},
            {"mlflow.spanType": "TOOL"},
            {"langsmith.span.kind": "llm"},
        ):
            said(dialects.read(span_of({**kind, key: text})))


def test_an_attribute_of_60_mb_is_read_in_linear_time() -> None:
    def seconds(size: int) -> float:
        text = json.dumps({"messages": [{"role": "user", "content": "x" * 1_000}] * (size // 1_030)})
        span = span_of(
            {"mlflow.spanType": "LLM", "mlflow.spanInputs": json.dumps(text), "gen_ai.operation.name": "chat"}
        )
        begin = time.process_time()
        found = dialects.read(span)
        taken = time.process_time() - begin
        assert found.input is not None
        assert len(found.input) == size // 1_030
        return taken

    seconds(1_000_000)
    assert seconds(60_000_000) < 70 * max(seconds(6_000_000), 0.02)


def test_a_key_of_many_parts_and_many_keys_are_no_trouble() -> None:
    many = {f"gen_ai.prompt.{number}.content": "x" for number in range(20_000)}
    content = dialects.read(span_of({"gen_ai.prompt." + "a." * 50_000 + "b": "y", **many}))
    assert content.content_keys >= many.keys()


def test_names_that_traffic_makes_up_are_not_kept() -> None:
    for number in range(30):
        dialects.read(
            span_of({f"key {number} {other}": 1 for other in range(500)} | {"long " * 1_000 + str(number): 1})
        )
    assert max(map(len, dialects._marks)) <= 200
    assert len(dialects._marks) <= 10_000
