"""One OTLP request, and what became of it: the protocol that both transports speak.

The SDK's exporters answer SUCCESS to a partial success and FAILURE to all else, on which no outbox can stand; hence
these. Which code means what: opentelemetry-proto, docs/specification.md, "Failures".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ..version import __version__
from .outbox import Signal

USER_AGENT: Final = f"otel-judge/{__version__}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The backend has it."""


@dataclass(frozen=True, slots=True)
class Partial:
    """The backend has it, but for `rejected` records that it does not want again; 0 is a warning only."""

    rejected: int
    why: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now: send the same bytes again, after `after_s` seconds if the backend said so."""

    after_s: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Permanent:
    """Never: sending it again cannot help."""

    why: str


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The backend does not implement this signal, as Jaeger takes only traces."""

    why: str


Outcome: TypeAlias = Accepted | Partial | Retry | Permanent | Unsupported


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one signal goes. Neither the headers nor a password in the URL show in its repr."""

    url: str = field(repr=False)
    """`http://` or `https://` (TLS) with a host; for HTTP the whole URL with its path."""
    protocol: Literal["grpc", "http/protobuf"] = "grpc"
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    compression: Literal["none", "gzip"] = "none"
    timeout_s: float = 10.0
    """For one request."""
    ca_file: str | None = None
    """PEM; None: the system's."""
    tenant_header: str | None = None
    """Names the tenant of a request that has one; then it stands in place of a header of that name."""

    @property
    def host_port(self) -> str:
        """For messages and gRPC: `host:port`, or the host alone where the URL names no port."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def secure(self) -> bool:
        return self.url.startswith("https://")


class Transport(Protocol):
    """Sends the requests of one signal to one destination."""

    async def send(self, request: bytes, tenant: str | None = None) -> Outcome:
        """Never raises for what a network or a backend can do."""
        ...

    async def close(self) -> None: ...


def read_success(signal: Signal, body: bytes) -> Accepted | Partial:
    """What the body of a successful response says. A body that is not OTLP is still a success."""
    try:
        if signal == "traces":
            traces = ExportTraceServiceResponse.FromString(body).partial_success
            rejected, why = traces.rejected_spans, traces.error_message
        elif signal == "logs":
            logs = ExportLogsServiceResponse.FromString(body).partial_success
            rejected, why = logs.rejected_log_records, logs.error_message
        else:
            points = ExportMetricsServiceResponse.FromString(body).partial_success
            rejected, why = points.rejected_data_points, points.error_message
    except DecodeError:
        return Accepted()
    return Partial(max(0, rejected), shorten(why)) if rejected > 0 or why else Accepted()


def shorten(text: str, limit: int = 300) -> str:
    """One line of at most `limit` characters, for a message."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
