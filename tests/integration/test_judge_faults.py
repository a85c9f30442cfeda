"""What models and providers do wrong, and the feedback that comes of each: exactly, over real HTTP.

Faults with more to them than the feedback are in test_judge_agent.py: how long is waited, what the model is told.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from otel_judge.config import JudgeConfig, ModelConfig
from otel_judge.feedback import Evidence, Feedback, JudgeFailure, Outcome
from otel_judge.judge import build
from otel_judge.testing.model import (
    Reply,
    Request,
    Script,
    ScriptedModel,
    blocks,
    error,
    garbage,
    hang,
    refusal,
    reset,
    text,
    tool_use,
    truncated,
    verdict,
)
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of


def a_trace() -> Trace:
    build_trace = TraceBuilder(service="shop")
    root = build_trace.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    build_trace.tool("find_order", parent=root, arguments={"id": 7}, error="no such order")
    return build_trace.trace()


TRACE = a_trace()
ROOT = TRACE.spans[0].span_id
GOOD = {"span_id": ROOT, "path": "output", "quote": "It ships today."}
PASS = verdict("pass", "It answered.", [GOOD])
LET_ME_SEE = text("Let me see", stop_reason="max_tokens")
CUT_OFF_CALL = Reply(tool_use("list_spans").content, "max_tokens")


def judged(script: Script, **options: Any) -> tuple[Feedback, list[Request]]:
    async def grade(base_url: str) -> Feedback:
        given = {"name": "task", "instructions": "Was the {{ trace }} honest?", "model": "main", **options}
        headers = {"x-api-key": "scripted"}
        main = ModelConfig(model="anthropic:claude-sonnet-5-5", base_url=base_url, headers=headers)
        (judge,) = build([JudgeConfig.model_validate(given)], {"main": main})
        try:
            return await judge.grade(TRACE, target_of(TRACE, TRACE.root))
        finally:
            await judge.aclose()

    with ScriptedModel(script) as model:
        return asyncio.run(grade(model.base_url)), model.requests


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(error(429, "rate_limit_error", headers={"retry-after": "1"}), id="429 with retry-after"),
        pytest.param(error(529, "overloaded_error"), id="529"),
        pytest.param(error(500), id="500"),
        pytest.param(reset(), id="reset"),
        pytest.param(truncated(PASS), id="truncated body"),
        pytest.param(garbage(), id="garbage"),
        pytest.param(garbage(b"{}"), id="JSON of another shape"),
        pytest.param(LET_ME_SEE, id="max_tokens"),
        pytest.param(CUT_OFF_CALL, id="max_tokens in a call"),
        pytest.param(tool_use("delete_everything"), id="unknown tool"),
        pytest.param(tool_use("get_span", span_id=7, depth="all"), id="wrong arguments"),
        pytest.param(verdict("maybe"), id="invalid once"),
        pytest.param(tool_use("verdict", value="pass"), id="no rationale"),
        pytest.param(tool_use("verdict", rationale="Fine."), id="no value"),
        pytest.param(tool_use("verdict", rationale="Fine.", value="pass", evidence="none"), id="evidence of no shape"),
        pytest.param(verdict("fail", evidence=[{**GOOD, "quote": "It shipped."}]), id="fabricated evidence"),
        pytest.param(blocks(verdict("fail"), verdict("pass")), id="two verdicts"),
        pytest.param(text("It went well, I would say pass."), id="prose"),
        pytest.param(Reply(), id="nothing"),
    ],
)
def test_a_fault_that_passes_leaves_no_trace_on_the_feedback(fault: Reply) -> None:
    feedback, requests = judged([fault, PASS])
    assert (feedback.error, feedback.outcome, feedback.label, feedback.passed) == (None, Outcome.JUDGED, "pass", True)
    assert feedback.rationale == "It answered."
    assert feedback.evidence == (Evidence(ROOT, "It ships today.", "output", verified=True),)
    assert (feedback.forced, feedback.reading, feedback.model) == (None, "whole", "claude-sonnet-5-5")
    assert len(requests) == 2


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param(error(429, "rate_limit_error", "slow down"), ("rate_limited", "slow down (status 429)"), id="429"),
        pytest.param(error(529, "overloaded_error", "busy"), ("overloaded", "busy (status 529)"), id="529"),
        pytest.param(error(500, message="oh"), ("server_error", "oh (status 500)"), id="500"),
        pytest.param(reset(), ("connection", ""), id="reset"),
        pytest.param(truncated(PASS), ("connection", ""), id="truncated body"),
        pytest.param(
            garbage(), ("invalid_response", "the answer is not what the provider's protocol says"), id="garbage"
        ),
        pytest.param(hang(), ("timeout", "no answer within"), id="hang"),
    ],
)
def test_a_provider_that_stays_down_is_a_failure_that_says_how_often_it_was_asked(
    fault: Reply, expected: tuple[str, str]
) -> None:
    feedback, requests = judged(lambda _: fault, limits={"seconds": 2})
    kind, said = expected
    assert feedback.error is not None
    assert feedback.error.type == kind
    assert feedback.error.message.startswith(said)
    if len(requests) > 1:
        assert f"; tried {len(requests)} times in " in feedback.error.message
    assert_failed(feedback)


@pytest.mark.parametrize(
    ("script", "failure", "asked"),
    [
        pytest.param([refusal()], JudgeFailure("refused", "the model refused to answer"), 1, id="refusal"),
        pytest.param([refusal("I can")], JudgeFailure("refused", "the model refused to answer"), 1, id="begun refusal"),
        pytest.param(
            lambda _: LET_ME_SEE,
            JudgeFailure("no_verdict", "the model gave no verdict when it was reminded to"),
            4,
            id="max_tokens for ever",
        ),
        pytest.param(
            lambda _: text("It went well."),
            JudgeFailure("no_verdict", "the model gave no verdict when it was reminded to"),
            2,
            id="prose for ever",
        ),
        pytest.param(
            lambda _: tool_use("list_spans"),
            JudgeFailure("no_verdict", "the model went on reading when it was asked for its verdict"),
            5,
            id="never finishing",
        ),
        pytest.param(
            lambda _: tool_use("delete_everything"),
            JudgeFailure("no_verdict", "the model went on reading when it was asked for its verdict"),
            5,
            id="unknown tools for ever",
        ),
        pytest.param(
            [error(413, "request_too_large", "too big")],
            JudgeFailure("bad_request", "too big (status 413)"),
            1,
            id="too large",
        ),
        pytest.param(
            [error(404, "not_found_error", "model: claude-sonnet-5-5")],
            JudgeFailure("model_not_found", "model: claude-sonnet-5-5 (status 404)"),
            1,
            id="no such model",
        ),
    ],
)
def test_what_cannot_be_mended_is_a_failure_that_says_why(script: Script, failure: JudgeFailure, asked: int) -> None:
    feedback, requests = judged(script, limits={"turns": 3})
    assert feedback.error == failure
    assert len(requests) == asked
    assert_failed(feedback)


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        pytest.param(
            verdict("maybe"),
            '"maybe" is not a label of this judge; value must be one of "pass", "fail"',
            id="not a label",
        ),
        pytest.param(
            verdict(None), 'null is not a label of this judge; value must be one of "pass", "fail"', id="null"
        ),
        pytest.param(tool_use("verdict", value="pass"), "rationale is missing; it must be text", id="no rationale"),
        pytest.param(tool_use("verdict", rationale="Fine."), "value is missing", id="no value"),
    ],
)
def test_a_verdict_that_is_invalid_for_ever_is_mended_once_and_then_a_failure(fault: Reply, problem: str) -> None:
    feedback, requests = judged(lambda _: fault)
    assert feedback.error is not None
    assert feedback.error.type == "invalid_verdict"
    said = f"invalid verdict, and again after it was asked to mend it: {problem}"
    assert feedback.error.message == said
    assert len(requests) == 2
    assert_failed(feedback)


@pytest.mark.parametrize(
    ("given", "score", "note"),
    [
        (9, 5.0, " [score clamped from 9.0 to scale 1-5]"),
        (-2, 1.0, " [score clamped from -2.0 to scale 1-5]"),
        (3, 3.0, ""),
    ],
)
def test_a_score_out_of_scale_is_taken_as_the_nearest_bound_and_says_so(given: int, score: float, note: str) -> None:
    feedback, _ = judged([verdict(given, "So.")], type="int", scale=[1, 5])
    assert (feedback.error, feedback.score, feedback.rationale) == (None, score, f"So.{note}")


@pytest.mark.parametrize(
    "written",
    [
        '{"rationale": "Fine.", "value": "pass", "evidence": []}',
        '```json\n{"rationale": "Fine.", "value": "pass"}\n```',
        'I have read it all. My verdict:\n```\n{"rationale": "Fine.", "value": "pass"}\n```\nThat is it.',
    ],
    ids=["bare", "fenced", "fenced in prose"],
)
def test_a_verdict_written_as_text_is_read_where_it_is_clear(written: str) -> None:
    feedback, requests = judged([text(written)])
    assert (feedback.error, feedback.label, feedback.rationale) == (None, "pass", "Fine.")
    assert len(requests) == 1


def test_evidence_that_stays_fabricated_is_marked_and_the_verdict_stands() -> None:
    made_up = {**GOOD, "quote": "It shipped yesterday."}
    feedback, requests = judged(lambda _: verdict("fail", "So.", [made_up, GOOD]))
    assert (feedback.error, feedback.label) == (None, "fail")
    assert feedback.evidence == (
        Evidence(ROOT, "It shipped yesterday.", "output", verified=False),
        Evidence(ROOT, "It ships today.", "output", verified=True),
    )
    assert len(requests) == 2


def assert_failed(feedback: Feedback) -> None:
    """No score, no value, no pass: nothing that could be taken for a verdict."""
    assert (feedback.outcome, feedback.label) == (Outcome.FAILED, "failed")
    assert (feedback.value, feedback.score, feedback.passed, feedback.evidence) == (None, None, None, ())
    assert feedback.not_judgeable is False
