import asyncio
import logging
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_judge.config_receivers import GrpcReceiver
from otel_judge.errors import ConfigError, Overloaded
from otel_judge.receive import Intake
from otel_judge.receive.grpc import CONFIG_KEY, TRACE_SERVICE, GrpcServer
from otel_judge.testing.traces import TraceBuilder


class Taken:
    """A sink that keeps what it was given, after raising what it was told to raise."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.intakes: list[Intake] = []
        self.refused: list[tuple[int, str]] = []

    def __call__(self, intake: Intake) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.intakes.append(intake)

    def refuse(self, count: int, reason: str) -> None:
        self.refused.append((count, reason))

    @property
    def spans(self) -> list[Span]:
        return [
            Span.FromString(data)
            for intake in self.intakes
            for fragment in intake.fragments.values()
            for _, block in fragment.blocks
            for data in block
        ]


@asynccontextmanager
async def serving(taken: Taken, **config) -> AsyncIterator[str]:
    server = GrpcServer(GrpcReceiver(endpoint="127.0.0.1:0", **config), taken, refused=taken.refuse)
    endpoint = await server.start()
    assert endpoint == server.endpoint
    try:
        yield endpoint
    finally:
        await server.stop(1.0)


async def export(endpoint: str, body: bytes, compression: grpc.Compression | None = None) -> ExportTraceServiceResponse:
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(endpoint, options=options, compression=compression) as channel:
        call = channel.unary_unary(f"/{TRACE_SERVICE}/Export")
        return ExportTraceServiceResponse.FromString(await call(body))


async def failing(endpoint: str, body: bytes, compression: grpc.Compression | None = None) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await export(endpoint, body, compression)
    return caught.value


def some_request() -> ExportTraceServiceRequest:
    build = TraceBuilder(service="shop")
    root = build.agent("shop", user="Where is my order?", answer="On its way.", end=2.0)
    build.tool("find_order", parent=root, arguments={"id": 7}, result={"ok": True})
    return build.request()


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_a_real_sdk_exports_to_it(compression: grpc.Compression):
    taken = Taken()
    async with serving(taken) as endpoint:

        def run_app() -> None:
            provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
            exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True, compression=compression)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            tracer = provider.get_tracer("app", "1.0")
            with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner"):
                pass
            provider.shutdown()

        await asyncio.to_thread(run_app)

    assert [span.name for span in taken.spans] == ["inner", "outer"]
    inner, outer = (next(iter(intake.fragments.values())) for intake in taken.intakes)
    assert outer.ended_root
    assert not inner.ended_root
    assert inner.blocks[0][0] is outer.blocks[0][0]


async def test_success_leaves_partial_success_unset_and_comes_after_the_sink():
    taken = Taken()
    async with serving(taken) as endpoint:
        response = await export(endpoint, some_request().SerializeToString())

    assert response == ExportTraceServiceResponse()
    assert not response.HasField("partial_success")
    assert taken.intakes[0].accepted == 2


async def test_an_empty_request_succeeds():
    taken = Taken()
    async with serving(taken) as endpoint:
        assert await export(endpoint, b"") == ExportTraceServiceResponse()

    assert taken.refused == []


async def test_rejected_spans_are_a_partial_success():
    request = some_request()
    request.resource_spans[0].scope_spans[0].spans.add(name="no ids")
    taken = Taken()
    async with serving(taken) as endpoint:
        response = await export(endpoint, request.SerializeToString())

    assert response.partial_success.rejected_spans == 1
    assert "1 with a trace_id" in response.partial_success.error_message
    assert taken.intakes[0].accepted == 2
    assert taken.refused == [(1, "invalid")]


async def test_what_is_no_protobuf_is_an_invalid_argument():
    taken = Taken()
    async with serving(taken) as endpoint:
        error = await failing(endpoint, b"\xff\xffnot protobuf")

    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == "the body is not a protobuf ExportTraceServiceRequest"
    assert taken.refused == [(0, "malformed")]


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_a_request_past_the_limit_is_not_to_be_retried(compression: grpc.Compression):
    taken = Taken()
    async with serving(taken, max_recv_msg_size_mib=1) as endpoint:
        error = await failing(endpoint, bytes(2**20 + 1), compression)

    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "google.rpc.retryinfo-bin" not in dict(error.trailing_metadata())
    assert taken.intakes == []


BOMB_CLIENT = f"""
import grpc, sys
options = [("grpc.max_send_message_length", -1)]
channel = grpc.insecure_channel(sys.argv[1], options=options, compression=grpc.Compression.Gzip)
try:
    channel.unary_unary("/{TRACE_SERVICE}/Export")(bytes(256 * 2**20))
