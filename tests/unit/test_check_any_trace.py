"""Checks on traces that nobody foresaw: whatever comes, a grade comes out, and its quotes stand in the trace."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_traces import labelled, recorded

from otel_judge import check
from otel_judge.config import AnsweredCheck, LatencyCheck, RepeatedCallsCheck, TokensCheck, ToolErrorsCheck
from otel_judge.feedback import Feedback
from otel_judge.judge.text import all_fields, clean
from otel_judge.testing.traces import TraceBuilder, answers, asks, text
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of

CHECKS = check.build(
    [
        ToolErrorsCheck(),
        RepeatedCallsCheck(min=2),
        AnsweredCheck(),
        LatencyCheck.model_validate({"max": "1ms", "max_span": "1ms"}),
        TokensCheck(max=1, max_usd=0.000001),
    ]
)


def grade(trace: Trace) -> dict[str, Feedback]:
    target = target_of(trace, trace.root)
    found = {each.name: check.run(each, trace, target) for each in CHECKS}
    assert {feedback.error for feedback in found.values()} == {None}
    for feedback in found.values():
        assert_evidence_stands(feedback, trace)
    return found


def assert_evidence_stands(feedback: Feedback, trace: Trace) -> None:
    """Each quote stands at its path in its span, in the text that judges read, but for white space and hidden text."""
    for evidence in feedback.evidence:
        texts = {field.path: field.text for field in all_fields(trace.by_id[evidence.span_id])}
        assert evidence.quote
        assert len(evidence.quote) <= 300
        shown = " ".join(texts[evidence.path or ""].split())
        assert " ".join(clean(evidence.quote).split()) in shown, (feedback.name, evidence)


RECORDED = [
    "claude-agent-2025-12-22",
    "kagent-jaeger-helm",
    "kagent-jaeger-k8s",
    "kagent-tempo-batches",
    "microsoft-agent-2025-12-17",
    "mlflow_otlp",
    "openai-agents-2025-09-30",
    "pydantic-ai-tools-2025-12-04",
    "vercel-aisdk-2025-11-17",
]


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("name", RECORDED)
def test_recorded_traces(name, bare):
    found = grade(recorded(name, bare=bare))
    assert found["latency"].label == "fail"
    assert found["latency"].evidence


def test_tools_that_are_told_in_another_dialect_are_graded_and_what_is_not_captured_is_not():
    assert grade(recorded("vercel-aisdk-2025-11-17"))["tool_errors"].label == "pass"
    assert grade(recorded("mlflow_otlp"))["tool_errors"].label == "fail"
    assert grade(recorded("openai-agents-2025-09-30"))["answered"].label == "pass"
    assert grade(recorded("microsoft-agent-2025-12-17", bare=True))["answered"].label == "not_judgeable"


def test_labelled_runs():
    labels = [{name: feedback.label for name, feedback in grade(trace).items()} for trace in labelled()]
    assert len(labels) == 50
    assert sum(each["tool_errors"] == "fail" for each in labels) == 11
    assert sum(each["answered"] == "fail" for each in labels) == 5
    assert {each["tokens"] for each in labels} == {"not_judgeable"}


def test_deep_trace_is_checked_in_linear_time():
    def seconds(depth: int) -> float:
        build = TraceBuilder()
        parent = None
        for number in range(depth):
            add = build.chat if number % 3 else build.agent
            parent = add("m", parent=parent, start=number * 1e-6, end=2.0)
        build.tool("find", parent=parent, arguments={}, error="no")
        trace = build.trace()
        assert trace.root
        begin = time.process_time()
        assert grade(trace)["tool_errors"].label == "fail"
        return time.process_time() - begin

    seconds(500)
    assert seconds(20_000) < 60 * max(seconds(2_000), 0.03)


part = st.sampled_from(
    [
        text("user", "é" * 400),
        text("assistant", 'said "no"\n'),
        asks("find", {"q": "café \n"}, call_id="c1"),
        asks("find", "{}", call_id="c2"),
        asks("", None, call_id=""),
        answers("Error: gone\u2028", call_id="c1"),
        answers({"error": 'no "such" thing'}, call_id="c2"),
        {"role": "assistant", "content": "plain", "tool_calls": [{"function": {"name": "find", "arguments": "{}"}}]},
        {"role": "tool", "content": "ValueError: x", "name": "find"},
        {"parts": 7},
    ]
)
spoken = st.lists(part, max_size=5).map(json.dumps)
attributes = st.fixed_dictionaries(
    {},
    optional={
        "gen_ai.operation.name": st.sampled_from(["chat", "execute_tool", "invoke_agent", "invoke_workflow"]),
        "gen_ai.tool.name": st.sampled_from(["find", "pay"]),
        "gen_ai.tool.call.id": st.sampled_from(["c1", "c2"]),
        "gen_ai.tool.call.arguments": st.sampled_from(["{}", '{"q": "caf\\u00e9"}', "", "\\n"]),
        "gen_ai.tool.call.result": st.sampled_from(["Error: \\ gone", '{"isError": 1, "text": "a\\nb"}', "ok"]),
        "gen_ai.input.messages": spoken | st.text(),
        "gen_ai.output.messages": spoken | st.text(),
        "gen_ai.usage.input_tokens": st.integers(-5, 10**9),
        "gen_ai.request.model": st.sampled_from(["gpt-4o", "home-made", ""]),
        "gen_ai.response.finish_reasons": st.sampled_from([["length"], ["tool_calls"], "stop"]),
        "error.type": st.text(max_size=3),
        "output": st.text(),
    },
)
one_span = st.tuples(
    st.integers(0, 9),  # id: some twice
    st.none() | st.integers(0, 12),  # parent: itself, later ones and missing ones too
    st.text(max_size=10),
    attributes,
    st.floats(-10, 10),
    st.floats(-10, 10),
    st.none() | st.text(max_size=400),
    st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(one_span, min_size=1, max_size=12))
def test_any_trace(spans):
    build = TraceBuilder()
    for number, parent, name, values, start, end, error, raised in spans:
        span_id = build.span(
            name,
            span_id=f"{number + 1:016x}",
            parent=None if parent is None else f"{parent + 1:016x}",
            attributes=values,
            start=start,
            end=end,
            ended=end > -8,
            error=error,
        )
        if raised:
            build.event(span_id, "exception", {"exception.message": name})
    grade(build.trace())


def test_trace_without_spans_is_graded_too():
    trace = TraceBuilder().trace()
    assert {each.grade(trace).passed for each in CHECKS} == {None}
