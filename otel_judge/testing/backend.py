"""An OTLP backend in memory, over real sockets: for tests of what is sent, and of what happens when it is refused.

    with Backend() as backend:
        backend.fail(Fault.unavailable(), times=2)
        ...  # send to backend.endpoint (gRPC) or backend.http_endpoint (HTTP/protobuf)
        backend.wait_for(lambda: len(backend.spans()) == 3, timeout_s=5)

It serves from threads of its own, so it works beside any event loop; there, wait with
`await asyncio.to_thread(backend.wait_for, ...)`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Condition, Event, Thread
from typing import Any, Generic, NamedTuple, TypeVar

import grpc
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ..attributes import Attributes, decode_attributes
from .servers import SHAPES, SIGNALS, Fault, GrpcHandler, HttpServer, Signal, Wire

__all__ = ["Backend", "Fault", "Received", "Request", "SIGNALS", "Signal"]

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
    transport: Wire
    body: bytes
    """Decompressed."""
    headers: Mapping[str, str]
    kept: bool
    """False for one that a fault refused."""


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
        self._servers: tuple[grpc.Server, ThreadPoolExecutor, HttpServer, Thread] | None = None

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
        threads = ThreadPoolExecutor(8, "backend-grpc")
        rpc = grpc.server(threads, options=[("grpc.so_reuseport", 0)])
        rpc.add_generic_rpc_handlers((GrpcHandler(self),))
        self._ports["grpc"] = rpc.add_insecure_port(self.endpoint)
        http = HttpServer(("127.0.0.1", self._ports["http"]), self)
        self._ports["http"] = http.server_address[1]
        rpc.start()
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, name="backend-http", daemon=True)
        thread.start()
        self._servers = rpc, threads, http, thread

    def down(self) -> None:
        """Closes the ports and cuts off what is under way. What was kept stays readable."""
        if self._servers is None:
            return
        self.going_down.set()
        (rpc, threads, http, thread), self._servers = self._servers, None
        http.shutdown()
        http.server_close()
        rpc.stop(grace=0).wait()
        threads.shutdown()
        thread.join()

    def fail(self, fault: Fault, *, times: int = 1, signal: Signal | None = None) -> None:
        """Answers the next `times` requests (of `signal`, or of any) with `fault`, after the faults already set."""
        with self._changed:
            self._faults.extend((signal, fault) for _ in range(times))

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

    def take(self, signal: Signal, wire: Wire, body: bytes, headers: Mapping[str, str]) -> Fault | None:
        """Takes in one request; returns the fault to answer it with, if one was set."""
        with self._changed:
            fault = self._next_fault(signal)
            kept = fault is None or fault.http_status == 200
            self.requests.append(Request(signal, wire, body, headers, kept))
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


def _records(signal: Signal, body: bytes) -> Iterator[Received[Any]]:
    shape = SHAPES[signal]
    by_resource, by_scope, records = shape.fields
    for group in getattr(shape.request.FromString(body), by_resource):
        resource = decode_attributes(group.resource.attributes)
        for scoped in getattr(group, by_scope):
            yield from (Received(record, resource, scoped.scope.name) for record in getattr(scoped, records))
