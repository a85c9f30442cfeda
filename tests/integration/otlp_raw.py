"""Both receivers with sinks that keep what comes, and clients that say exactly what goes over the wire."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple

import orjson
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from otel_judge.config_receivers import GrpcReceiver, HttpReceiver, Tenants
from otel_judge.otlp_json import encode_message
from otel_judge.receive import Intake, LogAcceptor, LogIntake
from otel_judge.receive.grpc import LOGS_SERVICE, TRACE_SERVICE, GrpcServer
from otel_judge.receive.http import HttpServer
from otel_judge.testing.traces import TraceBuilder

PROTOBUF, JSON = "application/x-protobuf", "application/json"
SIGNALS = ("traces", "logs")
PATHS = {"traces": "/v1/traces", "logs": "/v1/logs"}
METHODS = {"traces": f"/{TRACE_SERVICE}/Export", "logs": f"/{LOGS_SERVICE}/Export"}
RESPONSES: dict[str, type[Message]] = {"traces": ExportTraceServiceResponse, "logs": ExportLogsServiceResponse}
TRACE_ID = bytes(range(1, 17))


class Taken:
    """Sinks that keep what they were given, after raising what they were told to raise."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.intakes: list[Intake | LogIntake] = []
        self.refused: list[tuple[int, str]] = []

    def __call__(self, intake: Intake | LogIntake) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.intakes.append(intake)

    def refuse(self, count: int, reason: str) -> None:
        self.refused.append((count, reason))

    @property
    def accepted(self) -> int:
        return sum(intake.accepted for intake in self.intakes)

    @property
    def tenants(self) -> list[str | None]:
        return [intake.tenant for intake in self.intakes]


def over_http(taken: Taken, *, tenants: Tenants | None = None, **config: object) -> AbstractAsyncContextManager[str]:
    """The endpoint of an HTTP receiver."""
    receiver = HttpReceiver.model_validate({"endpoint": "127.0.0.1:0", **config})
    logs = LogAcceptor(taken, refused=taken.refuse)
    return _endpoint_of(HttpServer(receiver, taken, refused=taken.refuse, logs=logs, tenants=tenants))


def over_grpc(taken: Taken, *, tenants: Tenants | None = None, **config: object) -> AbstractAsyncContextManager[str]:
    """The endpoint of a gRPC receiver."""
    receiver = GrpcReceiver.model_validate({"endpoint": "127.0.0.1:0", **config})
    logs = LogAcceptor(taken, refused=taken.refuse)
    return _endpoint_of(GrpcServer(receiver, taken, refused=taken.refuse, logs=logs, tenants=tenants))


@asynccontextmanager
async def _endpoint_of(server: HttpServer | GrpcServer) -> AsyncIterator[str]:
    endpoint = await server.start()
    try:
        yield endpoint
    finally:
        await server.stop(1.0)


def a_request(signal: str) -> Message:
    """Two spans, or two log records about a span."""
    if signal == "traces":
        build = TraceBuilder(service="shop")
        root = build.agent("shop", user="Where is my order?", answer="On its way.", end=2.0)
        build.tool("find_order", parent=root, arguments={"id": 7}, result={"ok": True})
        return build.request()
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for number in (1, 2):
        record = records.add(event_name="gen_ai.choice", trace_id=TRACE_ID, span_id=bytes([number] * 8))
        record.body.kvlist_value.values.add(key="message").value.string_value = "On its way."
    return request


def records_of(request: Message) -> list[Message]:
    """The spans or log records of a request of `a_request`."""
    if isinstance(request, ExportTraceServiceRequest):
        return request.resource_spans[0].scope_spans[0].spans
    assert isinstance(request, ExportLogsServiceRequest)
    return request.resource_logs[0].scope_logs[0].log_records


def encode(request: Message, media_type: str) -> bytes:
    return encode_message(request) if media_type == JSON else request.SerializeToString()


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def error(self) -> Status:
        """The `google.rpc.Status` in it, in whichever of the two encodings it says that it has."""
        status = Status()
        if self.headers["content-type"] == PROTOBUF:
            status.ParseFromString(self.body)
        else:
            assert self.headers["content-type"] == JSON
            said = orjson.loads(self.body)
            status = Status(code=said["code"], message=said["message"])
        return status


class RawHttp:
    """One connection. Says what it is told to say, well-formed or not."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @asynccontextmanager
    async def to(cls, endpoint: str, context: ssl.SSLContext | None = None) -> AsyncIterator[RawHttp]:
        host, _, port = endpoint.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def send(self, path: str, body: bytes = b"", *, method: str = "POST", sized: bool = True, **headers: str) -> None:
        """A request; `_` in the name of a header stands for `-`."""
        lines = [f"{method} {path} HTTP/1.1", "host: x"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if sized:
            lines.append(f"content-length: {len(body)}")
        self.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def reply(self) -> Reply:
        async with asyncio.timeout(20):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Reply(int(head[0].split()[1]), headers, body)

    async def ask(self, path: str, body: bytes = b"", **options: str) -> Reply:
        self.send(path, body, **options)
        return await self.reply()

    async def closed(self, within_s: float = 20.0) -> bool:
        """Whether the other side closes the connection, with nothing more said."""
        try:
            async with asyncio.timeout(within_s):
                return await self._reader.read(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False


async def http(endpoint: str, path: str, body: bytes = b"", **options: str) -> Reply:
    async with RawHttp.to(endpoint) as connection:
        return await connection.ask(path, body, **options)
