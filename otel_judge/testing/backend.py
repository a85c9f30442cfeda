"""An OTLP backend in memory, over real sockets: for tests of what is sent, and of what happens when it is refused.

    with Backend() as backend:
        backend.fail(Fault.unavailable(), times=2)
        ...  # send to backend.endpoint (gRPC) or backend.http_endpoint (HTTP/protobuf)
        backend.wait_for(lambda: len(backend.spans()) == 3, timeout_s=5)

It serves from threads of its own, so it works beside any event loop; there, wait with
`await asyncio.to_thread(backend.wait_for, ...)`.
"""

from __future__ import annotations

import gzip
import socket
import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar, cast

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
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ..trace import Attributes, decode_attributes

Signal: TypeAlias = Literal["traces", "logs", "metrics"]
SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")
RecordT = TypeVar("RecordT", Span, LogRecord, Metric)


class Received(NamedTuple, Generic[RecordT]):
    """A span, log record or metric that the backend keeps, with what it came under."""

    record: RecordT
    resource: Attributes
    scope: str

    @property
    def attributes(self) -> Attributes:
        """The record's own; none for a metric, whose points have them."""
        return {} if isinstance(self.record, Metric) else decode_attributes(self.record.attributes)


class Request(NamedTuple):
    """One request as it came."""

    signal: Signal
    transport: Literal["grpc", "http"]
    body: bytes
    """Decompressed."""
    headers: Mapping[str, str]
    kept: bool
    """False for one that a fault refused."""


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


