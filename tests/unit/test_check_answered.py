import json

import pytest

from otel_judge.check import Grade, build
from otel_judge.check.answered import is_cut_off
from otel_judge.config import AnsweredCheck
from otel_judge.testing.traces import TraceBuilder, asks, text


def answered(traced: TraceBuilder) -> Grade:
    return build([AnsweredCheck()])[0].grade(traced.trace())


def test_answer_passes_and_is_quoted():
    traced = TraceBuilder()
    agent = traced.agent("shop", answer="It ships today.")
    traced.chat("m", parent=agent, finish="stop")
    grade = answered(traced)
    assert grade.passed is True
    assert grade.rationale == "there is a final output of 15 characters, finish reason 'stop'"
    assert [(each.span_id, each.quote, each.path) for each in grade.evidence] == [(agent, "It ships today.", "output")]


@pytest.mark.parametrize("finish", ["length", "max_tokens", "MAX_TOKENS", "FinishReason.MAX_TOKENS", "content-filter"])
def test_cut_off_answer_fails(finish):
    traced = TraceBuilder()
    agent = traced.agent("shop", answer="It ships to")
    traced.chat("m", parent=agent, finish=finish)
    grade = answered(traced)
    assert grade.passed is False
    assert grade.rationale == f"the final output was cut off: finish reason {finish!r}"
    assert grade.evidence[0].quote == "It ships to"


@pytest.mark.parametrize("finish", ["stop", "end_turn", "STOP", "FINISH_REASON_STOP", "tool_call", ""])
def test_other_finish_reasons_are_no_cut(finish):
    assert not is_cut_off(finish)


def test_empty_answer_fails():
    for answer in ("", "  \n"):
        traced = TraceBuilder()
        span_id = traced.agent("shop", answer=answer)
        grade = answered(traced)
        assert grade.passed is False
        assert [(each.span_id, each.path) for each in grade.evidence] == [(span_id, "name")]


def test_run_that_ends_on_a_tool_call_fails():
    traced = TraceBuilder()
    traced.chat("m", output=[asks("find", {}, call_id="c1")])
    traced.tool("find", call_id="c1", start=2.0)
    grade = answered(traced)
    assert grade.passed is False
    assert grade.rationale == "the run ended on a call of find, with no answer after it"


def test_agent_that_lists_the_calls_of_its_run_beside_its_answer_has_answered():
    """As Vercel's AI SDK 7 writes `invoke_agent`: one message with the text and every call."""
    traced = TraceBuilder()
    both = {
        "role": "assistant",
        "parts": [*text("assistant", "It shipped.")["parts"], *asks("find", {}, call_id="c1")["parts"]],
    }
    attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.output.messages": json.dumps([both])}
    agent = traced.span("invoke_agent shop", end=9.0, attributes=attributes)
    traced.chat("m", parent=agent, start=1.0, output=[asks("find", {}, call_id="c1")])
    traced.tool("find", parent=agent, call_id="c1", start=2.0)
    assert answered(traced).passed is False  # nothing shows that the model ended in words
    traced.chat("m", parent=agent, start=3.0, output=[text("assistant", "It shipped.")])
    assert answered(traced).passed is True


def test_last_call_of_a_tool_that_never_ran_may_be_structured_output():
    traced = TraceBuilder()
    traced.chat("m", output=[asks("final_result", {"ok": True}, call_id="c1")])
    assert answered(traced).passed is None


def test_run_that_ended_with_an_error_fails():
    traced = TraceBuilder()
    agent = traced.agent("shop", error="rate limited")
    traced.chat("m", parent=agent, error="rate limited")
    grade = answered(traced)
    assert grade.passed is False
    assert [(each.quote, each.path) for each in grade.evidence] == [("rate limited", "status.message")]
    traced.chat("m", parent=agent, output=[text("assistant", "let me see")], start=0.5)
    assert answered(traced).rationale == "invoke_agent shop ended with an error and recorded no output"


def test_content_that_was_not_captured_is_not_judgeable():
    traced = TraceBuilder()
    traced.chat("m", parent=traced.agent("shop"), finish="stop")
    assert answered(traced) == Grade(passed=None, rationale="the final output was not captured")


def test_trace_without_agent_or_model_is_not_judgeable_unless_its_root_tells():
    plain = TraceBuilder()
    plain.span("GET /")
    assert answered(plain).passed is None
    telling = TraceBuilder()
    telling.span("handle", attributes={"output": "done"})
    assert answered(telling).passed is True


def test_image_is_an_answer():
    traced = TraceBuilder()
    traced.chat("m", output=[{"role": "assistant", "parts": [{"type": "blob", "mime_type": "image/png"}]}])
    assert answered(traced).passed is True
