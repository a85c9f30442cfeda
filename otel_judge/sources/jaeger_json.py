"""Jaeger's own JSON, as its UI downloads a trace, to OTLP.

Tags that Jaeger made out of OpenTelemetry's fields become these fields again, by the mapping that OpenTelemetry
specifies for Jaeger: `span.kind`, `otel.status_code`, `otel.status_description`, `error`, `otel.scope.*`, and the
`event` field of a log.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, TypeAlias, cast

import orjson
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData

from ..errors import SourceError
from .skipped import Skip

_Json: TypeAlias = dict[str, Any]

_KINDS = {
    "internal": Span.SPAN_KIND_INTERNAL,
    "server": Span.SPAN_KIND_SERVER,
    "client": Span.SPAN_KIND_CLIENT,
    "producer": Span.SPAN_KIND_PRODUCER,
    "consumer": Span.SPAN_KIND_CONSUMER,
}
_STATUSES = {"OK": Status.STATUS_CODE_OK, "ERROR": Status.STATUS_CODE_ERROR}
_SCOPE = {
    "otel.scope.name": "name",
    "otel.library.name": "name",
    "otel.scope.version": "version",
    "otel.library.version": "version",
}
_FIELDS = frozenset({"span.kind", "otel.status_code", "otel.status_description", "internal.span.format", *_SCOPE})
_NS = 1_000  # in a microsecond, Jaeger's unit
_TRACE_ID_DIGITS, _SPAN_ID_DIGITS = 32, 16


def is_trace(fields: dict[str, Any]) -> bool:
    """Whether this is a trace of Jaeger's."""
    return isinstance(fields.get("spans"), list) and "processes" in fields


def read(fields: dict[str, Any], where: str, skip: Skip) -> Iterator[TracesData]:
    """The trace, with a resource for each of its processes. A span that cannot be read goes to `skip`."""
    data = TracesData()
    blocks: dict[tuple[str, str], ScopeSpans] = {}
    resources: dict[str, ResourceSpans] = {}
    for number, span in enumerate(cast("list[Any]", fields["spans"])):
        try:
            made, scope = _span(span)
            process_id, process = _process(span, fields["processes"])
            resource = resources.get(process_id)
            if resource is None:
                resource = resources[process_id] = _resource(data, process)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            problem = f"not a span of Jaeger's: {type(error).__name__}: {error}"
            skip(SourceError(f"{where}: spans[{number}]", problem))
            continue
        block = blocks.get((process_id, scope.name))
        if block is None:
            block = blocks[process_id, scope.name] = resource.scope_spans.add(scope=scope)
        block.spans.append(made)
    yield data


def _process(span: _Json, processes: _Json | None) -> tuple[str, _Json]:
    """The id and the process of a span, which may also stand in the span itself."""
    process_id = str(span.get("processID", ""))
    own: _Json | None = span.get("process")
    if own is not None:
        return orjson.dumps(own).decode(), own
    known: _Json = (processes or {}).get(process_id) or {}
    return process_id, known


def _resource(data: TracesData, process: _Json) -> ResourceSpans:
    tags: list[_Json] = [{"key": "service.name", "value": process.get("serviceName", "")}, *(process.get("tags") or ())]
    resource = Resource(attributes=[_attribute(tag) for tag in tags])
    return data.resource_spans.add(resource=resource)


def _span(span: _Json) -> tuple[Span, InstrumentationScope]:
    tags: dict[str, _Json] = {str(tag["key"]): tag for tag in span.get("tags") or ()}
    start_us = int(span["startTime"])
    made = Span(
        trace_id=_id(span["traceID"], _TRACE_ID_DIGITS),
        span_id=_id(span["spanID"], _SPAN_ID_DIGITS),
        name=str(span.get("operationName", "")),
        start_time_unix_nano=start_us * _NS,
        end_time_unix_nano=(start_us + int(span.get("duration", 0))) * _NS,
        kind=_KINDS.get(_text(tags, "span.kind").lower(), Span.SPAN_KIND_UNSPECIFIED),
        flags=int(span.get("flags") or 0) & 0xFF,
    )
    _refer(made, span)
    failed = _text(tags, "error").lower() == "true"
    code = _STATUSES.get(_text(tags, "otel.status_code").upper(), Status.STATUS_CODE_ERROR if failed else None)
    if code is not None:
        made.status.code = code
        made.status.message = _text(tags, "otel.status_description")
    for key, tag in tags.items():
        if key not in _FIELDS and not (key == "error" and code is not None):
            made.attributes.append(_attribute(tag))
    for log in span.get("logs") or ():
        fields: list[_Json] = log.get("fields") or []
        named = next((field for field in fields if field.get("key") == "event"), None)
        made.events.add(
            time_unix_nano=int(log["timestamp"]) * _NS,
            name="" if named is None else str(named.get("value", "")),
            attributes=[_attribute(field) for field in fields if field is not named],
        )
    scope = InstrumentationScope()
    for key, field in _SCOPE.items():
        if key in tags:
            setattr(scope, field, _text(tags, key))
    return made, scope


def _refer(made: Span, span: _Json) -> None:
    """The first reference to a parent in the trace is the parent; the others are links."""
    if span.get("parentSpanID"):
        made.parent_span_id = _id(span["parentSpanID"], _SPAN_ID_DIGITS)
    given: list[_Json] = span.get("references") or []
    references = sorted(given, key=lambda each: each.get("refType") != "CHILD_OF")
    for reference in references:
        trace_id = _id(reference["traceID"], _TRACE_ID_DIGITS)
        span_id = _id(reference["spanID"], _SPAN_ID_DIGITS)
        if not made.parent_span_id and trace_id == made.trace_id:
            made.parent_span_id = span_id
        elif span_id != made.parent_span_id:
            made.links.add(trace_id=trace_id, span_id=span_id)


def _id(text: str, digits: int) -> bytes:
    """Jaeger leaves leading zeros out, and has trace ids of half the length."""
    return bytes.fromhex(text.zfill(digits))


def _text(tags: dict[str, _Json], key: str) -> str:
    value = tags[key].get("value", "") if key in tags else ""
    return value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _attribute(tag: _Json) -> KeyValue:
    value, kind = tag.get("value"), str(tag.get("type", "string")).lower()
    made = KeyValue(key=str(tag["key"]))
    if kind == "bool" or isinstance(value, bool):
        made.value.bool_value = str(value).lower() == "true"
    elif kind == "int64":
        made.value.int_value = int(cast("int", value))
    elif kind == "float64":
        made.value.double_value = float(cast("float", value))
    elif kind == "binary":
        made.value.bytes_value = base64.b64decode(str(value))
    else:
        made.value.string_value = value if isinstance(value, str) else str(value)
    return made
