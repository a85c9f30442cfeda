"""A feedback with everything set, and how it is encoded, for tests of what is emitted."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_judge.config import FeedbackConfig
from otel_judge.decision import Decision
from otel_judge.emit.encode import Encoder
from otel_judge.emit.outbox import Item
from otel_judge.feedback import Calibration, Coverage, Evidence, Feedback, Scorer, SpanRef, Target, Usage

S = 1_000_000_000
JUDGED_RESOURCE = Resource(
    attributes=[
        KeyValue(key="service.name", value=AnyValue(string_value="shop")),
        KeyValue(key="service.version", value=AnyValue(string_value="7")),
    ]
)
TARGET = Target(
    trace_id="0af7651916cd43dd8448eb211c80319c",
    span_id="b7ad6b7169203331",
    start_ns=1_760_000_000 * S,
    end_ns=1_760_000_010 * S,
    service="shop",
    agent="helper",
    conversation_id="c-1",
    model="m-app",
    response_id="r-1",
    trace_spans=9,
    completion_reason="root",
    resource=JUDGED_RESOURCE.SerializeToString(),
)
FULL = Feedback(
    target=TARGET,
    scorer=Scorer("task_success", "judge", "v1", owner="payments"),
    label="fail",
    rationale="The tool failed, the answer claims success.",
    value={"b": [1, None], "a": "ü"},
    score=0.25,
    passed=False,
    evidence=(
        Evidence("00f067aa0ba902b7", "order not found", "output"),
        Evidence("00f067aa0ba902b7", "it ships today", "attributes.answer", verified=False),
        Evidence("b7ad6b7169203331", "done"),
        Evidence("no span id at all", "?", verified=False),
    ),
    model="m-judge",
    rung="agent",
    reading="whole",
    forced="turns",
    coverage=Coverage(1.0, 0.5),
    usage=Usage(100, 40, 7),
    cost_usd=0.01,
    duration_s=2.5,
    judged_at_ns=1_760_000_020_123_456_789,
    judge_trace=SpanRef("1" * 32, "2" * 16),
    revision=1,
    supersedes="f" * 32,
    calibrated_by=Calibration(
        "task_success", "v1", "m-judge", 50, 0.6, 0.4, 0.8, 0.8, 0.9, 0.7, "2025-10-09T00:00:00Z"
    ),
    shadow_of="other",
    agrees=False,
    detail={"never": "on the wire"},
)
DECISION = Decision(sampled=True, judges=("task_success",), policy="errors", reason="a span failed", probability=0.1)


def span_of(item: Item) -> Span:
    return Span.FromString(item.record)


def encode(feedback: Feedback, decision: Decision | None = None, **config: Any) -> tuple[Span, LogRecord]:
    span, record = Encoder(FeedbackConfig(**config)).feedback(feedback, decision)
    return Span.FromString(span.record), LogRecord.FromString(record.record)
