"""Jaeger's query API v3, which answers OTLP: one trace by id, or the traces of a service."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from ..errors import SourceError
from . import records
from .api import Api, Query
from .documents import OtlpMessage
from .skipped import Skip

PREFIX = "jaeger:"
_OPTIONS = ("service", "operation", "start", "end", "lookback", "limit")
_LIMIT = 100


def read(source: str, trace_id: bytes | None, skip: Skip) -> Iterator[tuple[str, OtlpMessage]]:
    """The messages that `jaeger:URL?service=…` finds, or the trace of that id. Raises `SourceError`.

    A search answers all its traces in one message: they are told apart by their ids.
    """
    query = Query.parse(source, PREFIX, _OPTIONS)
    if trace_id is not None:
        path, params = f"/api/v3/traces/{trace_id.hex()}", {"raw_traces": "true"}
    else:
        path, params = "/api/v3/traces", _search(query)
    with Api(query, {"Accept": "application/json"}) as api:
        response = api.get(path, params)
    if response is None:  # what was not found, and a search that found nothing
        return
    for message in records.read_bytes(response.content, query.source, skip):
        yield query.source, message


def _search(query: Query) -> dict[str, str]:
    service = query.options.get("service")
    if not service:
        raise SourceError(query.source, "Jaeger searches by service", "add ?service=NAME, or name a trace by its id")
    start, end = query.window(datetime.now(UTC))
    asked = {
        "service_name": service,
        "operation_name": query.options.get("operation", ""),
        "start_time_min": _rfc3339(start),
        "start_time_max": _rfc3339(end),
        "num_traces": str(query.limit(_LIMIT)),  # the same as search_depth: either name is known to some versions
        "search_depth": str(query.limit(_LIMIT)),
        "raw_traces": "true",
    }
    both = dict[str, str]()
    for name, value in asked.items():
        if value:  # 1.76 reads snake case alone; the published API names camel case
            both[f"query.{name}"] = both[f"query.{_camel(name)}"] = value
    return both


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
