"""A running service: one of its retained traces, from its admin endpoint."""

from __future__ import annotations

from ..errors import MalformedRequest, SourceError
from ..otlp_json import decode_traces
from ..trace import Trace
from .grouping import Grouper

PREFIX = "live:"
_TIMEOUT_S = 10.0
_NOT_FOUND = 404


def read(source: str, trace_id: bytes) -> Trace:
    """The trace that `live:URL` retains under an id. Raises `SourceError`."""
    import httpx

    base = source.removeprefix(PREFIX).rstrip("/")
    base = base if "://" in base else f"http://{base}"
    url = f"{base}/traces/{trace_id.hex()}"
    try:
        response = httpx.get(url, timeout=_TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceError(source, f"no answer from {url}: {error}", "is `otel-judge serve` running there?") from None
    if response.status_code == _NOT_FOUND:
        raise SourceError(
            source, f"trace {trace_id.hex()} is not retained there", "it may not be finished, or be too old"
        )
    if not response.is_success:
        raise SourceError(source, f"{url} answered {response.status_code}")
    grouper = Grouper()
    try:
        grouper.add(decode_traces(response.content))
    except MalformedRequest as error:
        raise SourceError(source, f"{url} did not answer OTLP: {error}") from None
    for trace in grouper.traces():
        return trace
    raise SourceError(source, f"{url} answered no spans")
