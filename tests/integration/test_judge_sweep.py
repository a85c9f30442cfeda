"""Judges that must show absence: without having read all, that nothing was found says nothing."""

from __future__ import annotations

import json

import pytest
from scripted_judges import a_judge, a_large_trace, judging

from otel_judge.errors import InstructionsError
from otel_judge.feedback import Outcome
from otel_judge.testing.model import Reply, Request, blocks, tool_use, verdict
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace

pytestmark = pytest.mark.usefixtures("anthropic_key")
SWEEP = {"sweep": True, "instructions": "Is nothing secret in the {{ trace }}?"}


def a_middling_trace() -> Trace:
    build = TraceBuilder(service="shop")
    for number in range(8):
        build.tool("find_order", arguments={"id": number}, result=f"order {number} " + "word " * 200, start=number)
    return build.trace()


def test_a_pass_of_what_was_not_read_is_not_judgeable_and_says_so() -> None:
    with judging(lambda _: verdict("pass", "Nothing found."), **SWEEP) as (model, grade):
        feedback = grade(a_large_trace())
    assert (feedback.outcome, feedback.score, feedback.passed) == (Outcome.NOT_JUDGEABLE, None, None)
    assert feedback.rationale.startswith("Nothing found. (not read: ")
    assert "of the text" in feedback.rationale
    assert len(model.requests) == 6, "the verdict was sent back five times"
    assert "Not read yet: " in model.requests[1].results["verdict"]


def test_a_fail_needs_no_more_than_what_was_found() -> None:
    with judging([verdict("fail", "A key stands there.")], **SWEEP) as (_, grade):
        feedback = grade(a_large_trace())
    assert (feedback.label, feedback.passed) == ("fail", False)
    assert "(not read: " in feedback.rationale


def test_a_small_trace_that_is_shown_whole_can_pass() -> None:
    with judging([verdict("pass", "Nothing found.")], **SWEEP) as (_, grade):
        feedback = grade()
    assert (feedback.label, feedback.passed, feedback.rationale) == ("pass", True, "Nothing found.")


def test_a_judge_that_reads_on_until_all_is_read_can_pass() -> None:
    trace = a_middling_trace()

    def script(request: Request) -> Reply:
        if request.turn == 0:
            return verdict("pass", "Nothing found.")
        wanted = [span.span_id for span in trace.spans if span.span_id not in json.dumps(request.messages[1:])]
        if wanted:
            return blocks(*(tool_use("get_span", span_id=span_id) for span_id in wanted[:4]))
        return verdict("pass", "Nothing found in all of it.")

    with judging(script, reading="explore", **SWEEP) as (_, grade):
        feedback = grade(trace)
    assert (feedback.label, feedback.rationale) == ("pass", "Nothing found in all of it.")
    assert feedback.coverage is not None
    assert feedback.coverage.bytes >= 0.98


def test_an_image_counts_as_unread_and_is_named() -> None:
    said = [{"role": "user", "parts": [{"type": "blob", "modality": "image", "mime_type": "image/png", "content": ""}]}]
    build = TraceBuilder(service="shop")
    build.span("chat", attributes={"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(said)})
    trace = build.trace()
    with judging([verdict("pass", "Nothing found.")], **SWEEP) as (_, grade):
        feedback = grade(trace)
    assert feedback.not_judgeable
    assert f"(not read: image/png in span {trace.spans[0].span_id})" in feedback.rationale


def test_a_judge_without_a_trace_cannot_sweep() -> None:
    with pytest.raises(InstructionsError, match="`sweep` reads a trace"):
        a_judge("http://127.0.0.1:1", sweep=True, instructions="Is {{ outputs }} fine?")
