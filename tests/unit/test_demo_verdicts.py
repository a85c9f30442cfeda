"""What the default checks say of the six runs: each fails by what is wrong with it, and by nothing else."""

from __future__ import annotations

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_judge.check import build
from otel_judge.config import Config
from otel_judge.demo.agent import Run, play
from otel_judge.demo.runs import CUT_OFF, FALSE_CLAIM, GOOD, LONG, LOOP, SLOW
from otel_judge.trace import Origin, SpanBlock, Trace

NOW_NS = 1_760_000_000_000_000_000


def trace_of(run: Run) -> Trace:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    played = play(run, provider.get_tracer("test"), NOW_NS)
    (resource,) = encode_spans(memory.get_finished_spans()).resource_spans
    (scope,) = resource.scope_spans
    origin = Origin(resource.resource.SerializeToString(), "", scope.scope.SerializeToString(), "")
    block = SpanBlock(origin, [span.SerializeToString() for span in scope.spans])
    return Trace(bytes.fromhex(played.trace_id), [block])


@pytest.mark.parametrize(
    ("run", "failing", "evidence"),
    [
        pytest.param(GOOD, None, None, id="good"),
        pytest.param(FALSE_CLAIM, "tool_errors", "declined by the bank", id="false-claim"),
        pytest.param(LOOP, "repeated_calls", "walnut desk 140 cm", id="loop"),
        pytest.param(SLOW, "latency", "track_parcel", id="slow"),
        pytest.param(CUT_OFF, "answered", "", id="cut-off"),
        pytest.param(LONG, "tool_errors", "locked until 23:00", id="long"),
    ],
)
def test_a_run_fails_by_what_is_wrong_with_it_and_by_nothing_else(run: Run, failing: str | None, evidence: str | None):
    trace = trace_of(run)
    grades = {check.name: check.grade(trace) for check in build(Config().checks)}
    assert {name: grade.passed for name, grade in grades.items()} == {name: name != failing for name in grades}
    if failing is not None and evidence is not None:
        assert any(evidence in piece.quote for piece in grades[failing].evidence)