except grpc.RpcError as error:
    print(error.code().name)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads peak memory from /proc")
async def test_a_gzip_bomb_is_refused_without_being_inflated():
    async with serving(Taken(), max_recv_msg_size_mib=4) as endpoint:
        reset_peak_memory()
        before = peak_memory_mib()
        client = await asyncio.create_subprocess_exec(sys.executable, "-c", BOMB_CLIENT, endpoint, stdout=PIPE)
        answer, _ = await client.communicate()
        grown = peak_memory_mib() - before

    assert answer.strip() == b"RESOURCE_EXHAUSTED"
    assert grown < 64


def reset_peak_memory() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # proc(5)


def peak_memory_mib() -> float:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


async def test_a_full_service_says_when_to_come_back_in_both_trailers():
    taken = Taken(Overloaded("512.0 MiB are buffered", retry_after_s=2.4))
    async with serving(taken) as endpoint:
        error = await failing(endpoint, some_request().SerializeToString())
        await export(endpoint, some_request().SerializeToString())

    assert error.code() == grpc.StatusCode.UNAVAILABLE
    assert error.details() == "512.0 MiB are buffered"
    trailers = dict(error.trailing_metadata())
    status = Status.FromString(trailers["grpc-status-details-bin"])
    assert (status.code, status.message) == (14, "512.0 MiB are buffered")
    in_status = RetryInfo()
    assert status.details[0].Unpack(in_status)
    assert in_status == RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"])
    assert in_status.retry_delay.ToTimedelta().total_seconds() == 3
    assert taken.refused == [(2, "overloaded")]
    assert len(taken.intakes) == 1


async def test_the_sdk_waits_as_long_as_it_is_told(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING)
    taken = Taken(Overloaded("full", retry_after_s=2.0))
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    provider.get_tracer("app").start_span("only").end()
    async with serving(taken) as endpoint:
        exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True, timeout=30)
        result = await asyncio.to_thread(exporter.export, spans.get_finished_spans())
        exporter.shutdown()

    assert result is SpanExportResult.SUCCESS
    assert [span.name for span in taken.spans] == ["only"]
    assert "retrying in 2.00s" in caplog.text  # by itself it would first wait 1 s, give or take 20 %


async def test_an_unexpected_failure_tells_the_client_nothing_of_the_inside(caplog: pytest.LogCaptureFixture):
    taken = Taken(KeyError("secret"))
    async with serving(taken) as endpoint:
        error = await failing(endpoint, some_request().SerializeToString())

    assert error.code() == grpc.StatusCode.INTERNAL
    assert error.details() == "internal error"
    assert taken.refused == [(2, "internal")]
    assert "an OTLP/gRPC request failed" in caplog.text


async def test_another_method_is_unimplemented():
    async with serving(Taken()) as endpoint, grpc.aio.insecure_channel(endpoint) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export")(b"")

    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_a_port_in_use_is_an_error_that_names_the_key():
    async with serving(Taken()) as endpoint:
        second = GrpcServer(GrpcReceiver(endpoint=endpoint), Taken())
        with pytest.raises(ConfigError) as caught:
            await second.start()

    assert (
        str(caught.value)
        == f"{CONFIG_KEY}.endpoint: {endpoint} is in use; stop what listens there, or choose another port"
    )


async def test_it_listens_on_the_port_that_it_names():
    with socket.create_server(("127.0.0.1", 0)) as free:
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    server = GrpcServer(GrpcReceiver(endpoint=endpoint), Taken())

    assert await server.start() == endpoint
    await export(endpoint, b"")
    await server.stop(0)


@pytest.mark.parametrize(
    "endpoint", ["127.0.0.1:99999", "203.0.113.7:4317", "https://127.0.0.1:4317", "no-such-host.invalid:4317"]
)
async def test_an_endpoint_that_cannot_be_listened_on_is_an_error_that_names_the_key(endpoint: str):
    with pytest.raises(ConfigError, match=CONFIG_KEY):
        await GrpcServer(GrpcReceiver(endpoint=endpoint), Taken()).start()
