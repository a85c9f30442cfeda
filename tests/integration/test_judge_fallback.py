"""Fallback models: asked in order when the first is limited, overloaded or away."""

from __future__ import annotations

import time
from typing import Any

import pytest
from scripted_judges import FORCEABLE, MODEL, ROOT, judging

from otel_judge.config import Config, JudgeConfig, ModelConfig
from otel_judge.errors import InstructionsError, ModelUnavailable
from otel_judge.judge import build
from otel_judge.testing.model import Reply, Request, error, hang, tool_use, verdict

pytestmark = pytest.mark.usefixtures("anthropic_key")
FIRST, SPARE = MODEL.split(":")[1], FORCEABLE.split(":")[1]


def first_fails(fault: Reply) -> Any:
    return lambda request: verdict("pass") if request.body["model"] == SPARE else fault


@pytest.mark.parametrize(
    "fault",
    [
        error(429, "rate_limit_error", headers={"retry-after": "600"}),
        error(429, "rate_limit_error", headers={"retry-after-ms": "1"}),
        error(529, "overloaded_error", headers={"retry-after-ms": "1"}),
        error(503, headers={"retry-after-ms": "1"}),
    ],
    ids=["limited for long", "limited", "overloaded", "away"],
)
def test_a_model_that_cannot_answer_now_is_followed_by_its_fallback(fault: Reply) -> None:
    with judging(first_fails(fault), main={"fallback": ["spare"]}) as (model, grade):
        feedback = grade()
    assert (feedback.label, feedback.model, feedback.error) == ("pass", SPARE, None)
    asked = [request.body["model"] for request in model.requests]
    assert asked[0] == FIRST
    assert asked.count(FIRST) <= 3
    assert asked[-1] == SPARE
    assert feedback.detail["requests"] == len(asked)


def test_a_model_that_hangs_leaves_time_for_its_fallback() -> None:
    with judging(first_fails(hang()), main={"fallback": ["spare"]}, limits={"seconds": 2}) as (_, grade):
        started = time.monotonic()
        feedback = grade()
    assert (feedback.label, feedback.model) == ("pass", SPARE)
    assert time.monotonic() - started < 8  # the SDK's import included


def test_a_fallback_takes_over_in_the_middle_and_keeps_what_was_read() -> None:
    def script(request: Request) -> Reply:
        if request.body["model"] == SPARE:
            return verdict("fail") if "get_span" in request.results else error(400, message="nothing was read")
        if request.turn:
            return error(529, "overloaded_error", headers={"retry-after": "600"})
        return tool_use("get_span", span_id=ROOT)

    with judging(script, main={"fallback": ["spare"]}, reading="explore") as (_, grade):
        feedback = grade()
    assert (feedback.label, feedback.model, feedback.error) == ("fail", SPARE, None)
    assert feedback.cost_usd is not None


def test_when_no_model_answers_the_last_fault_is_told() -> None:
    def script(request: Request) -> Reply:
        first = request.body["model"] == FIRST
        return error(529 if first else 429, "overloaded_error" if first else "rate_limit_error")

    with judging(script, main={"fallback": ["spare"]}, limits={"seconds": 1.5}) as (_, grade):
        feedback = grade()
    assert feedback.error is not None
    assert feedback.error.type == "rate_limited"


def test_a_request_that_is_wrong_by_itself_goes_to_no_fallback() -> None:
    with judging(lambda _: error(400, "invalid_request_error"), main={"fallback": ["spare"]}) as (model, grade):
        feedback = grade()
    assert feedback.error is not None
    assert feedback.error.type == "bad_request"
    assert len(model.requests) == 1


def test_fallbacks_are_checked_at_the_start() -> None:
    judge = JudgeConfig(name="j", instructions="{{ trace }}", model="main")
    main = ModelConfig(model=MODEL, fallback=("nobody:m",))
    with pytest.raises(ModelUnavailable, match="nobody:m"):
        build([judge], {"main": main})
    with pytest.raises(ValueError, match="the fallback of model 'main' names the model 'spare', which is neither"):
        Config.model_validate({"models": {"main": {"model": MODEL, "fallback": ["spare"]}}})
    with pytest.raises(ValueError, match="its own fallback"):
        Config.model_validate({"models": {"main": {"model": MODEL, "fallback": ["main"]}}})


def test_a_limit_in_money_needs_the_price_of_every_model_that_may_be_asked() -> None:
    judge = JudgeConfig.model_validate(
        {"name": "j", "instructions": "{{ trace }}", "model": "main", "limits": {"usd": 1}}
    )
    main = ModelConfig(model=MODEL, fallback=("anthropic:in-house",))
    with pytest.raises(InstructionsError) as refused:
        build([judge], {"main": main})
    assert str(refused.value) == (
        "judge 'j': `limits.usd` cannot be held: the price of anthropic:in-house is not known; "
        "set `price` under models, or leave the limit out"
    )
    build([judge], {"main": ModelConfig(model=MODEL)})
