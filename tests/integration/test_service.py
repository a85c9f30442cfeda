"""The service in this process: real SDK clients, a real OTLP backend, real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import httpx
import orjson
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import StatusCode

from otel_judge.config import Config
from otel_judge.errors import ConfigError
from otel_judge.service import Service
from otel_judge.sources import read_traces
from otel_judge.testing.backend import Backend
from otel_judge.testing.model import ScriptedModel, verdict
from otel_judge.testing.traces import TraceBuilder

REFUND = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "refund",
    "gen_ai.tool.call.arguments": "{}",
}
CHECKS = ("tool_errors", "repeated_calls", "answered", "latency", "tokens")


def receivers(*, grpc: str = "127.0.0.1:0", http: str = "127.0.0.1:0") -> dict[str, object]:
    return {"otlp": {"protocols": {"grpc": {"endpoint": grpc}, "http": {"endpoint": http}}}}


def config_for(backend: Backend | None, **sections: object) -> Config:
    document: dict[str, object] = {
        "receivers": receivers(),
        "index": {"completion": {"root_grace": "200ms"}},
        "health": {"endpoint": "127.0.0.1:0"},
        "admin": {"endpoint": "127.0.0.1:0"},
        **sections,
    }
    if backend is not None:
        document["exporters"] = {"otlp": {"endpoint": backend.endpoint}}
    return Config.model_validate(document)


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Service]:
    async with Service(config) as service:
        yield service


def send(exporter: SpanExporter, *, error: bool = False) -> str:
    """One agent trace by the SDK; its trace id."""
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"Refunded."}]}]',
    }
    with tracer.start_as_current_span("invoke_agent shop", attributes=attributes) as root:
        tool = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "refund",
            "gen_ai.tool.call.arguments": "{}",
        }
        with tracer.start_as_current_span("execute_tool refund", attributes=tool) as span:
            if error:
                span.set_status(StatusCode.ERROR, "card declined")
    provider.shutdown()
    return f"{root.get_span_context().trace_id:032x}"


def scores(backend: Backend, trace_id: str) -> dict[str, str]:
    """Labels of the score spans of a trace, by scorer."""
    return {
        str(received.attributes["gen_ai.evaluation.name"]): str(received.attributes["gen_ai.evaluation.score.label"])
        for received in backend.spans()
        if received.record.trace_id.hex() == trace_id
    }


async def wait_for(backend: Backend, predicate, timeout_s: float = 10.0) -> None:
    await asyncio.to_thread(backend.wait_for, predicate, timeout_s)


@pytest.mark.parametrize("transport", ["grpc", "http"])
async def test_a_trace_that_ends_is_scored_at_the_backend(transport: str) -> None:
    with Backend() as backend:
        async with running(config_for(backend)) as service:
            if transport == "grpc":
                exporter: SpanExporter = GrpcExporter(endpoint=service.endpoints["OTLP/gRPC"], insecure=True)
            else:
                exporter = HttpExporter(endpoint=f"http://{service.endpoints['OTLP/HTTP']}/v1/traces")
            trace_id = await asyncio.to_thread(send, exporter, error=True)
            await wait_for(backend, lambda: len(scores(backend, trace_id)) == len(CHECKS))
        found = scores(backend, trace_id)
    assert found["tool_errors"] == "fail"
    assert found["answered"] == "pass"


async def test_a_judge_gives_its_verdict_and_leaves_a_trace_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "unused")
    with Backend() as backend, ScriptedModel([verdict("fail", "The refund failed.")]) as model:
        judge = {
            "name": "task_success",
            "instructions": "Read the {{ trace }}. Did it work?",
            "values": ["pass", "fail"],
            "model": "main",
        }
        main = {"model": "anthropic:scripted", "base_url": model.base_url}
        async with running(config_for(backend, checks=[], judges=[judge], models={"main": main})) as service:
            exporter = GrpcExporter(endpoint=service.endpoints["OTLP/gRPC"], insecure=True)
            trace_id = await asyncio.to_thread(send, exporter, error=True)
            await wait_for(backend, lambda: scores(backend, trace_id) == {"task_success": "fail"}, 30)
        spans = backend.spans()
    score = next(received for received in spans if received.record.trace_id.hex() == trace_id)
    assert score.attributes["otel_judge.probability"] == 1.0
    judge_trace = score.record.links[-1].trace_id
    own = {received.record.name for received in spans if received.record.trace_id == judge_trace}
    assert "invoke_agent task_success" in own
    assert all(received.resource["otel_judge.emitter"] is True for received in spans)


async def test_what_otel_judge_emits_is_not_judged_when_it_comes_back() -> None:
    with Backend() as backend:
        async with running(config_for(backend)) as service:
            exporter = GrpcExporter(endpoint=service.endpoints["OTLP/gRPC"], insecure=True)
            first = await asyncio.to_thread(send, exporter)
            await wait_for(backend, lambda: len(scores(backend, first)) == len(CHECKS))
            async with grpc.aio.insecure_channel(service.endpoints["OTLP/gRPC"]) as channel:
                export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
                for request in [request for request in backend.requests if request.signal == "traces"]:
                    await export(request.body)
            second = await asyncio.to_thread(send, exporter_to(service))
            await wait_for(backend, lambda: len(scores(backend, second)) == len(CHECKS))
        ids = {received.record.trace_id.hex() for received in backend.spans()}
        emitted = len(backend.spans())
    assert ids == {first, second}
    assert emitted == 2 * len(CHECKS)


def exporter_to(service: Service) -> SpanExporter:
    return GrpcExporter(endpoint=service.endpoints["OTLP/gRPC"], insecure=True)


async def test_leaving_finishes_what_is_open_with_reason_shutdown() -> None:
    with Backend() as backend:
        config = config_for(backend, index={"completion": {"root_grace": "1h", "idle": "1h", "max_age": "1h"}})
        async with running(config) as service:
            trace_id = await asyncio.to_thread(send, exporter_to(service))
            assert backend.spans() == []
        found = [received for received in backend.spans() if received.record.trace_id.hex() == trace_id]
    assert len(found) == len(CHECKS)
    assert {received.attributes["otel_judge.completion.reason"] for received in found} == {"shutdown"}


async def test_health_metrics_and_retained_traces_are_served() -> None:
    with Backend() as backend:
        async with running(config_for(backend)) as service, httpx.AsyncClient() as client:
            health, admin = f"http://{service.endpoints['health']}", f"http://{service.endpoints['admin']}"
            assert (await client.get(f"{health}/healthz")).status_code == 200
            assert (await client.get(f"{health}/readyz")).status_code == 200
            trace_id = await asyncio.to_thread(send, exporter_to(service))
            await wait_for(backend, lambda: len(scores(backend, trace_id)) == len(CHECKS))
            metrics = (await client.get(f"{health}/metrics")).text
            assert 'otel_judge_receiver_accepted_spans_total{transport="grpc"} 2.0' in metrics
            assert 'otel_judge_traces_completed_total{reason="root"} 1.0' in metrics
            answer = await client.get(f"{admin}/traces/{trace_id}")
            spans = orjson.loads(answer.content)["resourceSpans"][0]["scopeSpans"][0]["spans"]
            assert {span["traceId"] for span in spans} == {trace_id}
            assert {span["name"] for span in spans} == {"invoke_agent shop", "execute_tool refund"}
            assert (await client.get(f"{admin}/traces")).json() == {"trace_ids": [trace_id]}
            assert (await client.get(f"{admin}/traces?limit=0")).json() == {"trace_ids": []}
            assert (await client.get(f"{admin}/traces?limit=all")).status_code == 400
            (retained,) = await asyncio.to_thread(lambda: list(read_traces(f"live:{admin}")))
            assert (retained.trace_id, len(retained)) == (trace_id, 2)
            assert (await client.get(f"{admin}/traces/{'ab' * 16}")).status_code == 404
            assert (await client.get(f"{admin}/traces/nonsense")).status_code == 400


async def test_late_spans_are_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    builder = TraceBuilder()
    root = builder.span("root")
    first = builder.request().SerializeToString()
    for _ in range(3):
        builder.span("late", parent=root)
    second = builder.request().SerializeToString()
    with Backend() as backend:
        async with running(config_for(backend)) as service, httpx.AsyncClient() as client:
            async with grpc.aio.insecure_channel(service.endpoints["OTLP/gRPC"]) as channel:
                export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
                await export(first)
                await wait_for(backend, lambda: len(backend.spans()) == len(CHECKS))
                await export(second)
                await export(second)
            metrics = (await client.get(f"http://{service.endpoints['health']}/metrics")).text
    assert "otel_judge_index_late_spans_total 8.0" in metrics
    assert [
        record.getMessage().split(";")[0] for record in caplog.records if "after their trace" in record.message
    ] == ["4 spans came after their trace was judged and are ignored"]


async def test_a_full_index_refuses_with_a_code_to_retry() -> None:
    builder = TraceBuilder()
    builder.span("root", attributes={"text": "x" * 3000})
    config = config_for(None, index={"max_mib": 0.001, "completion": {"idle": "1h", "root_grace": "1h"}})
    async with running(config) as service, grpc.aio.insecure_channel(service.endpoints["OTLP/gRPC"]) as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        await export(builder.request().SerializeToString())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await export(builder.request().SerializeToString())
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "google.rpc.retryinfo-bin" in dict(caught.value.trailing_metadata() or ())


async def test_a_port_in_use_is_said_and_nothing_stays_open() -> None:
    async with running(config_for(None)) as first:
        failed = Service(config_for(None, receivers=receivers(http=first.endpoints["OTLP/HTTP"])))
        with pytest.raises(ConfigError, match="receivers.otlp.protocols.http.endpoint: .*in use"):
            await failed.__aenter__()
    async with running(config_for(None, health={"endpoint": failed.endpoints["health"]})):
        pass  # what the failed start had bound is free again


async def test_its_own_receiver_is_no_exporter() -> None:
    config = config_for(None, receivers={}, exporters={"otlp": {"endpoint": "localhost:14317"}})
    with pytest.raises(ConfigError, match="exporters.otlp.endpoint"):
        await Service(config).__aenter__()
