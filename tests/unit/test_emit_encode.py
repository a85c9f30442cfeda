from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from emit_feedback import DECISION, FULL, TARGET, encode
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

from otel_judge import semconv
from otel_judge.attributes import decode_attributes
from otel_judge.config import FeedbackConfig
from otel_judge.emit.encode import Encoder
from otel_judge.feedback import Evidence, Feedback, JudgeFailure, Scorer, SpanRef, Target
from otel_judge.version import __version__

EXPECTED = {
    "gen_ai.evaluation.name": "task_success",
    "gen_ai.evaluation.score.value": 0.25,
    "gen_ai.evaluation.score.label": "fail",
    "gen_ai.evaluation.explanation": "The tool failed, the answer claims success.",
    "gen_ai.response.id": "r-1",
    "gen_ai.agent.name": "helper",
    "gen_ai.conversation.id": "c-1",
    "otel_judge.evaluation.id": FULL.evaluation_id,
    "otel_judge.revision": 1,
    "otel_judge.supersedes": "f" * 32,
    "otel_judge.value": '{"a":"ü","b":[1,null]}',
    "otel_judge.outcome": "judged",
    "otel_judge.scorer.kind": "judge",
    "otel_judge.judge.version": "v1",
    "otel_judge.judge.owner": "payments",
    "otel_judge.calibration": "calibrated",
    "otel_judge.calibration.kappa": 0.6,
    "otel_judge.calibration.labels": 50,
    "otel_judge.shadow_of": "other",
    "otel_judge.shadow.agrees": False,
    "otel_judge.model": "m-judge",
    "otel_judge.rung": "agent",
    "otel_judge.reading": "whole",
    "otel_judge.forced": "turns",
    "otel_judge.coverage.spans": 1.0,
    "otel_judge.coverage.bytes": 0.5,
    "otel_judge.evidence.verified": 2,
    "otel_judge.evidence.unverified": 2,
    "otel_judge.usage.input_tokens": 100,
    "otel_judge.usage.cached_tokens": 40,
    "otel_judge.usage.output_tokens": 7,
    "otel_judge.cost.usd": 0.01,
    "otel_judge.duration": 2.5,
    "otel_judge.judged_at": "2025-10-09T08:53:40.123Z",
    "otel_judge.probability": 0.1,
    "otel_judge.policy": "errors",
    "otel_judge.completion.reason": "root",
    "otel_judge.target.span_id": "b7ad6b7169203331",
    "otel_judge.target.service": "shop",
    "otel_judge.target.model": "m-app",
    "otel_judge.trace.spans": 9,
}
STANDARD = {
    name: EXPECTED[name]
    for name in (
        "gen_ai.evaluation.name",
        "gen_ai.evaluation.score.value",
        "gen_ai.evaluation.score.label",
        "gen_ai.evaluation.explanation",
        "gen_ai.response.id",
    )
}


def test_the_score_span_sits_in_the_judged_trace_below_the_judged_span() -> None:
    span, _ = encode(FULL, DECISION)
    assert span.name == "evaluate task_success fail"
    assert span.trace_id.hex() == TARGET.trace_id
    assert span.parent_span_id.hex() == TARGET.span_id
    assert span.span_id.hex() == FULL.evaluation_id[:16]
    assert span.start_time_unix_nano == span.end_time_unix_nano == TARGET.start_ns
    assert span.kind == Span.SpanKind.SPAN_KIND_INTERNAL
    assert span.flags & 0x300 == 0x300, "the parent is known to be remote"
    assert span.flags & 0xFF == 1, "sampled"
    assert not span.HasField("status"), "a bad score is no error"


def test_a_full_feedback_carries_exactly_these_attributes() -> None:
    span, record = encode(FULL, DECISION)
    assert decode_attributes(span.attributes) == EXPECTED
    assert decode_attributes(record.attributes) == EXPECTED


def test_its_events_are_the_result_and_a_quote_each() -> None:
    span, _ = encode(FULL, DECISION)
    events = [(event.name, dict(decode_attributes(event.attributes))) for event in span.events]
    assert events[0] == ("gen_ai.evaluation.result", STANDARD)
    assert events[1:] == [
        (
            "otel_judge.evidence",
            {
                "otel_judge.evidence.span_id": evidence.span_id,
                **({"otel_judge.evidence.path": evidence.path} if evidence.path else {}),
                "otel_judge.evidence.quote": evidence.quote,
                "otel_judge.evidence.verified": evidence.verified,
            },
        )
        for evidence in FULL.evidence
    ]
    assert {event.time_unix_nano for event in span.events} == {TARGET.start_ns}


