"""What people say of traces, sent to the running service: kept with the trace, never judged, and found by `agree`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import grpc.aio
import httpx
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
from test_service import CHECKS, config_for, running, scores, wait_for

from otel_judge.label import Label, parse_label
from otel_judge.service import Service
from otel_judge.testing.backend import Backend
from otel_judge.testing.model import ScriptedModel, verdict
from otel_judge.testing.traces import TraceBuilder

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def human(label: str, name: str = "task") -> dict[str, str]:
    return {
        "gen_ai.evaluation.name": name,
        "gen_ai.evaluation.score.label": label,
        "gen_ai.evaluation.evaluator.type": "human",
        "gen_ai.evaluation.evaluator.id": "kim",
    }


async def export(service: Service, build: TraceBuilder) -> None:
    async with grpc.aio.insecure_channel(service.endpoints["OTLP/gRPC"]) as channel:
        await channel.unary_unary(EXPORT)(build.request().SerializeToString())


async def labels(service: Service) -> list[Label | None]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://{service.endpoints['admin']}/labels")
        return [parse_label(json.loads(line)) for line in answer.text.splitlines()]


def a_run() -> tuple[TraceBuilder, str]:
    build = TraceBuilder()
    return build, build.agent("shop", user="?", answer="!", end=2.0)


async def test_labels_in_a_trace_and_late_ones_are_kept_with_it_and_judged_by_nobody() -> None:
    build, root = a_run()
    build.event(root, "gen_ai.evaluation.result", attributes=human("fail"))
    stranger = TraceBuilder(trace_id="ab" * 16)
    stranger.span("feedback", attributes=human("pass"))
    with Backend() as backend:
        async with running(config_for(backend)) as service, httpx.AsyncClient() as client:
            await export(service, build)
            await wait_for(backend, lambda: len(scores(backend, build.trace_id)) == len(CHECKS))
            assert await labels(service) == [Label(build.trace_id, root, "task", "fail", annotator="kim")]
            await asyncio.to_thread(say_with_the_sdk, service, build.trace_id, root)
            await export(service, stranger)
            kept = await labels(service)
            metrics = (await client.get(f"http://{service.endpoints['health']}/metrics")).text
        traces = {received.record.trace_id.hex() for received in backend.spans()}
    assert [label and (label.trace_id, label.span_id, label.label) for label in kept] == [
        (build.trace_id, root, "fail"),
        (build.trace_id, root, "pass"),
    ]
    assert traces == {build.trace_id}
    assert 'otel_judge_labels_total{outcome="kept"} 2.0' in metrics
    assert 'otel_judge_labels_total{outcome="unknown_trace"} 1.0' in metrics
    assert "otel_judge_index_late_spans_total" not in metrics
    assert 'otel_judge_receiver_accepted_spans_total{transport="grpc"} 1.0' in metrics
    assert 'judge="task"' not in metrics


def say_with_the_sdk(service: Service, trace_id: str, span_id: str) -> None:
    """A label as any app can send it: a span in the context of the judged one."""
    provider = TracerProvider()
    provider.add_span_processor(
        SimpleSpanProcessor(OTLPSpanExporter(endpoint=service.endpoints["OTLP/gRPC"], insecure=True))
    )
    context = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(1))
    judged = set_span_in_context(NonRecordingSpan(context))
    provider.get_tracer("thumbs").start_span("feedback", context=judged, attributes=human("pass")).end()
    provider.shutdown()


async def test_agree_compares_with_what_a_running_service_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "unused")
    build, _ = a_run()
    build.span("feedback", attributes=human("fail"))
    with Backend() as backend, ScriptedModel(lambda _: verdict("fail")) as model:
        judge = {"name": "task", "instructions": "Is {{ trace }} good?", "values": ["pass", "fail"], "model": "main"}
        config = {"models": {"main": {"model": "anthropic:scripted", "base_url": model.base_url}}, "judges": [judge]}
        (tmp_path / "otel-judge.yaml").write_text(json.dumps(config))
        async with running(config_for(backend)) as service:
            await export(service, build)
            await wait_for(backend, lambda: len(scores(backend, build.trace_id)) == len(CHECKS))
            command = ("-W", "error", "-m", "otel_judge", "agree", f"live:{service.endpoints['admin']}", "--json", "-")
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            stdout, stderr = await process.communicate()
    assert process.returncode == 0, stderr
    (task,) = json.loads(stdout)["judges"]
    assert (task["judge"], task["classes"], task["confusion"]) == ("task", ["fail"], [[1]])
