import asyncio
import gzip
import logging
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_judge.config_receivers import HttpReceiver
from otel_judge.errors import ConfigError, Overloaded
from otel_judge.otlp_json import encode_traces
from otel_judge.receive import Intake
from otel_judge.receive.http import CONFIG_KEY, HttpServer
from otel_judge.testing.traces import TraceBuilder

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


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


@asynccontextmanager
async def serving(taken: Taken, **config) -> AsyncIterator[httpx.AsyncClient]:
    server = HttpServer(HttpReceiver(endpoint="127.0.0.1:0", **config), taken, refused=taken.refuse)
    endpoint = await server.start()
    assert endpoint == server.endpoint
    try:
        async with httpx.AsyncClient(base_url=f"http://{endpoint}", trust_env=False) as client:
            yield client
    finally:
        await server.stop(1.0)


async def post(
    client: httpx.AsyncClient, body: bytes, content_type: str | None = PROTOBUF, **headers: str
) -> httpx.Response:
    if content_type is not None:
        headers["content-type"] = content_type
    return await client.post("/v1/traces", content=body, headers=headers)


def error_in(response: httpx.Response) -> tuple[int, str]:
    """Code and message of a `google.rpc.Status` body, in whichever of the two encodings it says it has."""
    if response.headers["content-type"] == JSON:
        return response.json()["code"], response.json()["message"]
    assert response.headers["content-type"] == PROTOBUF
    status = Status.FromString(response.content)
    return status.code, status.message


def some_request() -> ExportTraceServiceRequest:
    build = TraceBuilder(service="shop")
    root = build.agent("shop", user="Where is my order?", answer="On its way.", end=2.0)
    build.tool("find_order", parent=root, arguments={"id": 7}, result={"ok": True})
    return build.request()


def as_json(request: ExportTraceServiceRequest) -> bytes:
    return encode_traces(TracesData.FromString(request.SerializeToString()))


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
async def test_a_real_sdk_exports_to_it(compression: Compression):
    taken = Taken()
    async with serving(taken) as client:

        def run_app() -> None:
            provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
            exporter = OTLPSpanExporter(endpoint=f"{client.base_url}/v1/traces", compression=compression)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            with provider.get_tracer("app").start_as_current_span("outer"):
                pass
            provider.shutdown()

        await asyncio.to_thread(run_app)

    (fragment,) = taken.intakes[0].fragments.values()
    assert fragment.ended_root
    assert taken.refused == []


@pytest.mark.parametrize("packed", [False, True], ids=["identity", "gzip"])
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON, f"{JSON}; charset=utf-8", "Application/X-Protobuf;v=1"])
async def test_both_encodings_bring_the_same_spans(content_type: str, packed: bool):
    request = some_request()
    body = as_json(request) if "json" in content_type else request.SerializeToString()
    taken = Taken()
    async with serving(taken) as client:
        headers = {"content-encoding": "gzip"} if packed else {}
        response = await post(client, gzip.compress(body) if packed else body, content_type, **headers)

    assert response.status_code == 200
    assert response.headers["content-type"] == content_type.partition(";")[0].lower()
    assert response.content == (b"{}" if "json" in content_type else b"")
    expected = [span.SerializeToString() for span in request.resource_spans[0].scope_spans[0].spans]
    assert [data for f in taken.intakes[0].fragments.values() for _, block in f.blocks for data in block] == expected


@pytest.mark.parametrize(("content_type", "body"), [(PROTOBUF, b""), (JSON, b"{}")])
async def test_an_empty_request_succeeds(content_type: str, body: bytes):
    async with serving(Taken()) as client:
        assert (await post(client, body, content_type)).status_code == 200


async def test_rejected_spans_are_a_partial_success_in_both_encodings():
    request = some_request()
    request.resource_spans[0].scope_spans[0].spans.add(name="no ids")
    taken = Taken()
    async with serving(taken) as client:
        binary = await post(client, request.SerializeToString())
        text = await post(client, as_json(request), JSON)

    partial = ExportTraceServiceResponse.FromString(binary.content).partial_success
    assert partial.rejected_spans == 1
    assert text.json() == {"partialSuccess": {"rejectedSpans": "1", "errorMessage": partial.error_message}}
    assert binary.status_code == text.status_code == 200
    assert taken.refused == [(1, "invalid"), (1, "invalid")]


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        (PROTOBUF, b"\xff\xff", "the body is not a protobuf ExportTraceServiceRequest"),
        (JSON, b"{", "not JSON: "),
        (JSON, b'{"resourceSpans": [7]}', "resourceSpans[0]: not an object"),
    ],
)
async def test_a_malformed_body_is_a_bad_request_in_its_own_encoding(content_type: str, body: bytes, message: str):
    taken = Taken()
    async with serving(taken) as client:
        response = await post(client, body, content_type)

    code, said = error_in(response)
    assert (response.status_code, response.headers["content-type"], code) == (400, content_type, 3)
    assert said.startswith(message)
    assert taken.refused == [(0, "malformed")]


@pytest.mark.parametrize("body", [b"", b"plain", gzip.compress(b"cut off")[:-3], gzip.compress(b"x") + b"more"])
async def test_broken_gzip_is_a_bad_request(body: bytes):
    taken = Taken()
    async with serving(taken) as client:
        response = await post(client, body, **{"content-encoding": "gzip"})

    assert response.status_code == 400
    assert "gzip" in error_in(response)[1]
    assert taken.refused == [(0, "malformed")]


