"""Traces that real backends keep, read back: from Jaeger's API and from the files of the Collector's exporter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import parts
import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from processes import Process, free_endpoints, wait_for
from stack import Jaeger, otel_judge

from otel_judge.sources import Skipped, read_traces
from otel_judge.testing.traces import TraceBuilder, text
from otel_judge.trace import Span, Trace


def a_trace(number: int) -> Trace:
    build = TraceBuilder(service="shop", trace_id=f"{number:032x}", resource={"host.name": "node-1"})
    root = build.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    build.chat("m-1", parent=root, output=[text("assistant", "café, said “no”")], tokens=(100, 20), kind="CLIENT")
    build.tool("find_order", parent=root, arguments={"id": 7}, error="no such order", service="orders")
    return build.trace()


TRACES = [a_trace(number) for number in (0x0A11, 0x0B22)]


def send(endpoint: str, traces: list[Trace]) -> None:
    with grpc.insecure_channel(endpoint) as channel:
        for trace in traces:
            request = ExportTraceServiceRequest.FromString(trace.to_otlp().SerializeToString())
            TraceServiceStub(channel).Export(request, timeout=10)


def told(span: Span) -> tuple[object, ...]:
    return (
        span.parent_span_id,
        span.name,
        span.kind,
        span.status_code,
        span.status_message,
        span.start_ns,
        span.end_ns,
        span.service,
        dict(span.attributes),
        [(event.name, event.time_ns, dict(event.attributes)) for event in span.events],
    )


def all_told(traces: list[Trace]) -> dict[str, dict[str, tuple[object, ...]]]:
    return {trace.trace_id: {span.span_id: told(span) for span in trace.spans} for trace in traces}


@pytest.fixture(scope="module")
def stored(jaeger: Jaeger) -> Jaeger:
    send(jaeger.otlp, TRACES)
    wait_for(lambda: all(jaeger.api.trace_v3(trace.trace_id) for trace in TRACES), "the traces are in Jaeger")
    return jaeger


def test_a_search_of_jaeger_gives_the_traces_as_they_were_sent(stored: Jaeger) -> None:
    skipped = Skipped()
    start = TRACES[0].start_ns // 10**9 - 60
    found = list(read_traces(f"jaeger:{stored.query}?service=shop&start={start}", skipped=skipped))
    assert all_told(found) == all_told(TRACES)
    assert skipped.count == 0


def test_one_trace_of_jaeger_by_its_id(stored: Jaeger) -> None:
    found = list(read_traces(f"jaeger:{stored.query}", trace_id=TRACES[1].trace_id))
    assert all_told(found) == all_told(TRACES[1:])


def test_run_grades_what_jaeger_keeps(stored: Jaeger) -> None:
    start = TRACES[0].start_ns // 10**9 - 60
    rows = json.loads(otel_judge("run", f"jaeger:http://{stored.query}?service=shop&start={start}", "--json", "-"))
    labels = {feedback["name"]: feedback["label"] for feedback in rows["traces"][0]["feedback"]}
    assert {row["trace_id"] for row in rows["traces"]} == {trace.trace_id for trace in TRACES}
    assert labels["tool_errors"] == "fail"


def test_a_download_of_jaegers_ui_says_the_same(stored: Jaeger, folder: Path) -> None:
    path = folder / "download.json"
    path.write_text(json.dumps(stored.api.download(TRACES[0].trace_id)))
    skipped = Skipped()
    found = list(read_traces(path, skipped=skipped))
    assert skipped.count == 0
    (expected,), (made,) = TRACES[:1], found
    for span in expected.spans:
        # Jaeger keeps microseconds, and has tags for what OpenTelemetry says in fields.
        (_, *as_sent), (_, *as_read) = told(span), told(made.by_id[span.span_id])
        assert as_read[:4] == as_sent[:4]
        assert as_read[4] == as_sent[4] // 1000 * 1000  # type: ignore[operator]
        assert as_sent[7].items() <= as_read[7].items()  # type: ignore[attr-defined]


@pytest.fixture(params=["json", "proto"])
def collector_file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Where a Collector takes OTLP that it writes to a file; the file."""
    grpc_endpoint, health = free_endpoints(2)
    path = tmp_path / f"traces.{request.param}"
    config = {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": grpc_endpoint}}}},
        "exporters": {"file": {"path": str(path), "format": request.param, "flush_interval": "50ms"}},
        "extensions": {"health_check": {"endpoint": health}},
        "service": {
            "extensions": ["health_check"],
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file"]}},
            "telemetry": {"metrics": {"level": "none"}},
        },
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    command = [parts.find("otelcol"), f"--config={tmp_path / 'config.yaml'}"]
    with Process("collector", command, tmp_path, ready_url=f"http://{health}/"):
        yield grpc_endpoint, path


def test_the_collectors_files_are_read_as_they_are(collector_file: tuple[str, Path]) -> None:
    endpoint, path = collector_file
    send(endpoint, TRACES)

    def written() -> list[Trace]:
        return list(read_traces(path, skipped=Skipped())) if path.exists() and path.stat().st_size else []

    wait_for(lambda: len(written()) == len(TRACES), "the file holds the traces")
    assert all_told(written()) == all_told(TRACES)
    assert TracesData() not in [trace.to_otlp() for trace in written()]
