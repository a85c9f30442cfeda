"""Judges over OpenAI's chat completions and Responses APIs, with the real openai SDK, against a scripted model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import openai
import pytest

from otel_judge.config import JudgeConfig, ModelConfig
from otel_judge.feedback import Evidence, Feedback, JudgeFailure
from otel_judge.judge import build
from otel_judge.judge import verdict as verdict_tool
from otel_judge.testing.model import (
    Reply,
    Request,
    Script,
    ScriptedModel,
    error,
    explorer,
    garbage,
    refusal,
    reset,
    text,
    tool_use,
    truncated,
    uncounted,
    verdict,
)
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of

CHAT, RESPONSES = "openai:gpt-5.4", "openai-responses:gpt-5.4"
both = pytest.mark.parametrize("named", [CHAT, RESPONSES])


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-scripted-key")


def a_trace() -> Trace:
    build_trace = TraceBuilder(service="shop")
    root = build_trace.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    build_trace.tool("find_order", parent=root, arguments={"id": 7}, error="no such order")
    return build_trace.trace()


TRACE = a_trace()
ROOT = TRACE.spans[0].span_id


@contextmanager
def judging(named: str, script: Script, **options: Any) -> Iterator[tuple[ScriptedModel, Callable[[], Feedback]]]:
    with ScriptedModel(script) as model:
        yield model, lambda: asyncio.run(_grade(model.openai_url, named, options))


async def _grade(base_url: str, named: str, options: dict[str, Any]) -> Feedback:
    given = {"name": "task", "instructions": "Was the {{ trace }} honest?", "model": "main", **options}
    (judge,) = build([JudgeConfig.model_validate(given)], {"main": ModelConfig(model=named, base_url=base_url)})
    try:
        return await judge.grade(TRACE, target_of(TRACE, TRACE.root))
    finally:
        await judge.aclose()


@pytest.mark.parametrize(
    ("named", "asked"),
    [(CHAT, "messages"), ("openai-chat:gpt-5.4", "messages"), (RESPONSES, "input")],
)
def test_openai_with_a_base_url_speaks_chat_completions_and_responses_are_explicit(named: str, asked: str) -> None:
    with judging(named, [verdict("pass")]) as (model, grade):
        assert grade().label == "pass"
    (request,) = model.requests
    assert {"messages", "input"} & set(request.body) == {asked}
    assert request.headers["authorization"] == "Bearer sk-proj-scripted-key"


def test_a_self_hosted_server_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with judging("openai:some-model", [verdict("pass")]) as (_, grade):
        assert grade().label == "pass"


@both
def test_an_explored_trace_gives_a_verdict_with_verified_evidence(named: str) -> None:
    with judging(named, explorer("fail"), reading="explore") as (model, grade):
        feedback = grade()
    assert (feedback.error, feedback.label, feedback.model) == (None, "fail", "gpt-5.4")
    assert feedback.evidence == (Evidence(ROOT, "assistant: It ships today.", "output", verified=True),)
    assert len(model.requests) == 3
    assert feedback.usage is not None
    assert 0 < feedback.usage.cached_tokens < feedback.usage.input_tokens
    assert feedback.cost_usd is not None
    assert feedback.cost_usd > 0


@both
def test_the_verdict_is_forced_by_name_and_the_tools_stay(named: str) -> None:
    script = [tool_use("get_trace_info"), tool_use("list_spans"), verdict("fail")]
    with judging(named, script, reading="explore", limits={"turns": 3}) as (model, grade):
        feedback = grade()
    assert (feedback.error, feedback.label, feedback.forced) == (None, "fail", "turns")
    *before, last = (request.body["tool_choice"] for request in model.requests)
    assert before == ["auto", "auto"]
    assert last.get("name", last.get("function", {}).get("name")) == "verdict"
    assert all(request.body["tools"] == model.requests[0].body["tools"] for request in model.requests)


@both
def test_a_server_that_cannot_force_is_told_that_reading_is_closed(named: str) -> None:
    def script(request: Request) -> Reply:
        if request.body["tool_choice"] != "auto":
            return error(400, "invalid_request_error", "tool_choice must be auto")
        return verdict("pass") if "Reading is closed" in str(request.messages) else tool_use("list_spans")

    with judging(named, script, reading="explore", limits={"turns": 2}) as (_, grade):
        feedback = grade()
    assert (feedback.error, feedback.label, feedback.forced) == (None, "pass", "turns")


@both
def test_a_verdict_in_text_is_read(named: str) -> None:
    written = 'Here it is.\n```json\n{"rationale": "Fine.", "value": "pass", "evidence": []}\n```'
    with judging(named, [text(written)]) as (model, grade):
        feedback = grade()
    assert (feedback.label, feedback.rationale) == ("pass", "Fine.")
    assert len(model.requests) == 1


@both
def test_a_rate_limit_is_waited_out_and_the_sdk_does_not_retry_by_itself(named: str) -> None:
    limited = error(429, "rate_limit_error", "slow down", headers={"retry-after-ms": "50"})
    with judging(named, [limited, verdict("pass")]) as (model, grade):
        feedback = grade()
    assert (feedback.error, feedback.label) == (None, "pass")
    assert len(model.requests) == 2
    assert feedback.duration_s >= 0.05
    with judging(named, [error(400, "invalid_request_error", "no")]) as (model, grade):
        assert grade().error == JudgeFailure("bad_request", "no (status 400)")
    assert len(model.requests) == 1


@both
def test_a_quota_that_is_used_up_is_not_waited_for(named: str) -> None:
    with judging(named, [error(429, "insufficient_quota", "You exceeded your current quota.")]) as (model, grade):
        feedback = grade()
    assert feedback.error == JudgeFailure("quota_exceeded", "You exceeded your current quota. (status 429)")
    assert len(model.requests) == 1


@both
@pytest.mark.parametrize("fault", [reset(), truncated(verdict("pass")), error(500), error(503, "overloaded_error")])
def test_what_may_pass_is_tried_again(named: str, fault: Reply) -> None:
    with judging(named, [fault, verdict("pass")]) as (model, grade):
        feedback = grade()
    assert (feedback.error, feedback.label) == (None, "pass")
    assert len(model.requests) == 2


@both
@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b'{"answer": 42}'])
def test_a_server_that_speaks_no_such_protocol_is_an_invalid_response(named: str, body: bytes) -> None:
    with judging(named, lambda _: garbage(body), limits={"seconds": 2}) as (_, grade):
        feedback = grade()
    assert feedback.error is not None
    assert feedback.error.type == "invalid_response"
    assert feedback.score is None


@both
@pytest.mark.parametrize("words", ["", "I cannot"])
def test_a_refusal_is_a_failure_that_says_so(named: str, words: str) -> None:
    with judging(named, [refusal(words)]) as (model, grade):
        feedback = grade()
    assert feedback.error == JudgeFailure("refused", "the model refused to answer")
    assert (feedback.label, feedback.score) == ("failed", None)
    assert len(model.requests) == 1


@both
def test_an_answer_that_was_cut_off_may_be_longer_the_next_time(named: str) -> None:
    limit = "max_completion_tokens" if named == CHAT else "max_output_tokens"
    with judging(named, [text("Let me see", stop_reason="max_tokens"), verdict("pass")]) as (model, grade):
        assert grade().label == "pass"
    assert [request.body[limit] for request in model.requests] == [2048, 4096]


@both
def test_a_model_that_does_not_say_what_it_used_still_meets_the_ceilings(named: str) -> None:
    with judging(named, lambda _: uncounted(tool_use("list_spans")), reading="explore", limits={"turns": 4}) as (
        model,
        grade,
    ):
        feedback = grade()
    assert feedback.error is not None
    assert feedback.error.type == "no_verdict"
    assert len(model.requests) <= 6


@both
def test_no_tool_is_strict_because_the_value_of_a_verdict_is_open(named: str) -> None:
    with judging(named, [verdict("pass")]) as (model, grade):
        grade()
    tools = [tool.get("function", tool) for tool in model.requests[0].body["tools"]]
    assert "verdict" in [tool["name"] for tool in tools]
    assert [tool.get("strict", named == RESPONSES) for tool in tools] == [False] * len(tools)


def test_a_strict_verdict_would_be_refused() -> None:
    function = {"name": "verdict", "parameters": verdict_tool.SCHEMA, "strict": True}
    refused = "Invalid schema for function 'verdict': In context=.*'value'.*, schema must have a 'type' key"
    with (
        ScriptedModel([]) as model,
        openai.OpenAI(base_url=model.openai_url, api_key="scripted", max_retries=0) as client,
    ):
        chat: Any = {
            "messages": [{"role": "user", "content": "?"}],
            "tools": [{"type": "function", "function": function}],
        }
        with pytest.raises(openai.BadRequestError, match=refused):
            client.chat.completions.create(model="gpt-5.4", **chat)
        responses: Any = {"input": "?", "tools": [{"type": "function", **function}]}
        with pytest.raises(openai.BadRequestError, match=refused):
            client.responses.create(model="gpt-5.4", **responses)


@both
def test_arguments_that_are_no_json_are_mended_once(named: str) -> None:
    cut_off = Reply(({"type": "tool_use", "name": "verdict", "input": "cut off"},), "tool_use")
    with judging(named, [cut_off, verdict("pass")]) as (model, grade):
        assert grade().label == "pass"
    assert "the arguments must be an object" in json.dumps(model.requests[1].body)
