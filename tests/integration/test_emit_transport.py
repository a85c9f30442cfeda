"""Every outcome, over real sockets, over both protocols."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_judge.emit.otlp_http import HttpTransport
from otel_judge.emit.transport import (
    Accepted,
    Destination,
    Outcome,
    Partial,
    Permanent,
    Retry,
    Transport,
    Unsupported,
)
from otel_judge.emit.transports import open_transport
from otel_judge.testing.backend import SIGNALS, Backend, Fault, Signal

Protocol = Literal["grpc", "http/protobuf"]


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as backend:
        yield backend


@pytest.fixture(params=["grpc", "http/protobuf"])
def protocol(request: pytest.FixtureRequest) -> Protocol:
    return request.param


def destination(backend: Backend, protocol: Protocol, signal: Signal = "traces", **options: Any) -> Destination:
    url = f"http://{backend.endpoint}" if protocol == "grpc" else f"{backend.http_endpoint}/v1/{signal}"
    return Destination(url=url, protocol=protocol, **options)


@asynccontextmanager
async def opened(
    backend: Backend, protocol: Protocol, signal: Signal = "traces", **options: Any
) -> AsyncIterator[Transport]:
    transport = open_transport(signal, destination(backend, protocol, signal, **options))
    try:
        yield transport
    finally:
        await transport.close()


async def send(backend: Backend, protocol: Protocol, signal: Signal = "traces", **options: Any) -> Outcome:
    async with opened(backend, protocol, signal, **options) as transport:
        return await transport.send(b"")


@pytest.mark.parametrize("signal", SIGNALS)
async def test_success_is_accepted(backend: Backend, protocol: Protocol, signal: Signal) -> None:
    assert await send(backend, protocol, signal) == Accepted()
    assert [request.signal for request in backend.requests] == [signal]


@pytest.mark.parametrize("signal", SIGNALS)
async def test_a_partial_success_says_how_many_and_why(backend: Backend, protocol: Protocol, signal: Signal) -> None:
    backend.fail(Fault.partial(3, "too old"))
    backend.fail(Fault.partial(0, "use another path"))
    assert await send(backend, protocol, signal) == Partial(3, "too old")
    assert await send(backend, protocol, signal) == Partial(0, "use another path")


async def test_no_room_is_retried_after_the_delay_asked_for(backend: Backend, protocol: Protocol) -> None:
    for fault in (Fault.unavailable(), Fault.unavailable(2), Fault.throttled(3)):
        backend.fail(fault)
    outcomes = [await send(backend, protocol) for _ in range(3)]
    assert [outcome.after_s for outcome in outcomes if isinstance(outcome, Retry)] == [None, 2.0, 3.0]
    assert all(isinstance(outcome, Retry) and outcome.why for outcome in outcomes)


async def test_resource_exhausted_without_a_delay_is_for_good_and_429_is_not(backend: Backend) -> None:
    backend.fail(Fault.throttled(), times=2)
    assert isinstance(await send(backend, "grpc"), Permanent)
    assert isinstance(await send(backend, "http/protobuf"), Retry)


async def test_bad_data_is_for_good(backend: Backend, protocol: Protocol) -> None:
    backend.fail(Fault.permanent("zero ids"))
    outcome = await send(backend, protocol)
    assert isinstance(outcome, Permanent)
    assert "zero ids" in outcome.why


async def test_a_signal_that_is_not_implemented_is_unsupported(protocol: Protocol) -> None:
    with Backend(signals=["traces"]) as jaeger:
        assert await send(jaeger, protocol, "traces") == Accepted()
        assert isinstance(await send(jaeger, protocol, "logs"), Unsupported)
        assert isinstance(await send(jaeger, protocol, "metrics"), Unsupported)


async def test_a_reset_is_retried(backend: Backend, protocol: Protocol) -> None:
    backend.fail(Fault.reset())
    assert isinstance(await send(backend, protocol), Retry)


async def test_a_request_without_an_answer_is_retried_after_its_timeout(backend: Backend, protocol: Protocol) -> None:
    backend.fail(Fault.hang())
    async with asyncio.timeout(5):
        assert isinstance(await send(backend, protocol, timeout_s=0.1), Retry)


async def test_a_closed_port_is_retried(protocol: Protocol) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        transport = open_transport("traces", Destination(url, protocol, timeout_s=2))
        assert isinstance(await transport.send(b""), Retry)
        await transport.close()


async def test_headers_and_compression_go_with_each_request(backend: Backend, protocol: Protocol) -> None:
    body = b"\x0a\x00" * 500
    async with opened(backend, protocol, headers={"X-Key": "k"}, compression="gzip") as transport:
        assert await transport.send(body) == Accepted()
    (request,) = backend.requests
    assert request.body == body
    assert request.headers["x-key"] == "k"
    assert request.headers["user-agent"].startswith("otel-judge/")
    if protocol == "http/protobuf":
        assert request.headers["content-encoding"] == "gzip"


async def test_a_secret_header_is_in_no_log_and_no_repr(
    backend: Backend, protocol: Protocol, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "s3cr3t-token"
    to = destination(backend, protocol, headers={"authorization": secret})
    backend.fail(Fault.permanent())
    transport = open_transport("traces", to)
    outcome = await transport.send(b"")
    await transport.close()
    assert backend.requests[0].headers["authorization"] == secret
    assert secret not in caplog.text + repr(to) + repr(outcome) + repr(transport)


class ExportStatus(grpc.GenericRpcHandler):
    """Answers every call with one status, and with RetryInfo in the trailer that the SDK for Python reads."""

    def __init__(self, code: grpc.StatusCode, delay_s: float | None) -> None:
        self.code, self.delay_s = code, delay_s

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        def answer(_: bytes, context: grpc.ServicerContext) -> bytes:
            if self.delay_s is not None:
                info = RetryInfo(retry_delay=timedelta(seconds=self.delay_s)).SerializeToString()
                context.set_trailing_metadata((("google.rpc.retryinfo-bin", info),))
            context.abort(self.code, "so")

        return grpc.unary_unary_rpc_method_handler(answer)


async def grpc_outcome(code: grpc.StatusCode, delay_s: float | None = None) -> Outcome:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((ExportStatus(code, delay_s),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    transport = open_transport("traces", Destination(f"http://127.0.0.1:{port}"))
    try:
        return await transport.send(b"")
    finally:
        await transport.close()
        await server.stop(None)


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
async def test_each_grpc_code_means_what_the_specification_says(code: grpc.StatusCode) -> None:
    retryable = {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}
    outcome = await grpc_outcome(code)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        assert isinstance(outcome, Unsupported)
    else:
        assert isinstance(outcome, Retry if code.name in retryable else Permanent)


async def test_a_delay_in_the_trailer_of_its_own_is_read_too() -> None:
    outcome = await grpc_outcome(grpc.StatusCode.RESOURCE_EXHAUSTED, 1.5)
    assert outcome == Retry(1.5, "RESOURCE_EXHAUSTED: so")


async def http_outcome(head: str, body: str = "") -> Outcome:
    """What one raw response means."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {head}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        transport = HttpTransport("traces", Destination(f"http://127.0.0.1:{port}/v1/traces", "http/protobuf"))
        try:
            return await transport.send(b"")
        finally:
            await transport.close()


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("200 OK", Accepted),
        ("200 OK\r\ncontent-type: application/json", Accepted),
        ("202 Accepted\r\ncontent-type: application/x-protobuf", Accepted),
        ("301 Moved\r\nlocation: /elsewhere", Permanent),
        ("400 Bad Request", Permanent),
        ("401 Unauthorized", Permanent),
        ("404 Not Found", Unsupported),
        ("413 Too Large", Permanent),
        ("429 Slow Down", Retry),
        ("500 Oops", Permanent),
        ("502 Bad Gateway", Retry),
        ("503 Unavailable", Retry),
        ("504 Timeout", Retry),
    ],
)
async def test_each_http_status_means_what_the_specification_says(head: str, kind: type[Outcome]) -> None:
    assert isinstance(await http_outcome(head, body="{}"), kind)


async def test_retry_after_may_be_a_date_and_what_cannot_be_read_is_no_delay() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    outcome = await http_outcome(f"503 Later\r\nretry-after: {date}")
    assert isinstance(outcome, Retry)
    assert outcome.after_s is not None
    assert 50 < outcome.after_s <= 60
    assert await http_outcome("503 Later\r\nretry-after: soon") == Retry(None, "HTTP 503: Later")


async def test_an_instrumented_app_does_not_see_our_requests(backend: Backend) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        assert await send(backend, "http/protobuf") == Accepted()
        assert spans.get_finished_spans() == ()
        async with httpx.AsyncClient() as app:
            await app.post(f"{backend.http_endpoint}/v1/traces")
        assert len(spans.get_finished_spans()) == 1, "the app's own requests are seen"
    finally:
        instrumentor.uninstrument()
    assert "traceparent" not in backend.requests[0].headers
