"""The traps that exploring judges elsewhere were seen to fall into, one test each, named by the trap."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import pytest

from otel_judge.config import JudgeConfig, ModelConfig
from otel_judge.feedback import Feedback, Outcome, Target
from otel_judge.judge import build, tools
from otel_judge.judge.blind import blind
from otel_judge.judge.tools.answer import CAP_BYTES
from otel_judge.testing.model import Request, Script, ScriptedModel, blocks, explorer, hang, text, tool_use, verdict
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of

FORCEABLE = "anthropic:claude-haiku-4-5"


def a_trace() -> Trace:
    build_trace = TraceBuilder(service="shop")
    root = build_trace.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    build_trace.tool("find_order", parent=root, arguments={"id": 7}, error="no such order")
    return build_trace.trace()


def a_large_trace() -> Trace:
    build_trace = TraceBuilder(service="shop")
    root = build_trace.agent("shop", user="Where are my orders?", answer="They ship today. " * 5_000, end=2.0)
    for number in range(3_000):
        build_trace.tool("find_order", parent=root, arguments={"id": number}, result="x" * 1_000)
    return build_trace.trace()


def judged(
    script: Script, trace: Trace, *, target: Target | None = None, model: str = FORCEABLE, **options: Any
) -> tuple[Feedback, list[Request]]:
    async def grade(base_url: str) -> Feedback:
        given = {"name": "task", "instructions": "Was the {{ trace }} honest?", "model": "main", **options}
        main = ModelConfig(model=model, base_url=base_url, headers={"x-api-key": "scripted"})
        (judge,) = build([JudgeConfig.model_validate(given)], {"main": main})
        try:
            return await judge.grade(trace, target or target_of(trace, trace.root))
        finally:
            await judge.aclose()

    with ScriptedModel(script) as served:
        return asyncio.run(grade(served.base_url)), served.requests


@pytest.fixture(scope="module")
def large() -> Trace:
    return a_large_trace()


@pytest.mark.parametrize("name", tools.TOOLS)
def test_trap_tool_output_is_unbounded(large: Trace, name: str) -> None:
    required = {"span_id": large.root.span_id, "pattern": "."}
    known = tools.TOOLS[name].schema["properties"]
    assert isinstance(known, dict)
    said = tools.call(name, large, {key: value for key, value in required.items() if key in known})
    assert 0 < len(said.encode()) <= CAP_BYTES


def test_trap_the_conversation_is_resent_until_it_overflows(large: Trace) -> None:
    """Every tool on 3,000 spans of 1 kB, six in a turn: no request grows past what a turn may add."""
    calls = [tool_use("list_spans", start=100 * n) for n in range(5)] + [tool_use("search_trace_regex", pattern="x")]
    feedback, requests = judged([blocks(*calls), verdict("pass")], large, reading="explore")
    assert feedback.error is None
    assert all(len(str(request.body)) < 100_000 for request in requests)


def test_trap_a_deep_trace_ends_in_a_recursion_error() -> None:
    build_trace = TraceBuilder(service="shop")
    parent = build_trace.agent("shop", user="?", answer="Done.", end=9.0)
    for _ in range(5_000):
        parent = build_trace.tool("step", parent=parent, result="ok")
    trace = build_trace.trace()
    for name in ("get_trace_info", "list_spans", "span_statistics"):
        assert len(tools.call(name, trace, {}).encode()) <= CAP_BYTES
    feedback, _ = judged(explorer(), trace)
    assert (feedback.error, feedback.label) == (None, "pass")


@pytest.mark.parametrize("pattern", ["café", 'said "no"'])
def test_trap_a_regex_runs_on_escaped_json(pattern: str) -> None:
    build_trace = TraceBuilder(service="shop")
    build_trace.agent("shop", user="Where?", answer='The café said "no".', end=2.0)
    trace = build_trace.trace()
    said = tools.call("search_trace_regex", trace, {"pattern": pattern})
    assert trace.root.span_id in said
    assert "output" in said
    assert pattern in said


def test_trap_the_number_of_matches_is_the_cap_and_not_the_truth(large: Trace) -> None:
    said = tools.call("search_trace_regex", large, {"pattern": '"id": '})
    assert re.search(r"\b3,?000\b", said), said[:300]


def test_trap_a_catastrophic_pattern_holds_the_interpreter() -> None:
    build_trace = TraceBuilder(service="shop")
    build_trace.agent("shop", user="Where?", answer="a" * 28 + "!", end=2.0)
    trace = build_trace.trace()
    started = time.monotonic()
    tools.call("search_trace_regex", trace, {"pattern": "(a+)+$"})
    assert time.monotonic() - started < 1  # seconds; a backtracking engine needs 20


def test_trap_a_remote_parent_means_that_there_is_no_root() -> None:
    build_trace = TraceBuilder(service="shop")
    for name in ("one", "two"):
        build_trace.agent(name, user="?", answer="Done.", parent="ab" * 8, remote_parent=True)
    trace = build_trace.trace()
    assert tools.call("get_trace_info", trace, {}).count("invoke_agent") >= 2
    feedback, _ = judged(explorer(), trace, reading="explore")
    assert (feedback.error, feedback.label) == (None, "pass")


def test_trap_the_last_iteration_ends_without_a_verdict() -> None:
    def script(request: Request) -> Any:
        forced = request.body["tool_choice"]["type"] == "tool"
        return verdict("fail") if forced else tool_use("list_spans")

    feedback, requests = judged(script, a_trace(), reading="explore", limits={"turns": 4})
    assert (feedback.error, feedback.label, feedback.forced) == (None, "fail", "turns")
    assert len(requests) == 4


@pytest.mark.parametrize(
    ("given", "options"),
    [("five", {"type": "int", "scale": [1, 5]}), (None, {"type": "bool"}), ("NaN", {"type": "float"})],
)
def test_trap_output_is_not_validated(given: Any, options: dict[str, Any]) -> None:
    feedback, requests = judged(lambda _: verdict(given), a_trace(), **options)
    assert feedback.error is not None
    assert feedback.error.type == "invalid_verdict"
    assert (feedback.outcome, feedback.value, feedback.score) == (Outcome.FAILED, None, None)
    assert len(requests) == 2  # one turn to mend it, and no more


def test_trap_a_verdict_without_reading_passes_for_explored(large: Trace) -> None:
    feedback, _ = judged([verdict("pass")], large, reading="explore")
    assert feedback.coverage is not None
    assert feedback.coverage.spans < 0.1
    assert feedback.coverage.bytes < 0.1


@pytest.mark.parametrize(
    ("ceiling", "limits"),
    [("turns", {"turns": 3}), ("tokens", {"tokens": 30_000}), ("usd", {"usd": 0.03}), ("seconds", {"seconds": 3})],
)
def test_trap_no_ceiling_on_turns_tokens_money_or_time(ceiling: str, limits: dict[str, float], large: Trace) -> None:
    """A model that only ever reads on is stopped by each of them."""
    script: Script = (lambda _: hang()) if ceiling == "seconds" else (lambda _: tool_use("list_spans"))
    started = time.monotonic()
    feedback, _ = judged(script, large, reading="explore", limits={"turns": 1_000, "seconds": 60, **limits})
    assert feedback.error is not None
    assert feedback.outcome is Outcome.FAILED
    assert feedback.usage is not None
    assert feedback.usage.total_tokens <= limits.get("tokens", 10**9)
    assert (feedback.cost_usd or 0) <= limits.get("usd", 10**9)
    assert feedback.duration_s <= limits.get("seconds", 60) + 1
    assert time.monotonic() - started < 60
    if ceiling != "seconds":
        assert feedback.forced == ceiling


SECRET = "the reviewer said fail"


def a_scored_trace() -> Trace:
    """With earlier feedback in every place where the conventions put it."""
    build_trace = TraceBuilder(service="shop")
    scored = {"gen_ai.evaluation.score.label": SECRET, "shop.kept": "stays"}
    root = build_trace.agent("shop", user="Where is my order?", answer="It ships today.", attributes=scored, end=2.0)
    result = {"gen_ai.evaluation.name": "review", "gen_ai.evaluation.explanation": SECRET}
    build_trace.event(root, "gen_ai.evaluation.result", result)
    build_trace.event(root, "reviewed", result)
    build_trace.event(root, "kept", {"note": "stays too"})
    build_trace.span(f"evaluate review {SECRET}", parent=root, attributes=result)
    return build_trace.trace()


@pytest.mark.parametrize("reading", ["whole", "explore"])
def test_trap_the_judge_sees_earlier_labels(reading: str) -> None:
    script = [
        blocks(tool_use("get_trace_info"), tool_use("list_spans"), tool_use("search_trace_regex", pattern=SECRET)),
        tool_use("get_span", span_id=a_scored_trace().root.span_id),
        verdict("pass"),
    ]
    feedback, requests = judged(script, a_scored_trace(), reading=reading)
    assert feedback.error is None
    assert feedback.coverage is not None
    said = str([[message for message in request.messages if message["role"] == "user"] for request in requests])
    assert said.replace(f"search_trace_regex: {SECRET}", "").count(SECRET) <= 1  # the pattern, if it is repeated
    assert "gen_ai.evaluation" not in said
    assert "stays too" in said
    assert "evaluate review" not in said


@pytest.mark.parametrize("name", tools.TOOLS)
def test_no_tool_shows_earlier_labels(name: str) -> None:
    trace = blind(a_scored_trace())
    known = tools.TOOLS[name].schema["properties"]
    assert isinstance(known, dict)
    given = {"span_id": trace.root.span_id, "pattern": "reviewer.*"}
    said = tools.call(name, trace, {key: value for key, value in given.items() if key in known})
    assert SECRET not in said
    assert "evaluate review" not in said


def test_a_trace_without_labels_is_read_as_it_is() -> None:
    trace = a_trace()
    assert blind(trace) is trace
    scored = a_scored_trace()
    assert blind(scored) is blind(scored)
    assert len(scored) == 2
    assert len(blind(scored)) == 1
    assert blind(scored).root.attributes["shop.kept"] == "stays"


def test_trap_feedback_lands_on_the_root_whatever_was_graded() -> None:
    trace = a_trace()
    tool = trace.spans[1]
    feedback, _ = judged([text('{"rationale": "So.", "value": "fail"}')], trace, target=target_of(trace, tool))
    assert feedback.target.span_id == tool.span_id != trace.root.span_id
