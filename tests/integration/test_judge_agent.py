"""Judges over real HTTP with the real anthropic SDK, against a scripted model."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from otel_judge.config import JudgeConfig, ModelConfig
from otel_judge.feedback import Coverage, Evidence, Feedback, JudgeFailure, Outcome
from otel_judge.judge import Judge, build
from otel_judge.testing.model import (
    Reply,
    Script,
    ScriptedModel,
    blocks,
    error,
    explorer,
    garbage,
    hang,
    text,
    tool_use,
    verdict,
)
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of

MODEL = "anthropic:claude-sonnet-5-5"  # refuses a forced tool_choice
FORCEABLE = "anthropic:claude-haiku-4-5"
NOW_NS = 1_760_000_100_000_000_000


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-scripted-key")


def a_trace() -> Trace:
    build_trace = TraceBuilder(service="shop")
    root = build_trace.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    build_trace.tool("find_order", parent=root, arguments={"id": 7}, error="no such order")
    return build_trace.trace()


def a_large_trace() -> Trace:
    build_trace = TraceBuilder(service="shop")
    root = build_trace.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    for number in range(300):
        build_trace.tool("find_order", parent=root, arguments={"id": number}, result=f"order {number} " + "x" * 500)
    return build_trace.trace()


TRACE = a_trace()
ROOT, TOOL = (span.span_id for span in TRACE.spans)
GOOD = {"span_id": ROOT, "path": "output", "quote": "It ships today."}
FABRICATED = {"span_id": ROOT, "path": "output", "quote": "It shipped yesterday."}


@contextmanager
def judging(script: Script, **options: Any) -> Iterator[tuple[ScriptedModel, Callable[..., Feedback]]]:
    """A scripted model, and a function that has a judge grade a trace with it."""
    with ScriptedModel(script) as model:

        def grade(trace: Trace = TRACE, **given: object) -> Feedback:
            return asyncio.run(_grade(model.base_url, trace, options, given))

        yield model, grade


async def _grade(base_url: str, trace: Trace, options: dict[str, Any], given: dict[str, Any]) -> Feedback:
    judge = a_judge(base_url, **options)
    try:
        return await judge.grade(trace, target_of(trace, trace.root), now_ns=lambda: NOW_NS, **given)
    finally:
        await judge.aclose()


def a_judge(base_url: str, *, model: str = MODEL, concurrency: int = 16, **options: Any) -> Judge:
    config = JudgeConfig.model_validate(
        {"name": "task", "instructions": "Was the {{ trace }} honest?", "model": "main", **options}
    )
    main = ModelConfig(model=model, base_url=base_url, concurrency=concurrency)
    (judge,) = build([config], {"main": main})
    return judge


def test_an_explored_trace_gives_a_verdict_with_verified_evidence() -> None:
    with judging(explorer("fail"), reading="explore") as (model, grade):
        feedback = grade()
    assert (feedback.label, feedback.passed, feedback.score, feedback.value) == ("fail", False, None, "fail")
    assert feedback.evidence == (Evidence(ROOT, "assistant: It ships today.", "output", verified=True),)
    assert (feedback.rung, feedback.reading, feedback.forced, feedback.error) == ("agent", "explored", None, None)
    assert feedback.model == "claude-sonnet-5-5"
    assert feedback.judged_at_ns == NOW_NS
    assert feedback.coverage is not None
    assert feedback.coverage.spans == 0.5
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
    assert feedback.coverage == Coverage(0.0, 0.0)
    assert len(model.requests[0].prompt) < 20_000
    assert "spans: 301" in model.requests[0].prompt


def test_two_judges_of_a_trace_share_everything_before_their_instructions() -> None:
    async def both(base_url: str) -> None:
        for name, instructions in (("one", "Is {{ trace }} honest?"), ("two", "Is {{ trace }} kind?")):
            judge = a_judge(base_url, name=name, instructions=instructions)
            await judge.grade(TRACE, target_of(TRACE, TRACE.root))
            await judge.aclose()

    with ScriptedModel([verdict("pass"), verdict("pass")]) as model:
        asyncio.run(both(model.base_url))
    one, two = (request.body for request in model.requests)
    assert (one["system"], one["tools"]) == (two["system"], two["tools"])
    shared, own = (request["messages"][0]["content"][0] for request in (one, two))
    assert shared == own
    assert shared["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert one["messages"][0]["content"][1] != two["messages"][0]["content"][1]


def test_at_the_last_turn_the_verdict_is_forced() -> None:
    script = [tool_use("get_trace_info"), tool_use("list_spans"), verdict("fail", evidence=[GOOD])]
    with judging(script, model=FORCEABLE, reading="explore", limits={"turns": 3}) as (model, grade):
        feedback = grade()
    assert (feedback.label, feedback.forced, feedback.error) == ("fail", "turns", None)
    assert [request.body["tool_choice"]["type"] for request in model.requests] == ["auto", "auto", "tool"]
    assert model.requests[2].body["tool_choice"]["name"] == "verdict"
    assert model.requests[2].body["tools"] == model.requests[0].body["tools"]


def test_near_the_limit_on_tokens_the_verdict_is_forced_and_the_limit_holds() -> None:
    def script(request: Any) -> Reply:
        return (
            verdict("pass", evidence=[GOOD])
            if "Reading is closed" in request.prompt
            else tool_use("get_span", span_id=ROOT)
        )

    with judging(script, reading="explore", limits={"turns": 100, "tokens": 30_000}) as (_, grade):
        feedback = grade()
    assert (feedback.label, feedback.forced) == ("pass", "tokens")
    assert feedback.usage is not None
    assert feedback.usage.total_tokens <= 30_000


def test_a_first_request_past_the_limit_on_tokens_is_never_sent() -> None:
    with judging([], limits={"tokens": 1_000}) as (model, grade):
        feedback = grade()
    assert feedback.error is not None
    assert feedback.error.type == "token_limit"
    assert model.requests == []


@pytest.mark.parametrize("model_name", [MODEL, FORCEABLE])
def test_a_model_that_cannot_be_forced_is_told_that_reading_is_closed(model_name: str) -> None:
    """Whether its profile says so, or only the provider."""

    def script(request: Any) -> Reply:
        if request.body["tool_choice"]["type"] == "tool":
            return error(400, "invalid_request_error", "tool_choice is not supported")
        return verdict("pass") if request.turn == 3 else tool_use("list_spans")

    with judging(script, model=model_name, reading="explore", limits={"turns": 2}) as (model, grade):
        feedback = grade()
    assert (feedback.label, feedback.forced) == ("pass", "turns")
    assert model.requests[-1].results["list_spans"].startswith("Reading is closed")


def test_a_model_that_never_stops_reading_gives_no_verdict() -> None:
    with judging(lambda _: tool_use("list_spans"), reading="explore", limits={"turns": 2}) as (model, grade):
        feedback = grade()
    assert feedback.error is not None
    assert (feedback.error.type, feedback.outcome, feedback.score) == ("no_verdict", Outcome.FAILED, None)
    assert feedback.usage is not None
    assert feedback.usage.input_tokens > 0
    assert len(model.requests) == 4  # one to read, and three that should have been the verdict


def test_an_invalid_value_is_mended_once() -> None:
    with judging([verdict("five"), verdict(5)], type="int", scale=[1, 5]) as (model, grade):
        feedback = grade()
    assert (feedback.value, feedback.score, feedback.label) == (5, 5.0, "4.2-5")
    assert '"five" is not valid; value must be an integer from 1 to 5' in model.requests[1].results["verdict"]


def test_a_value_that_stays_invalid_is_a_failure_without_score() -> None:
    with judging([verdict("five"), verdict(None)], type="int", scale=[1, 5]) as (_, grade):
        feedback = grade()
    assert feedback.error == JudgeFailure(
        "invalid_verdict",
        "invalid verdict, and again after it was asked to mend it: "
        "null is not valid; value must be an integer from 1 to 5",
    )
    assert (feedback.score, feedback.label, feedback.value) == (None, "failed", None)


def test_an_out_of_scale_score_is_clamped_and_says_so() -> None:
    with judging([verdict(7, "Well done.")], type="float", scale=[0, 1], threshold=0.7) as (_, grade):
        feedback = grade()
    assert (feedback.score, feedback.label, feedback.passed) == (1.0, "pass", True)
    assert feedback.rationale == "Well done. (given as 7, outside the scale 0 to 1; taken as 1)"


def test_fabricated_evidence_is_asked_for_again() -> None:
    with judging([verdict("pass", evidence=[FABRICATED]), verdict("fail", evidence=[GOOD])]) as (model, grade):
        feedback = grade()
    assert (feedback.label, [each.verified for each in feedback.evidence]) == ("fail", [True])
    assert "'It shipped yesterday.' does not stand in span" in model.requests[1].results["verdict"]


def test_evidence_that_stays_fabricated_is_marked() -> None:
    nowhere = {"span_id": "0" * 16, "quote": "It ships today."}
    with judging(lambda _: verdict("pass", evidence=[FABRICATED, GOOD, nowhere])) as (model, grade):
        feedback = grade()
    assert [each.verified for each in feedback.evidence] == [False, True, False]
    assert len(model.requests) == 2


def test_a_verdict_with_unverified_evidence_stands_when_no_better_one_comes() -> None:
    with judging([verdict("pass", evidence=[FABRICATED]), error(400, "invalid_request_error")]) as (_, grade):
        feedback = grade()
    assert (feedback.label, feedback.error) == ("pass", None)
    assert [each.verified for each in feedback.evidence] == [False]


def test_a_text_answer_is_reminded_of_the_tool_once() -> None:
    with judging([text("It went well."), verdict("pass")]) as (model, grade):
        feedback = grade()
    assert feedback.label == "pass"
    assert "Call the tool `verdict`" in model.requests[1].prompt
    with judging([text("It went well."), text("Really.")]) as (_, grade):
        failed = grade()
    assert failed.error is not None
    assert failed.error.type == "no_verdict"


def test_an_answer_that_was_cut_off_may_be_longer_the_next_time() -> None:
    with judging([text("Let me see", stop_reason="max_tokens"), verdict("pass")]) as (model, grade):
        assert grade().label == "pass"
    assert [request.body["max_tokens"] for request in model.requests] == [2048, 4096]


def test_an_empty_answer_is_reminded_too() -> None:
    with judging([Reply(content=()), verdict("pass")]) as (_, grade):
        assert grade().label == "pass"


def test_a_verdict_written_as_fenced_json_is_read() -> None:
    written = 'Here it is.\n```json\n{"rationale": "Fine.", "value": "pass", "evidence": []}\n```'
    with judging([text(written)]) as (model, grade):
        feedback = grade()
    assert (feedback.label, feedback.rationale) == ("pass", "Fine.")
    assert len(model.requests) == 1


def test_two_different_verdicts_at_once_do_not_count() -> None:
    with judging([blocks(verdict("pass"), verdict("fail")), verdict("fail")]) as (_, grade):
        assert grade().label == "fail"


def test_not_judgeable_is_no_pass_and_no_score() -> None:
    with judging([verdict("not_judgeable", "No output was captured.")], type="bool") as (_, grade):
        feedback = grade()
    assert (feedback.outcome, feedback.label) == (Outcome.NOT_JUDGEABLE, "not_judgeable")
    assert (feedback.score, feedback.passed, feedback.value) == (None, None, None)


def test_a_rate_limit_is_waited_out() -> None:
    limited = error(429, "rate_limit_error", headers={"retry-after-ms": "50"})
    with judging([limited, error(529, "overloaded_error", headers={"retry-after-ms": "1"}), verdict("pass")]) as (
        model,
        grade,
    ):
        feedback = grade()
    assert feedback.label == "pass"
    assert len(model.requests) == 3
    assert feedback.duration_s >= 0.05


def test_a_retry_that_would_come_too_late_is_not_waited_for() -> None:
    limited = error(429, "rate_limit_error", headers={"retry-after": "600"})
    with judging([limited], limits={"seconds": 5}) as (_, grade):
        feedback = grade()
    assert feedback.error is not None
    assert feedback.error.type == "rate_limited"
    assert feedback.duration_s < 5


def test_a_server_that_always_fails_ends_at_the_seconds() -> None:
    with judging(lambda _: error(500), limits={"seconds": 1}) as (model, grade):
        feedback = grade()
    assert feedback.error is not None
    assert feedback.error.type == "server_error"
    assert "tried" in feedback.error.message
    assert feedback.duration_s < 1.5
    assert len(model.requests) > 1


def test_a_model_that_hangs_ends_at_the_seconds() -> None:
    with judging(lambda _: hang(), limits={"seconds": 0.5}) as (_, grade):
        feedback = grade()
    assert feedback.error is not None
    assert feedback.error.type == "timeout"
    assert 0.5 <= feedback.duration_s < 3


def test_garbage_is_an_invalid_response() -> None:
    with judging(lambda _: garbage(), limits={"seconds": 0.4}) as (_, grade):
        feedback = grade()
    assert feedback.error is not None
    assert feedback.error.type == "invalid_response"


def test_a_refused_key_is_never_shown_or_retried() -> None:
    refused = error(401, "authentication_error", "invalid x-api-key sk-ant-scripted-key")
    with judging([refused]) as (model, grade):
        feedback = grade()
    assert feedback.error == JudgeFailure("authentication", "the provider refused the credentials (status 401)")
    assert len(model.requests) == 1


def test_a_bad_request_is_a_failure_that_says_why_without_secrets() -> None:
    with judging([error(400, "invalid_request_error", "no, sk-ant-scripted-key is bad")]) as (_, grade):
        feedback = grade()
    assert feedback.error == JudgeFailure("bad_request", "no, *** is bad (status 400)")


def test_no_server_at_all_is_a_connection_failure() -> None:
    with ScriptedModel([]) as model:
        base_url = model.base_url
    feedback = asyncio.run(_grade(base_url, TRACE, {"limits": {"seconds": 0.4}}, {}))
    assert feedback.error is not None
    assert feedback.error.type == "connection"


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


def test_requests_at_once_are_bounded_by_the_concurrency_of_the_model() -> None:
    running, most = 0, 0

    async def many(base_url: str) -> list[Feedback]:
        judge = a_judge(base_url, concurrency=2)
        graded = await asyncio.gather(*(judge.grade(TRACE, target_of(TRACE, TRACE.root)) for _ in range(6)))
        await judge.aclose()
        return graded

    lock = threading.Lock()

    def script(_: object) -> Reply:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1
        return verdict("pass")

    with ScriptedModel(script) as model:
        graded = asyncio.run(many(model.base_url))
    assert [feedback.label for feedback in graded] == ["pass"] * 6
    assert most == 2


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