def test_it_links_the_target_each_cited_span_once_and_the_judges_own_trace() -> None:
    span, _ = encode(FULL, DECISION)
    links = [
        (link.trace_id.hex(), link.span_id.hex(), decode_attributes(link.attributes)["otel_judge.link"])
        for link in span.links
    ]
    assert links == [
        (TARGET.trace_id, TARGET.span_id, "target"),
        (TARGET.trace_id, "00f067aa0ba902b7", "evidence"),
        ("1" * 32, "2" * 16, "judge_trace"),
    ]


def test_feedback_about_a_session_links_its_turns_and_evidence_where_it_stands() -> None:
    turns = (SpanRef("a" * 32, "a" * 16), SpanRef("b" * 32, "b" * 16))
    target = replace(TARGET, turns=2, missing_turns=1, links=turns)
    evidence = (
        Evidence("c" * 16, "x", "output", trace_id="a" * 32),
        Evidence(TARGET.span_id, "x", "output", trace_id="b" * 32),
        Evidence(TARGET.span_id, "x", "output"),
    )
    span, record = encode(replace(FULL, target=target, evidence=evidence, judge_trace=None), DECISION)
    assert [
        (link.trace_id.hex()[0], link.span_id.hex()[0], decode_attributes(link.attributes)["otel_judge.link"])
        for link in span.links[1:]
    ] == [("a", "a", "turn"), ("b", "b", "turn"), ("a", "c", "evidence"), ("b", TARGET.span_id[0], "evidence")]
    for attributes in (span.attributes, record.attributes):
        told = decode_attributes(attributes)
        assert (told["otel_judge.session.turns"], told["otel_judge.session.missing_turns"]) == (2, 1)
    quoted = [decode_attributes(each.attributes) for each in span.events if each.name == "otel_judge.evidence"]
    assert [each.get("otel_judge.evidence.trace_id") for each in quoted] == ["a" * 32, "b" * 32, None]


def test_the_decision_about_a_session_takes_no_place_from_that_about_its_last_trace() -> None:
    encoder = Encoder(FeedbackConfig())
    about = [encoder.decision(target, DECISION, 5) for target in (TARGET, replace(TARGET, turns=2))]
    assert len({each.id for each in about}) == 2


def test_the_link_to_the_judged_span_does_not_hide_from_jaeger_that_it_is_the_parent() -> None:
    span, _ = encode(FULL, DECISION)
    kinds = [decode_attributes(link.attributes).get("opentracing.ref_type") for link in span.links]
    assert kinds == ["child_of", None, None]


def test_the_log_record_is_the_same_event_in_the_judged_spans_context() -> None:
    _, record = encode(FULL, DECISION)
    assert record.event_name == "gen_ai.evaluation.result"
    assert (record.trace_id.hex(), record.span_id.hex()) == (TARGET.trace_id, TARGET.span_id)
    assert record.time_unix_nano == FULL.judged_at_ns
    assert (record.severity_text, record.body.string_value) == ("INFO", "evaluate task_success fail")


def test_what_is_unset_is_left_out() -> None:
    bare = Feedback(
        target=Target("1" * 32, "2" * 16, 1, 2), scorer=Scorer("answered", "check", "v1"), label="pass", value=True
    )
    span, _ = encode(bare)
    assert set(decode_attributes(span.attributes)) == {
        "gen_ai.evaluation.name",
        "gen_ai.evaluation.score.label",
        "otel_judge.evaluation.id",
        "otel_judge.revision",
        "otel_judge.outcome",
        "otel_judge.scorer.kind",
        "otel_judge.judge.version",
        "otel_judge.evidence.verified",
        "otel_judge.evidence.unverified",
        "otel_judge.duration",
        "otel_judge.judged_at",
        "otel_judge.target.span_id",
    }


def test_a_zero_score_and_a_zero_probability_are_not_unset() -> None:
    span, _ = encode(replace(FULL, score=0), replace(DECISION, probability=0.0))
    attributes = decode_attributes(span.attributes)
    assert attributes["gen_ai.evaluation.score.value"] == 0.0
    assert isinstance(attributes["gen_ai.evaluation.score.value"], float)
    assert attributes["otel_judge.probability"] == 0.0


