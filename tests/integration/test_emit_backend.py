"""The in-memory backend itself, asked by the SDK's own exporters: they have no part in our emitting."""

from __future__ import annotations

import time

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

from otel_judge.testing.backend import Backend, Fault

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.mark.parametrize("transport", ["grpc", "http"])
def test_the_sdks_exporters_reach_it(transport: str) -> None:
    with Backend() as backend:
        exporter: SpanExporter
        if transport == "grpc":
            exporter = GrpcSpanExporter(backend.endpoint, insecure=True, headers={"x-key": "k"})
        else:
            exporter = HttpSpanExporter(f"{backend.http_endpoint}/v1/traces", headers={"x-key": "k"})
        provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        provider.get_tracer("t").start_span("s", attributes={"n": 1}).end()
        backend.wait_for(lambda: len(backend.spans()) == 1)
        provider.shutdown()
    (span,) = backend.spans()
    assert (span.record.name, span.attributes, span.resource, span.scope) == (
        "s",
        {"n": 1},
        {"service.name": "shop"},
        "t",
    )
    (request,) = backend.requests
    assert request.transport == transport
    assert request.headers["x-key"] == "k"


def test_faults_over_grpc_carry_codes_and_delays() -> None:
    with Backend() as backend, grpc.insecure_channel(backend.endpoint) as channel:
        export = channel.unary_unary(EXPORT)
        backend.fail(Fault.throttled(1.5))
        backend.fail(Fault.permanent("no ids"))
        with pytest.raises(grpc.RpcError) as throttled:
            export(b"")
        assert throttled.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        details = dict(throttled.value.trailing_metadata())["grpc-status-details-bin"]
        info = RetryInfo()
        assert Status.FromString(details).details[0].Unpack(info)
        assert info.retry_delay.ToTimedelta().total_seconds() == 1.5
        with pytest.raises(grpc.RpcError) as permanent:
            export(b"")
        assert permanent.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert export(b"") == b""
        assert [request.kept for request in backend.requests] == [False, False, True]


def test_faults_over_http_carry_codes_and_delays() -> None:
    with Backend(signals=["traces"]) as backend, httpx.Client(base_url=backend.http_endpoint) as client:
        backend.fail(Fault.unavailable(3), times=2)
        backend.fail(Fault.partial(2, "too old"))
        backend.fail(Fault.reset())
        assert [client.post("/v1/traces").status_code for _ in range(2)] == [503, 503]
        partial = ExportTraceServiceResponse.FromString(client.post("/v1/traces").content).partial_success
        assert (partial.rejected_spans, partial.error_message) == (2, "too old")
        with pytest.raises(httpx.TransportError):
            client.post("/v1/traces")
        assert client.post("/v1/logs").status_code == 404
        assert client.post("/v1/traces").status_code == 200


def test_a_hanging_request_ends_when_the_backend_goes_down_and_the_ports_come_back() -> None:
    with Backend() as backend, grpc.insecure_channel(backend.endpoint) as channel:
        before = backend.endpoint, backend.http_endpoint
        backend.fail(Fault.hang())
        call = channel.unary_unary(EXPORT).future(b"")
        backend.wait_for(lambda: len(backend.requests) == 1)
        started = time.monotonic()
        backend.down()
        assert isinstance(call.exception(timeout=5), grpc.RpcError)
        assert time.monotonic() - started < 5
        backend.up()
        assert (backend.endpoint, backend.http_endpoint) == before


def test_waiting_in_vain_ends_with_the_number_of_requests() -> None:
    with Backend() as backend, pytest.raises(TimeoutError, match="0 requests"):
        backend.wait_for(lambda: False, timeout_s=0.01)
