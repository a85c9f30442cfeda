"""The ceilings of a judgement, over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_judges import FORCEABLE, GOOD, MODEL, ROOT, a_large_trace, judging

from otel_judge.feedback import JudgeFailure, Outcome
from otel_judge.testing.model import Reply, Request, blocks, error, garbage, tool_use, verdict

pytestmark = pytest.mark.usefixtures("anthropic_key")


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


def reader(request: Request) -> Reply:
    """Reads on until reading is closed."""
    if "Reading is closed" in request.prompt:
        return verdict("pass", evidence=[GOOD])
    return tool_use("get_span", span_id=ROOT)


def test_near_the_limit_on_money_the_verdict_is_forced_and_the_limit_holds() -> None:
    limits = {"turns": 100, "tokens": 10**7, "usd": 0.1}
    with judging(reader, model=FORCEABLE, reading="explore", limits=limits) as (model, grade):
        feedback = grade()
    assert (feedback.label, feedback.forced) == ("pass", "usd")
    assert feedback.cost_usd is not None
    assert 0.02 < feedback.cost_usd <= 0.1
    assert len(model.requests) > 2


def test_money_is_counted_by_the_price_of_the_config() -> None:
    price = {"input_per_mtok": 1_000, "output_per_mtok": 10_000}
    with judging([verdict("pass")], model="anthropic:in-house", main={"price": price}, limits={"usd": 100}) as (
        _,
        grade,
    ):
        feedback = grade()
    assert feedback.usage is not None
    assert feedback.cost_usd == pytest.approx(
        (feedback.usage.input_tokens * 1_000 + feedback.usage.output_tokens * 10_000) / 1e6
    )


def test_a_first_request_past_the_limit_on_money_is_never_sent() -> None:
    with judging([], limits={"usd": 0.001}) as (model, grade):
        feedback = grade()
    assert feedback.error is not None
    assert feedback.error.type == "usd_limit"
    assert model.requests == []


def test_an_answer_is_only_as_long_as_what_is_left_of_the_tokens() -> None:
    with judging([verdict("pass")], limits={"tokens": 3_900}) as (model, grade):
        feedback = grade()
    assert (feedback.label, feedback.forced) == ("pass", "tokens")
    assert 256 <= model.requests[0].body["max_tokens"] < 2_048


def test_what_one_turn_may_add_is_bounded() -> None:
    def script(request: Request) -> Reply:
        if request.turn:
            return verdict("pass")
        return blocks(*(tool_use("list_spans", cursor="") for _ in range(20)))

    with judging(script, reading="explore") as (model, grade):
        assert grade(a_large_trace()).label == "pass"
    answers = [
        block["content"] for block in model.requests[1].messages[-1]["content"] if block["type"] == "tool_result"
    ]
    assert len(answers) == 20
    assert len(str(answers)) < 20_000


def test_an_attempt_whose_usage_nobody_knows_is_charged_as_reserved() -> None:
    """Each may have been worked on and billed: a third one would not fit any more."""
    with judging(lambda _: garbage(), limits={"tokens": 10_000}) as (model, grade):
        feedback = grade()
    assert feedback.error == JudgeFailure("no_verdict", "no verdict within the limit on tokens")
    assert feedback.usage is not None
    assert feedback.usage.total_tokens == 0
    assert feedback.detail["requests"] == len(model.requests) == 2
