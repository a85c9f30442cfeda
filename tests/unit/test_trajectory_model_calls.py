import json
import time

from hypothesis import example, given, settings
from hypothesis import strategies as st
from shared_traces import recorded

from otel_judge.dialects.base import Role
from otel_judge.testing.traces import TraceBuilder, text
from otel_judge.trajectory import ModelTurn, final_output, model_calls, steps, token_totals


def called(build: TraceBuilder) -> list[str]:
    return [call.span.span_id for call in model_calls(build.trace())]


def totals(build: TraceBuilder) -> tuple[int, int]:
    found = token_totals(build.trace())
    return found.input_tokens, found.output_tokens


def test_of_nested_spans_of_one_call_the_innermost_with_usage_counts():
    build = TraceBuilder()
    agent = build.agent("shop")
    framework = build.chat("m", parent=agent, tokens=(100, 10))
    http = build.span("POST", parent=framework)
    sdk = build.chat("m", parent=http, tokens=(100, 10))
    build.chat("m", parent=sdk)
    assert called(build) == [sdk]
    assert totals(build) == (100, 10)


def test_outer_span_counts_where_only_it_has_usage():
    build = TraceBuilder()
    outer = build.chat("m", tokens=(100, 10))
    build.chat("m", parent=outer)
    assert called(build) == [outer]


def test_without_any_usage_the_innermost_stands_for_the_call():
    build = TraceBuilder()
    inner = build.chat("m", parent=build.chat("m"))
    assert called(build) == [inner]


def test_several_calls_below_one_span_count_each():
    build = TraceBuilder()
    outer = build.chat("m", tokens=(300, 30), end=9.0)
    build.chat("m", parent=outer, tokens=(100, 10), start=1.0)
    build.chat("m", parent=outer, tokens=(200, 20), start=2.0)
    failed = build.chat("m", parent=outer, error="overloaded", start=3.0)
    assert totals(build) == (300, 30)
    assert called(build)[-1] == failed


def test_calls_of_a_tool_or_agent_below_a_model_span_are_other_calls():
    build = TraceBuilder()
    outer = build.chat("m", tokens=(100, 10))
    tool = build.tool("ask_expert", parent=outer, start=0.1)
    expert = build.agent("expert", parent=tool, start=0.2)
    inner = build.chat("m", parent=expert, tokens=(50, 5), start=0.3)
    handed_over = build.agent("clerk", parent=outer, start=0.4)
    other = build.chat("m", parent=handed_over, tokens=(7, 1), start=0.5)
    assert called(build) == [outer, inner, other]
    assert totals(build) == (157, 16)


def test_agents_own_sum_counts_only_where_nothing_below_reports_tokens():
    build = TraceBuilder()
    root = build.span("workflow", attributes={"gen_ai.operation.name": "invoke_workflow"})
    known = build.agent("known", parent=root, attributes={"gen_ai.usage.input_tokens": 100})
    build.chat("m", parent=known, tokens=(100, 10))
    opaque = build.agent("opaque", parent=root, attributes={"gen_ai.usage.input_tokens": 7})
    build.chat("m", parent=opaque)
    found = token_totals(build.trace())
    assert (found.input_tokens, found.output_tokens, found.total_tokens) == (107, 10, 117)
    assert [call.content.role for call in found.counted] == [Role.MODEL, Role.AGENT]
    assert found.uncounted == ()


def test_embeddings_cost_tokens_but_are_no_model_calls():
    build = TraceBuilder()
    build.span("embed", attributes={"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 40})
    assert totals(build) == (40, 0)
    assert called(build) == []


def test_model_calls_that_report_no_tokens_are_told_apart_from_failed_ones():
    build = TraceBuilder()
    build.chat("m", tokens=(1, 1))
    silent = build.chat("m")
    build.chat("m", error="overloaded")
    build.chat("m", attributes={"error.type": "timeout"})
    assert [call.span.span_id for call in token_totals(build.trace()).uncounted] == [silent]


def test_recorded_traces_count_each_call_once():
    sums = {
        name: token_totals(recorded(name)).input_tokens
        for name in ("kagent-tempo-batches", "kagent-jaeger-helm", "kagent-jaeger-k8s")
    }
    assert sums == {"kagent-tempo-batches": 4648, "kagent-jaeger-helm": 3776, "kagent-jaeger-k8s": 2203}
    assert len(model_calls(recorded("kagent-tempo-batches"))) == 2


def test_depth_and_size_cost_linear_time():
    def seconds(depth: int) -> float:
        build = TraceBuilder()
        parent = None
        for number in range(depth):
            parent = build.chat("m", parent=parent, tokens=(5, 1), start=number * 1e-6, end=2.0)
        trace = build.trace()
        assert len(trace.spans) == depth
        begin = time.process_time()
        assert called(build) == [parent]
        assert token_totals(trace).input_tokens == 5
        return time.process_time() - begin

    seconds(1000)
    assert seconds(20_000) < 60 * max(seconds(2_000), 0.02)


shapes = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.sampled_from(["chat", "execute_tool", "invoke_agent", "embeddings", None]),
        st.none() | st.integers(0, 9),
    ),
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(shapes)
@example([(0, None, None), (0, "chat", 1), (0, None, None), (2, "chat", 0)])
def test_every_leaf_with_usage_counts_exactly_once(shape):
    build = TraceBuilder()
    ids: list[str] = []
    usage_of_leaves: dict[str, int] = {}
    for parent, operation, tokens in shape:
        attributes = {} if operation is None else {"gen_ai.operation.name": operation}
        if tokens is not None and operation in ("chat", "embeddings"):
            attributes["gen_ai.usage.input_tokens"] = tokens
        around = ids[parent % len(ids)] if ids else None
        usage_of_leaves.pop(around or "", None)
        ids.append(build.span("a span", parent=around, attributes=attributes))
        usage_of_leaves[ids[-1]] = attributes.get("gen_ai.usage.input_tokens", 0)
    counted = [call.span.span_id for call in token_totals(build.trace()).counted]
    assert len(counted) == len(set(counted))
    assert {leaf for leaf, tokens in usage_of_leaves.items() if tokens} <= set(counted)


def test_spans_side_by_side_that_name_the_same_response_are_one_call() -> None:
    """Anthropic's SDK writes a span beside that of an instrumentation which does not make its own current."""
    build = TraceBuilder()
    root = build.span("answer", end=9.0)
    for number in (1, 2):
        response = {"gen_ai.response.id": f"msg_{number}", "gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
        counts = {"gen_ai.usage.input_tokens": 10 * number, "gen_ai.usage.output_tokens": number}
        said = {"gen_ai.output.messages": json.dumps([text("assistant", f"answer {number}")])}
        build.span("anthropic.messages.create", parent=root, start=float(number), attributes=response | counts)
        build.span("anthropic.chat", parent=root, start=float(number), attributes=response | counts | said)
    trace = build.trace()
    assert [call.span.name for call in model_calls(trace)] == ["anthropic.chat"] * 2
    totals = token_totals(trace)
    assert (totals.input_tokens, totals.output_tokens) == (30, 3)
    answer = final_output(trace)
    assert answer is not None
    assert answer.text == "answer 2"
    told = [step for step in steps(trace).steps if isinstance(step, ModelTurn)]
    assert len(told) == 2
