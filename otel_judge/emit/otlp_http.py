"""OTLP over HTTP, as protobuf."""

from __future__ import annotations

import gzip
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.instrumentation.utils import suppress_instrumentation

from .outbox import Signal
from .transport import (
    USER_AGENT,
    Accepted,
    Destination,
    Outcome,
    Permanent,
    Retry,
    Unsupported,
    read_success,
    shorten,
)

_RETRYABLE: Final = frozenset({429, 502, 503, 504})
_UNSUPPORTED: Final = frozenset({404, 501})
_PROTOBUF: Final = "application/x-protobuf"


class HttpTransport:
    """A `Transport` on a small pool of connections."""

    def __init__(self, signal: Signal, destination: Destination) -> None:
        self._signal: Signal = signal
        self._url = destination.url
        self._tenant_header = destination.tenant_header
        self._gzip = destination.compression == "gzip"
        headers = {"user-agent": USER_AGENT, **destination.headers, "content-type": _PROTOBUF}
        if self._gzip:
            headers["content-encoding"] = "gzip"
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=destination.timeout_s,
            # Without TLS there is nothing to verify, and reading the system's certificates takes a while.
            verify=ssl.create_default_context(cafile=destination.ca_file) if destination.secure else False,
            limits=httpx.Limits(max_connections=2),
        )

    async def send(self, request: bytes, tenant: str | None = None) -> Outcome:
        headers = {self._tenant_header: tenant} if tenant is not None and self._tenant_header else None
        body = gzip.compress(request, compresslevel=6, mtime=0) if self._gzip else request
        try:
            with suppress_instrumentation():  # an app that instruments httpx must not see us as its own
                response = await self._client.post(self._url, content=body, headers=headers)
        except httpx.TransportError as error:
            return Retry(None, shorten(f"{type(error).__name__}: {error}"))
        except httpx.HTTPError as error:  # an answer that cannot be decoded
            return Permanent(shorten(f"{type(error).__name__}: {error}"))
        return self._read(response)

    async def close(self) -> None:
        await self._client.aclose()

    def _read(self, response: httpx.Response) -> Outcome:
        if response.is_success:
            if response.headers.get("content-type", "").partition(";")[0] != _PROTOBUF:
                return Accepted()  # some answer with an empty body, or with JSON
            return read_success(self._signal, response.content)
        why = shorten(f"HTTP {response.status_code}: {_message(response) or response.reason_phrase}")
        if response.status_code in _RETRYABLE:
            return Retry(_retry_after_s(response.headers.get("retry-after", "")), why)
        return Unsupported(why) if response.status_code in _UNSUPPORTED else Permanent(why)


def _message(response: httpx.Response) -> str:
    if response.headers.get("content-type", "").partition(";")[0] == _PROTOBUF:
        try:
            return Status.FromString(response.content).message
        except DecodeError:
            return ""
    return response.text[:1000]


def _retry_after_s(value: str) -> float | None:
    """Seconds from now of a Retry-After, which is a number of seconds or a date (RFC 9110, section 10.2.3)."""
    if value.strip().isdecimal():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
