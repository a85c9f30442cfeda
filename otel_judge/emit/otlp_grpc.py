"""OTLP over gRPC, on the running event loop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.instrumentation.utils import suppress_instrumentation

from .outbox import Signal
from .transport import USER_AGENT, Destination, Outcome, Permanent, Retry, Unsupported, read_success, shorten

_METHODS: Final[Mapping[Signal, str]] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_OPTIONS: Final = (
    ("grpc.primary_user_agent", USER_AGENT),
    # Our own backoff decides when to try; gRPC's would keep a backend that is back waiting for up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


class GrpcTransport:
    """A `Transport` on one channel. Channels to one destination share their connection."""

    def __init__(self, signal: Signal, destination: Destination) -> None:
        self._signal: Signal = signal
        self._timeout_s = destination.timeout_s
        self._headers = {key.lower(): value for key, value in destination.headers.items()}
        self._tenant_header = (destination.tenant_header or "").lower()
        compression = grpc.Compression.Gzip if destination.compression == "gzip" else None
        if destination.secure:
            roots = Path(destination.ca_file).read_bytes() if destination.ca_file else None
            credentials = grpc.ssl_channel_credentials(roots)
            self._channel = grpc.aio.secure_channel(destination.host_port, credentials, _OPTIONS, compression)
        else:
            self._channel = grpc.aio.insecure_channel(destination.host_port, _OPTIONS, compression)
        self._export: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(_METHODS[signal])

    async def send(self, request: bytes, tenant: str | None = None) -> Outcome:
        own = {self._tenant_header: tenant} if tenant is not None and self._tenant_header else {}
        metadata = tuple({**self._headers, **own}.items())
        try:
            with suppress_instrumentation():  # an app that instruments gRPC must not see us as its own
                answer = await self._export(request, timeout=self._timeout_s, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            return _read_error(error)
        return read_success(self._signal, answer)

    async def close(self) -> None:
        await self._channel.close()


def _read_error(error: grpc.aio.AioRpcError) -> Outcome:
    code = error.code()
    why = shorten(f"{code.name}: {error.details() or 'no details'}")
    after_s = _retry_delay_s(error)
    if code in _RETRYABLE or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and after_s is not None):
        return Retry(after_s, why)
    return Unsupported(why) if code is grpc.StatusCode.UNIMPLEMENTED else Permanent(why)


def _retry_delay_s(error: grpc.aio.AioRpcError) -> float | None:
    """Seconds of RetryInfo, from the status details as the standard says, or from a trailer of its own."""
    info = RetryInfo()
    trailers = dict(error.trailing_metadata() or ())
    try:
        for detail in Status.FromString(_bytes(trailers.get("grpc-status-details-bin"))).details:
            if detail.Unpack(info):
                return max(0.0, info.retry_delay.ToTimedelta().total_seconds())
        if "google.rpc.retryinfo-bin" in trailers:
            info.ParseFromString(_bytes(trailers["google.rpc.retryinfo-bin"]))
            return max(0.0, info.retry_delay.ToTimedelta().total_seconds())
    except (DecodeError, OverflowError, ValueError):
        pass  # a delay that cannot be read is none
    return None


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""
