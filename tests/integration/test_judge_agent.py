"""Judges over real HTTP with the real anthropic SDK: what they read, and in what order they are told."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from scripted_judges import GOOD, NOW_NS, ROOT, TRACE, a_large_trace, judging

from otel_judge.config import JudgeConfig
from otel_judge.feedback import Coverage, Evidence, Feedback
from otel_judge.judge import build
from otel_judge.testing.model import ScriptedModel, explorer, verdict
from otel_judge.trajectory import target_of

pytestmark = pytest.mark.usefixtures("anthropic_key")


def test_an_explored_trace_gives_a_verdict_with_verified_evidence() -> None:
    with judging(explorer("fail"), reading="explore") as (model, grade):
        feedback = grade()
    assert (feedback.label, feedback.passed, feedback.score, feedback.value) == ("fail", False, None, "fail")
    assert feedback.evidence == (Evidence(ROOT, "assistant: It ships today.", "output", verified=True),)
    assert (feedback.rung, feedback.reading, feedback.forced, feedback.error) == ("agent", "explored", None, None)
    assert feedback.model == "claude-sonnet-5-5"
    assert feedback.judged_at_ns == NOW_NS
    assert feedback.coverage is not None
    assert feedback.coverage.spans == 1.0
    assert 0 < feedback.coverage.bytes < 1
    assert len(model.requests) == 3
    assert [request.body["max_tokens"] for request in model.requests] == [2048] * 3


def test_independent_calls_are_answered_in_one_turn_and_the_prefix_stays() -> None:
    with judging(explorer(), reading="explore") as (model, grade):
        grade()
    first, second, third = (request.body for request in model.requests)
    answers = [block["type"] for block in second["messages"][-1]["content"]]
    assert answers == ["tool_result", "tool_result"]
    assert first["tools"] == second["tools"] == third["tools"]
    assert first["system"] == third["system"]
    plain = [_without_cache_marks(request["messages"]) for request in (first, second, third)]
    assert plain[2][: len(plain[1])] == plain[1]
    assert plain[1][: len(plain[0])] == plain[0]


def test_usage_counts_all_calls_with_cached_tokens_and_has_a_price() -> None:
    with judging(explorer(), reading="explore") as (_, grade):
        feedback = grade()
    assert feedback.usage is not None
    assert feedback.usage.cached_tokens > 0
    assert feedback.usage.input_tokens > feedback.usage.cached_tokens
    assert feedback.usage.output_tokens > 0
    assert feedback.cost_usd is not None
    assert feedback.cost_usd > 0


def test_a_small_trace_is_read_whole_in_one_request() -> None:
    with judging([verdict("pass", "It answered.", [GOOD])]) as (model, grade):
        feedback = grade()
    assert feedback.reading == "whole"
    assert feedback.coverage == Coverage(1.0, 1.0)
    assert feedback.label == "pass"
    assert feedback.passed is True
    assert feedback.rationale == "It answered."
    assert "no such order" in model.requests[0].prompt
    assert "It ships today." in model.requests[0].prompt


def test_a_large_trace_is_shown_as_a_map() -> None:
    with judging([verdict("pass")]) as (model, grade):
        feedback = grade(a_large_trace())
    assert feedback.reading == "explored"
    assert feedback.coverage is not None
    assert 0 < feedback.coverage.spans < 0.1
    assert len(model.requests[0].prompt) < 20_000
    assert "spans: 301" in model.requests[0].prompt


def test_a_judge_without_trace_is_one_prompt_over_what_the_trace_says() -> None:
    with judging([verdict("pass", "Answered.")], instructions="Does {{ outputs }} answer {{ inputs }}?") as (
        model,
        grade,
    ):
        feedback = grade()
    (request,) = model.requests
    assert request.tools == ["verdict"]
    assert "Where is my order?" in request.prompt
    assert "It ships today." in request.prompt
    assert "Does [outputs] answer [inputs]?" in request.prompt
    assert (feedback.rung, feedback.reading, feedback.coverage) == ("prompt", None, None)


def test_given_values_stand_for_what_the_trace_says() -> None:
    instructions = "Does {{ outputs }} say {{ expectations }}?"
    with judging([verdict("pass")], instructions=instructions) as (model, grade):
        grade(outputs={"answer": "tomorrow"}, expectations="today")
    assert '"answer": "tomorrow"' in model.requests[0].prompt
    assert "It ships today." not in model.requests[0].prompt


def test_missing_expectations_are_not_judgeable_and_cost_nothing() -> None:
    with judging([], instructions="Does {{ outputs }} say {{ expectations }}?") as (model, grade):
        feedback = grade()
    assert feedback.not_judgeable
    assert feedback.rationale == "the instructions need expectations, and none were given"
    assert model.requests == []


def test_debug_logs_show_each_call_and_its_answer(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "otel_judge.judge"), judging(explorer(), reading="explore") as (_, grade):
        grade()
    lines = [record.getMessage() for record in caplog.records if record.name == "otel_judge.judge"]
    assert "Calling tool: list_spans({})" in lines
    assert any(line.startswith("Tool response: span ") for line in lines)


def test_a_plain_model_name_goes_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    async def grade() -> Feedback:
        config = JudgeConfig(name="task", instructions="{{ trace }}", model="anthropic:/claude-sonnet-5-5")
        (judge,) = build([config], {})
        try:
            return await judge.grade(TRACE, target_of(TRACE, TRACE.root))
        finally:
            await judge.aclose()

    with ScriptedModel([verdict("pass")]) as model:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", model.base_url)
        assert asyncio.run(grade()).label == "pass"
    assert model.requests[0].headers["authorization"] == "Bearer sk-ant-scripted-key"


def _without_cache_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_cache_marks(inner) for key, inner in value.items() if key != "cache_control"}
    return [_without_cache_marks(inner) for inner in value] if isinstance(value, list) else value