class Backend:
    """See the module. `signals` are those that it implements: Jaeger, for one, has only traces."""

    def __init__(self, *, signals: Collection[Signal] = SIGNALS) -> None:
        self.signals = frozenset(signals)
        self.requests: list[Request] = []
        """Every request in the order in which it came, refused ones included."""
        self._records: dict[Signal, list[Received[Any]]] = {signal: [] for signal in SIGNALS}
        self._faults: list[tuple[Signal | None, Fault]] = []
        self._changed = Condition()
        self.going_down = Event()
        self._ports = {"grpc": 0, "http": 0}
        self._servers: tuple[grpc.Server, ThreadingHTTPServer, Thread] | None = None

    def __enter__(self) -> Backend:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    @property
    def endpoint(self) -> str:
        """`host:port` of OTLP/gRPC."""
        return f"127.0.0.1:{self._ports['grpc']}"

    @property
    def http_endpoint(self) -> str:
        """URL of OTLP/HTTP, without a path."""
        return f"http://127.0.0.1:{self._ports['http']}"

    def up(self) -> None:
        """Starts to listen; after `down`, on the same ports."""
        self.going_down.clear()
        rpc = grpc.server(ThreadPoolExecutor(8, "backend-grpc"), options=[("grpc.so_reuseport", 0)])
        rpc.add_generic_rpc_handlers((_GrpcHandler(self),))
        self._ports["grpc"] = rpc.add_insecure_port(self.endpoint)
        http = _HttpServer(("127.0.0.1", self._ports["http"]), self)
        self._ports["http"] = http.server_address[1]
        rpc.start()
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, name="backend-http", daemon=True)
        thread.start()
        self._servers = rpc, http, thread

    def down(self) -> None:
        """Closes the ports and cuts off what is under way. What was kept stays readable."""
        if self._servers is None:
            return
        self.going_down.set()
        (rpc, http, thread), self._servers = self._servers, None
        http.shutdown()
        http.server_close()
        rpc.stop(grace=0).wait()
        thread.join()

    def fail(self, fault: Fault, *, times: int = 1, signal: Signal | None = None) -> None:
        """Answers the next `times` requests (of `signal`, or of any) with `fault`, after the faults already set."""
        with self._changed:
            self._faults.extend((signal, fault) for _ in range(times))

    def heal(self) -> None:
        """Forgets the faults that no request has met yet."""
        with self._changed:
            self._faults.clear()

    def spans(self) -> list[Received[Span]]:
        return self._kept("traces")

    def logs(self) -> list[Received[LogRecord]]:
        return self._kept("logs")

    def metrics(self) -> list[Received[Metric]]:
        """Metrics of all pushes, in order: a cumulative counter comes once with each."""
        return self._kept("metrics")

    def wait_for(self, predicate: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Returns as soon as `predicate` holds, asked after each request. Raises `TimeoutError`."""
        with self._changed:
            if not self._changed.wait_for(predicate, timeout_s):
                raise TimeoutError(f"not seen within {timeout_s} s; {len(self.requests)} requests came")

    def take(
        self, signal: Signal, transport: Literal["grpc", "http"], body: bytes, headers: Mapping[str, str]
    ) -> Fault | None:
        """Takes in one request; returns the fault to answer it with, if one was set."""
        with self._changed:
            fault = self._next_fault(signal)
            kept = fault is None or fault.http_status == 200
            self.requests.append(Request(signal, transport, body, headers, kept))
            if kept:
                records = list(_records(signal, body))
                self._records[signal].extend(records[: len(records) - fault.rejected] if fault else records)
            self._changed.notify_all()
            return fault

    def _next_fault(self, signal: Signal) -> Fault | None:
        if signal not in self.signals:
            return Fault.unimplemented()
        for index, (only, fault) in enumerate(self._faults):
            if only in (None, signal):
                del self._faults[index]
                return fault
        return None

    def _kept(self, signal: Signal) -> list[Received[Any]]:
        with self._changed:
            return list(self._records[signal])


class _Shape(NamedTuple):
    """One signal's messages: its service, and where a request holds resources, scopes and records."""

    service: str
    request: type[Message]
    response: type[Message]
    fields: tuple[str, str, str]
    rejected: str


_SHAPES: Mapping[Signal, _Shape] = {
    "traces": _Shape(
        "trace.v1.TraceService",
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
        ("resource_spans", "scope_spans", "spans"),
        "rejected_spans",
    ),
    "logs": _Shape(
        "logs.v1.LogsService",
        ExportLogsServiceRequest,
        ExportLogsServiceResponse,
        ("resource_logs", "scope_logs", "log_records"),
        "rejected_log_records",
    ),
    "metrics": _Shape(
        "metrics.v1.MetricsService",
        ExportMetricsServiceRequest,
        ExportMetricsServiceResponse,
        ("resource_metrics", "scope_metrics", "metrics"),
        "rejected_data_points",
    ),
}


def _records(signal: Signal, body: bytes) -> Iterator[Received[Any]]:
    shape = _SHAPES[signal]
    by_resource, by_scope, records = shape.fields
    for group in getattr(shape.request.FromString(body), by_resource):
        resource = decode_attributes(group.resource.attributes)
        for scoped in getattr(group, by_scope):
            yield from (Received(record, resource, scoped.scope.name) for record in getattr(scoped, records))


def _success(signal: Signal, fault: Fault | None) -> bytes:
    if fault is None:
        return b""
    shape = _SHAPES[signal]
    partial = {shape.rejected: fault.rejected, "error_message": fault.message}
    return shape.response(partial_success=partial).SerializeToString()


class _GrpcHandler(grpc.GenericRpcHandler):
    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        path = handler_call_details.method
        for signal, shape in _SHAPES.items():
            if path == f"/opentelemetry.proto.collector.{shape.service}/Export":
                return grpc.unary_unary_rpc_method_handler(partial(self._export, signal))
        return None

    def _export(self, signal: Signal, body: bytes, context: grpc.ServicerContext) -> bytes:
        headers = {key: str(value) for key, value in context.invocation_metadata()}
        fault = self._backend.take(signal, "grpc", body, headers)
        if fault is None or fault.http_status == 200:
            return _success(signal, fault)
        if fault.hangs:
            self._backend.going_down.wait()
        if fault.retry_after_s is not None:
            detail = AnyMessage()
            detail.Pack(RetryInfo(retry_delay=timedelta(seconds=fault.retry_after_s)))
            status = Status(code=fault.grpc_code.value[0], message=fault.message, details=[detail])
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        return context.abort(fault.grpc_code, fault.message)


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], backend: Backend) -> None:
        self.backend = backend
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
        backend = cast("_HttpServer", self.server).backend
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers["content-encoding"] == "gzip":
            body = gzip.decompress(body)
        for signal in SIGNALS:
            if self.path == f"/v1/{signal}":
                headers = {key.lower(): value for key, value in self.headers.items()}
                return self._answer(signal, backend, backend.take(signal, "http", body, headers))
        return self._respond(404, Status(message=f"no such path: {self.path}").SerializeToString())

    def _answer(self, signal: Signal, backend: Backend, fault: Fault | None) -> None:
        if fault is None or fault.http_status == 200:
            self._respond(200, _success(signal, fault))
        elif fault.http_status is not None:
            status = Status(message=fault.message).SerializeToString()
            self._respond(fault.http_status, status, fault.retry_after_s)
        else:
            if fault.hangs:
                backend.going_down.wait()
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
