"""What goes wrong with a model, and what a judge makes of it."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from scripted_judges import TRACE, a_judge, grade_once, judging

from otel_judge.feedback import Feedback, JudgeFailure
from otel_judge.testing.model import Reply, ScriptedModel, error, garbage, hang, verdict
from otel_judge.trajectory import target_of

pytestmark = pytest.mark.usefixtures("anthropic_key")


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


def test_an_attempt_that_the_seconds_cut_short_does_not_hide_what_went_wrong_before() -> None:
    replies = iter([error(529, "overloaded_error", headers={"retry-after-ms": "1"})])
    with judging(lambda _: next(replies, hang()), limits={"seconds": 2}) as (model, grade):
        feedback = grade()
    assert feedback.error is not None
    assert feedback.error.type == "overloaded"
    assert "tried 2 times in 2" in feedback.error.message
    assert len(model.requests) == 2


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
    feedback = asyncio.run(grade_once(base_url, TRACE, {"limits": {"seconds": 0.4}}, {}))
    assert feedback.error is not None
    assert feedback.error.type == "connection"


def test_requests_at_once_are_bounded_by_the_concurrency_of_the_model() -> None:
    running, most = 0, 0

    async def many(base_url: str) -> list[Feedback]:
        judge = a_judge(base_url, main={"concurrency": 2})
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