def test_a_failed_scorer_is_an_error_with_a_type_and_no_score() -> None:
    failed = Feedback.failure(TARGET, FULL.scorer, JudgeFailure("timeout", "no answer in 120 s"), judged_at_ns=1)
    span, record = encode(failed)
    assert span.name == "evaluate task_success failed"
    assert span.status.code == Status.StatusCode.STATUS_CODE_ERROR
    assert span.status.message == "no answer in 120 s"
    attributes = decode_attributes(span.attributes)
    assert attributes["error.type"] == "timeout"
    assert attributes["otel_judge.outcome"] == "failed"
    assert "gen_ai.evaluation.score.value" not in attributes
    assert decode_attributes(span.events[0].attributes)["error.type"] == "timeout"
    assert record.severity_text == "ERROR"


def test_not_judgeable_is_neither_an_error_nor_a_score() -> None:
    span, _ = encode(replace(FULL, not_judgeable=True, score=None, label="not_judgeable"))
    assert not span.HasField("status")
    assert decode_attributes(span.attributes)["otel_judge.outcome"] == "not_judgeable"


@pytest.mark.parametrize(
    ("value", "label", "expected"),
    [("fail", "fail", None), ("long text", "text", "long text"), ([1, "ü"], "text", '[1,"ü"]'), (0.5, "pass", None)],
)
def test_the_value_is_carried_where_label_and_score_do_not_say_it(value: Any, label: str, expected: str | None) -> None:
    span, _ = encode(replace(FULL, value=value, label=label))
    assert decode_attributes(span.attributes).get("otel_judge.value") == expected


def test_our_own_resource_names_the_service_and_marks_the_emitter() -> None:
    span, record = Encoder(FeedbackConfig(service_name="scores")).feedback(FULL, None)
    expected = {"service.name": "scores", "service.version": __version__, "otel_judge.emitter": True}
    spans = ResourceSpans.FromString(span.envelope)
    assert decode_attributes(spans.resource.attributes) == expected
    assert (spans.scope_spans[0].scope.name, spans.scope_spans[0].scope.version) == ("otel_judge", __version__)
    assert decode_attributes(ResourceLogs.FromString(record.envelope).resource.attributes) == expected


def test_the_judged_spans_resource_is_repeated_and_marked() -> None:
    span, record = Encoder(FeedbackConfig(service_name="judged")).feedback(FULL, None)
    expected = {"service.name": "shop", "service.version": "7", "otel_judge.emitter": True}
    assert decode_attributes(ResourceSpans.FromString(span.envelope).resource.attributes) == expected
    assert decode_attributes(ResourceLogs.FromString(record.envelope).resource.attributes) == expected


def test_a_judged_span_whose_resource_is_gone_still_has_its_service() -> None:
    gone = replace(FULL, target=replace(TARGET, resource=b""))
    span, _ = Encoder(FeedbackConfig(service_name="judged")).feedback(gone, None)
    attributes = decode_attributes(ResourceSpans.FromString(span.envelope).resource.attributes)
    assert attributes == {"service.name": "shop", "otel_judge.emitter": True}


def test_a_decision_is_a_log_event_about_the_root() -> None:
    item = Encoder(FeedbackConfig()).decision(TARGET, DECISION, 5)
    record = LogRecord.FromString(item.record)
    assert record.event_name == "otel_judge.decision"
    assert (record.trace_id.hex(), record.span_id.hex()) == (TARGET.trace_id, TARGET.span_id)
    assert record.time_unix_nano == 5
    assert decode_attributes(record.attributes) == {
        "otel_judge.sampled": True,
        "otel_judge.policy": "errors",
        "otel_judge.reason": "a span failed",
        "otel_judge.probability": 0.1,
        "otel_judge.judges": ["task_success"],
        "otel_judge.completion.reason": "root",
        "otel_judge.trace.spans": 9,
    }


def test_every_name_on_the_wire_stands_in_semconv() -> None:
    span, _ = encode(replace(FULL, error=JudgeFailure("t", "m")), DECISION)
    decision = LogRecord.FromString(Encoder(FeedbackConfig()).decision(TARGET, DECISION, 5).record)
    used = {attribute.key for group in (span, decision, *span.events, *span.links) for attribute in group.attributes}
    used |= {event.name for event in span.events} | {decision.event_name}
    assert used <= set(semconv.names())
