"""A running service: its retained traces, and what people said of them, from its admin endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from ..errors import MalformedRequest, SourceError
from ..label import Label, parse_label
from ..otlp_json import decode_traces
from ..trace import Trace
from .grouping import Grouper

if TYPE_CHECKING:
    import httpx

PREFIX = "live:"
_TIMEOUT_S = 10.0
_NOT_FOUND = 404


def read(source: str, trace_id: bytes) -> Trace:
    """The trace that `live:URL` retains under an id. Raises `SourceError`, also where there is none."""
    found = find(source, trace_id)
    if found is None:
        raise SourceError(
            source, f"trace {trace_id.hex()} is not retained there", "it may not be finished, or be too old"
        )
    return found


def find(source: str, trace_id: bytes) -> Trace | None:
    """The trace that `live:URL` retains under an id; None where there is none. Raises `SourceError`."""
    response = _get(source, f"/traces/{trace_id.hex()}")
    if response.status_code == _NOT_FOUND:
        return None
    content = _content(source, response)
    grouper = Grouper()
    try:
        grouper.add(decode_traces(content))
    except MalformedRequest as error:
        raise SourceError(source, f"{response.url} did not answer OTLP: {error}") from None
    for trace in grouper.traces():
        return trace
    raise SourceError(source, f"{response.url} answered no spans")


def labels(source: str) -> list[Label]:
    """What people said of the traces that `live:URL` retains. Raises `SourceError`."""
    response = _get(source, "/labels")
    try:
        found = [parse_label(orjson.loads(line)) for line in _content(source, response).splitlines()]
    except ValueError as error:
        raise SourceError(source, f"{response.url} did not answer labels: {error}") from None
    return [label for label in found if label is not None]


def _get(source: str, path: str) -> httpx.Response:
    import httpx

    base = source.removeprefix(PREFIX).rstrip("/")
    url = f"{base if '://' in base else f'http://{base}'}{path}"
    try:
        return httpx.get(url, timeout=_TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceError(source, f"no answer from {url}: {error}", "is `otel-judge serve` running there?") from None


def _content(source: str, response: httpx.Response) -> bytes:
    if not response.is_success:
        raise SourceError(source, f"{response.url} answered {response.status_code}")
    return response.content
