"""The two sockets of the in-memory backend: OTLP/gRPC and OTLP/HTTP, each answering what it is told to."""

from __future__ import annotations

import gzip
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias, cast

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

Signal: TypeAlias = Literal["traces", "logs", "metrics"]
SIGNALS: Final[tuple[Signal, ...]] = ("traces", "logs", "metrics")
Wire: TypeAlias = Literal["grpc", "http"]


@dataclass(frozen=True)
class Fault:
    """What a request is answered with instead of success, over either protocol.

    `retry_after_s` goes out as gRPC's RetryInfo or as HTTP's Retry-After (whole seconds).
    """

    grpc_code: grpc.StatusCode
    http_status: int | None
    """None: the connection is reset."""
    message: str = ""
    retry_after_s: float | None = None
    rejected: int = 0
    hangs: bool = False

    @classmethod
    def unavailable(cls, retry_after_s: float | None = None) -> Fault:
        return cls(grpc.StatusCode.UNAVAILABLE, 503, "no room", retry_after_s)

    @classmethod
    def throttled(cls, retry_after_s: float | None = None) -> Fault:
        return cls(grpc.StatusCode.RESOURCE_EXHAUSTED, 429, "too much", retry_after_s)

    @classmethod
    def permanent(cls, message: str = "bad data") -> Fault:
        return cls(grpc.StatusCode.INVALID_ARGUMENT, 400, message)

    @classmethod
    def unimplemented(cls) -> Fault:
        return cls(grpc.StatusCode.UNIMPLEMENTED, 404, "unknown service")

    @classmethod
    def partial(cls, rejected: int, message: str = "") -> Fault:
        """Success for all but the last `rejected` records of the request."""
        return cls(grpc.StatusCode.OK, 200, message, rejected=rejected)

    @classmethod
    def reset(cls) -> Fault:
        """Over gRPC this is UNAVAILABLE, as a client sees a connection that is gone."""
        return cls(grpc.StatusCode.UNAVAILABLE, None, "connection reset by peer")

    @classmethod
    def hang(cls) -> Fault:
        """No answer until the client gives up or the backend goes down."""
        return cls(grpc.StatusCode.UNAVAILABLE, None, "going down", hangs=True)


class Taker(Protocol):
    """Who gets the requests."""

    going_down: Event

    def take(self, signal: Signal, wire: Wire, body: bytes, headers: Mapping[str, str]) -> Fault | None:
        """Takes in one request; returns the fault to answer it with, if any."""
        ...


class Shape(NamedTuple):
    """One signal's messages: its service, and where a request holds resources, scopes and records."""

    service: str
    request: type[Message]
    response: type[Message]
    fields: tuple[str, str, str]
    rejected: str


SHAPES: Final[Mapping[Signal, Shape]] = {
    "traces": Shape(
        "trace.v1.TraceService",
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
        ("resource_spans", "scope_spans", "spans"),
        "rejected_spans",
    ),
    "logs": Shape(
        "logs.v1.LogsService",
        ExportLogsServiceRequest,
        ExportLogsServiceResponse,
        ("resource_logs", "scope_logs", "log_records"),
        "rejected_log_records",
    ),
    "metrics": Shape(
        "metrics.v1.MetricsService",
        ExportMetricsServiceRequest,
        ExportMetricsServiceResponse,
        ("resource_metrics", "scope_metrics", "metrics"),
        "rejected_data_points",
    ),
}


def _success(signal: Signal, fault: Fault | None) -> bytes:
    if fault is None:
        return b""
    shape = SHAPES[signal]
    partial = {shape.rejected: fault.rejected, "error_message": fault.message}
    return shape.response(partial_success=partial).SerializeToString()


class GrpcHandler(grpc.GenericRpcHandler):
    def __init__(self, taker: Taker) -> None:
        self._taker = taker

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        path = handler_call_details.method
        for signal, shape in SHAPES.items():
            if path == f"/opentelemetry.proto.collector.{shape.service}/Export":
                return grpc.unary_unary_rpc_method_handler(partial(self._export, signal))
        return None

    def _export(self, signal: Signal, body: bytes, context: grpc.ServicerContext) -> bytes:
        headers = {key: str(value) for key, value in context.invocation_metadata()}
        fault = self._taker.take(signal, "grpc", body, headers)
        if fault is None or fault.http_status == 200:
            return _success(signal, fault)
        if fault.hangs:
            self._taker.going_down.wait()
        if fault.retry_after_s is not None:
            detail = AnyMessage()
            detail.Pack(RetryInfo(retry_delay=timedelta(seconds=fault.retry_after_s)))
            status = Status(code=fault.grpc_code.value[0], message=fault.message, details=[detail])
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        return context.abort(fault.grpc_code, fault.message)


class HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], taker: Taker) -> None:
        self.taker = taker
        self._connections: set[socket.socket] = set()
        super().__init__(address, _HttpHandler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        for connection in tuple(self._connections):  # kept alive, their threads wait for the next request
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone away is nothing to report."""


class _HttpHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        taker = cast("HttpServer", self.server).taker
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers["content-encoding"] == "gzip":
            body = gzip.decompress(body)
        for signal in SIGNALS:
            if self.path == f"/v1/{signal}":
                headers = {key.lower(): value for key, value in self.headers.items()}
                return self._answer(signal, taker, taker.take(signal, "http", body, headers))
        return self._respond(404, Status(message=f"no such path: {self.path}").SerializeToString())

    def _answer(self, signal: Signal, taker: Taker, fault: Fault | None) -> None:
        if fault is None or fault.http_status == 200:
            self._respond(200, _success(signal, fault))
        elif fault.http_status is not None:
            status = Status(message=fault.message).SerializeToString()
            self._respond(fault.http_status, status, fault.retry_after_s)
        else:
            if fault.hangs:
                taker.going_down.wait()
            # Lingering for zero seconds makes the close a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

    def _respond(self, status: int, body: bytes, retry_after_s: float | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        if retry_after_s is not None:
            self.send_header("retry-after", str(round(retry_after_s)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Nothing: the requests are in `Backend.requests`."""
