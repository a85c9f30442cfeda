"""A JSON document to OTLP messages: OTLP itself, and the answers and downloads of backends that wrap it or differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias, cast

from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from ..errors import MalformedRequest, SourceError
from ..otlp_json import decode_logs, decode_traces
from . import jaeger_json
from .skipped import Skip

OtlpMessage: TypeAlias = TracesData | LogsData
"""What stored OTLP is read as."""

_RESOURCE_SPANS = ("resourceSpans", "resource_spans", "batches")
_SCOPE_SPANS = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans", "instrumentation_library_spans")
_RESOURCE_LOGS = ("resourceLogs", "resource_logs")
_SCOPE_LOGS = ("scopeLogs", "scope_logs", "instrumentationLibraryLogs", "instrumentation_library_logs")
_LOG_RECORDS = ("logRecords", "log_records")
_WRAPPERS = ("result", "trace")  # Jaeger's API v3, Tempo's API v2
_RESOURCE_METRICS = ("resourceMetrics", "resource_metrics")


class _Signal(NamedTuple):
    """A kind of OTLP/JSON that is read."""

    what: str
    levels: tuple[tuple[str, ...], ...]
    """The names that its lists may have, from the outermost in."""
    decode: Callable[[dict[str, Any]], OtlpMessage]


_SIGNALS: Final = (
    _Signal("spans", (_RESOURCE_SPANS, _SCOPE_SPANS, ("spans",)), partial(decode_traces, lenient=True)),
    _Signal("log records", (_RESOURCE_LOGS, _SCOPE_LOGS, _LOG_RECORDS), partial(decode_logs, lenient=True)),
)


def read(document: Any, where: str, skip: Skip) -> Iterator[OtlpMessage]:
    """The messages of a document. `where` names it in errors. What cannot be read goes to `skip`."""
    if isinstance(document, list):
        for number, item in enumerate(cast("list[Any]", document)):
            yield from read(item, f"{where}: [{number}]", skip)
        return
    if not isinstance(document, dict):
        skip(SourceError(where, f"not OTLP/JSON: {_kind(document)} where an object was expected"))
        return
    fields = cast("dict[str, Any]", document)
    if held := [signal for signal in _SIGNALS if any(name in fields for name in signal.levels[0])]:
        for signal in held:
            yield from _otlp(fields, signal, where, skip)
    elif jaeger_json.is_trace(fields):
        yield from jaeger_json.read(fields, where, skip)
    elif isinstance(fields.get("data"), list):  # a download of Jaeger's UI, or an answer of the API that it asks
        yield from read(fields["data"], where, skip)
    elif (wrapper := next((name for name in _WRAPPERS if isinstance(fields.get(name), dict)), None)) is not None:
        if fields.get("status") in ("PARTIAL", 1):
            skip(SourceError(where, f"a partial trace: {fields.get('message') or 'the backend did not say why'}"))
        yield from read(fields[wrapper], where, skip)
    elif any(name in fields for name in _RESOURCE_METRICS):
        skip(SourceError(where, "holds metrics, no spans"))
    elif fields:
        named = ", ".join(sorted(fields)[:5])
        skip(SourceError(where, f"not OTLP/JSON: an object of {named}", "spans are read from resourceSpans"))


def _otlp(fields: dict[str, Any], signal: _Signal, where: str, skip: Skip) -> Iterator[OtlpMessage]:
    try:
        yield signal.decode(fields)
    except MalformedRequest as error:
        kept = list(_sound(fields, signal))
        skip(SourceError(where, f"not OTLP/JSON: {error}", f"the {signal.what} beside it are read" if kept else None))
        yield from kept


def _sound(fields: dict[str, Any], signal: _Signal) -> Iterator[OtlpMessage]:
    """Of a message that cannot be read whole, each span or log record that can be."""
    for alone in _one_by_one(fields, *signal.levels):
        with suppress(MalformedRequest):
            yield signal.decode(alone)


def _one_by_one(fields: dict[str, Any], *levels: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The document once for each innermost item, with that one alone; a level is the names that its list may have."""
    names, *below = levels
    for item in _items(fields, names):
        for alone in _one_by_one(item, *below) if below else (item,):
            yield _with(fields, names, [alone])


def _items(fields: dict[str, Any], names: tuple[str, ...]) -> list[dict[str, Any]]:
    for name in names:
        if isinstance(found := fields.get(name), list):
            return [item for item in cast("list[Any]", found) if isinstance(item, dict)]
    return []


def _with(fields: dict[str, Any], names: tuple[str, ...], items: list[Any]) -> dict[str, Any]:
    others = {name: value for name, value in fields.items() if name not in names}
    return {**others, names[0]: items}


def _kind(document: Any) -> str:
    if document is None or isinstance(document, bool):
        return "null" if document is None else "a boolean"
    return "text" if isinstance(document, str) else "a number"