async def test_several_gzip_members_are_one_body():
    body = some_request().SerializeToString()
    taken = Taken()
    async with serving(taken) as client:
        packed = gzip.compress(body[:50]) + gzip.compress(body[50:])
        assert (await post(client, packed, **{"content-encoding": "gzip"})).status_code == 200

    assert taken.intakes[0].accepted == 2


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_body_past_the_limit_is_too_large_and_the_connection_goes_on(encoding: str):
    taken = Taken()
    body = bytes(300_000)
    async with serving(taken, max_request_body_size=100_000) as client:
        packed = gzip.compress(body) if encoding == "gzip" else body
        response = await post(client, packed, **{"content-encoding": encoding})
        assert (await post(client, b"")).status_code == 200

    assert response.status_code == 413
    code, message = error_in(response)
    assert code == 8
    assert "100000 bytes" in message
    assert "retry-after" not in response.headers
    assert taken.refused == [(0, "too_large")]


async def test_a_chunked_body_without_length_is_held_to_the_limit():
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield bytes(10_000)

    async with serving(Taken(), max_request_body_size=100_000) as client:
        response = await client.post("/v1/traces", content=endless(), headers={"content-type": PROTOBUF})

    assert response.status_code == 413


async def test_a_full_service_says_when_to_come_back():
    taken = Taken(Overloaded("512.0 MiB are buffered", retry_after_s=2.4))
    async with serving(taken) as client:
        response = await post(client, some_request().SerializeToString())

    assert response.status_code == 503
    assert response.headers["retry-after"] == "3"
    assert error_in(response) == (14, "512.0 MiB are buffered")
    assert taken.refused == [(2, "overloaded")]


async def test_the_sdk_waits_as_long_as_it_is_told(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING)
    taken = Taken(Overloaded("full", retry_after_s=2.0))
    async with serving(taken) as client:

        def run_app() -> None:
            provider = TracerProvider(shutdown_on_exit=False)
            exporter = OTLPSpanExporter(endpoint=f"{client.base_url}/v1/traces", timeout=30)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            provider.get_tracer("app").start_span("only").end()
            provider.shutdown()

        await asyncio.to_thread(run_app)

    assert taken.refused == [(1, "overloaded")]
    assert len(taken.intakes) == 1
    assert "retrying in 2.00s" in caplog.text  # by itself it would first wait 1 s, give or take 20 %


async def test_an_unexpected_failure_tells_the_client_nothing_of_the_inside(caplog: pytest.LogCaptureFixture):
    taken = Taken(KeyError("secret"))
    async with serving(taken) as client:
        response = await post(client, as_json(some_request()), JSON)

    assert response.status_code == 500
    assert response.json() == {"code": 13, "message": "internal error"}
    assert taken.refused == [(2, "internal")]
    assert "an OTLP/HTTP request failed" in caplog.text


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/xml"])
async def test_another_content_type_is_unsupported(content_type: str | None):
    async with serving(Taken()) as client:
        response = await post(client, b"", content_type)

    assert response.status_code == 415
    assert error_in(response) == (3, f"the Content-Type must be {PROTOBUF} or {JSON}")


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
async def test_another_compression_is_unsupported(encoding: str):
    async with serving(Taken()) as client:
        response = await post(client, b"x", JSON, **{"content-encoding": encoding})

    assert response.status_code == 415
    assert response.json()["message"] == "the Content-Encoding must be gzip or identity"


async def test_other_methods_and_paths_are_refused_with_the_right_path():
    async with serving(Taken()) as client:
        wrong_method = await client.get("/v1/traces")
        wrong_path = await client.post("/v1/trace", content=b"", headers={"content-type": PROTOBUF})
        slash = await client.post("/v1/traces/", content=b"", headers={"content-type": JSON})

    assert wrong_method.status_code == 405
    assert wrong_method.headers["allow"] == "POST"
    assert wrong_path.status_code == slash.status_code == 404
    for response in (wrong_method, wrong_path, slash):
        assert error_in(response)[1] == "POST OTLP to /v1/traces"


async def test_a_client_that_leaves_in_the_middle_is_no_failure(caplog: pytest.LogCaptureFixture):
    taken = Taken()
    async with serving(taken) as client:
        host, port = client.base_url.host, client.base_url.port
        _, writer = await asyncio.open_connection(host, port)
        head = b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n"
        writer.write(head + b"{")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert (await post(client, b"")).status_code == 200

    assert taken.refused == []
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_it_leaves_signals_and_logging_alone():
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    root_handlers = list(logging.getLogger().handlers)
    async with serving(Taken()):
        assert {number: signal.getsignal(number) for number in handlers} == handlers
        assert logging.getLogger().handlers == root_handlers
        assert logging.getLogger("uvicorn").handlers == []


async def test_a_port_in_use_is_an_error_that_names_the_key():
    with socket.create_server(("127.0.0.1", 0)) as other:
        endpoint = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ConfigError) as caught:
            await HttpServer(HttpReceiver(endpoint=endpoint), Taken()).start()

    assert (
        str(caught.value)
        == f"{CONFIG_KEY}.endpoint: {endpoint} is in use; stop what listens there, or choose another port"
    )


async def test_localhost_is_every_address_of_that_name():
    server = HttpServer(HttpReceiver(endpoint="localhost:0"), Taken())
    endpoint = await server.start()
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            for _, _, _, _, (host, *_) in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM):
                address = f"[{host}]" if ":" in str(host) else host
                url = f"http://{address}:{endpoint.rpartition(':')[2]}/v1/traces"
                assert (await client.post(url, headers={"content-type": JSON}, content=b"{}")).status_code == 200
    finally:
        await server.stop(1.0)
