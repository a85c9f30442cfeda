"""A conversation through the whole path: judged once it rests, judged again when it goes on, as Jaeger shows it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from jaeger_api import OtlpSpan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from processes import wait_for
from session_turns import MINUTE_NS, a_turn, root_of
from stack import Jaeger, WholePath

from otel_judge.testing.model import ScriptedModel, verdict
from otel_judge.testing.traces import TraceBuilder

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
JUDGE = {
    "name": "helped",
    "target": "session",
    "instructions": "Read the {{ trace }}. Did the user get what they came for?",
    "values": ["pass", "fail"],
    "model": "anthropic:claude-sonnet-5-5",
}
BEGAN_NS = time.time_ns() - 5 * MINUTE_NS
TURNS = [a_turn(number, base_ns=BEGAN_NS) for number in range(3)]


@pytest.fixture(scope="module")
def path(folder: Path, jaeger: Jaeger) -> Iterator[WholePath]:
    with ScriptedModel(lambda _: verdict("pass", "All was answered.")) as model:
        env = {"ANTHROPIC_BASE_URL": model.base_url, "ANTHROPIC_API_KEY": "dummy"}
        laid = WholePath.laid(folder, jaeger, env=env, judges=[JUDGE], checks=[], session_idle="3s")
        with laid.running() as running:
            yield running


def send(path: WholePath, *turns: TraceBuilder) -> None:
    request = ExportTraceServiceRequest()
    for turn in turns:
        request.resource_spans.extend(turn.request().resource_spans)
    with grpc.insecure_channel(path.collector.grpc) as channel:
        channel.unary_unary(EXPORT)(request.SerializeToString())


def verdict_on(path: WholePath, turn: TraceBuilder) -> OtlpSpan:
    def found() -> list[OtlpSpan]:
        return [span for span in path.jaeger.api.trace_v3(turn.trace_id) if span.name == "evaluate helped pass"]

    (score,) = wait_for(found, "the verdict on the session", 30)
    return score


def turns_of(score: OtlpSpan) -> list[tuple[str, str]]:
    return [(link["trace_id"], link["span_id"]) for link in score.linked("turn")]


def test_the_verdict_on_a_conversation_links_its_turns_and_a_later_one_supersedes_it(path: WholePath) -> None:
    first, second, third = TURNS
    send(path, first, second)
    early = verdict_on(path, second)
    assert early.parent_span_id == root_of(second)
    assert turns_of(early) == [(first.trace_id, root_of(first))]
    assert early.attributes["gen_ai.conversation.id"] == "c-1"
    send(path, third)
    late = verdict_on(path, third)
    assert turns_of(late) == [(turn.trace_id, root_of(turn)) for turn in (first, second)]
    assert late.attributes["otel_judge.revision"] == 1
    assert late.attributes["otel_judge.supersedes"] == early.attributes["otel_judge.evaluation.id"]
    (shown,) = [span for span in path.jaeger.api.trace(third.trace_id) if span.name == late.name]
    assert shown.references[0] == ("CHILD_OF", third.trace_id, root_of(third))
    assert ("FOLLOWS_FROM", first.trace_id, root_of(first)) in shown.references
    assert not any(span.is_score for span in path.jaeger.api.trace_v3(first.trace_id))
