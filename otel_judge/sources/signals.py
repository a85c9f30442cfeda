"""Which signal a protobuf message is of. `TracesData`, `LogsData` and `MetricsData` have the same outer shape on the
wire, so that what they hold decides (opentelemetry-proto: trace.proto, logs.proto, metrics.proto).

Fields 1, 2, 6, 7, 8, 10, 11 and 12 of a `Span` and of a `LogRecord` have the same numbers and other wire types. What
has another wire type is left unread: one of these fields, once read, shows what it was written as. So spans with ids,
and log records with ids or a time, are never taken for each other. Fields 3, 5 and 9 have one wire type in both: a
message that has no other cannot be told, and that is said. A metric has a name where a span has its trace id and a log
record its time, and no start time that a span could have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from ..errors import SourceError
from .documents import OtlpMessage
from .skipped import Skip

_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8

MessageT = TypeVar("MessageT", bound=Message)


def read(body: bytes, where: str, skip: Skip) -> Iterator[OtlpMessage]:
    """The message, as what it was written as. What is neither traces nor logs goes to `skip`, named by `where`."""
    traces = _parsed(TracesData, body)
    if traces is not None and _is_whole(next(_spans(traces), None)):  # nearly all that is stored
        yield traces
        return
    logs, metrics = _parsed(LogsData, body), _parsed(MetricsData, body)
    spans = [] if traces is None else list(_spans(traces))
    records = [] if logs is None else list(_records(logs))
    if metrics is not None and any(map(_says_metric, _metrics(metrics))) and not any(map(_is_whole, spans)):
        skip(SourceError(where, "holds metrics, no spans"))
        return
    has_spans, has_records = any(map(_says_span, spans)), any(map(_says_record, records))
    if has_spans and has_records:
        skip(SourceError(where, "reads as spans and as log records, and cannot be told"))
    elif has_records and logs is not None:
        yield logs
    elif has_spans and traces is not None:
        yield traces
    elif spans or records:
        skip(SourceError(where, "spans or log records, which cannot be told: none has an id or a time"))
    elif traces is None:
        skip(SourceError(where, "not OTLP protobuf"))


def _parsed(kind: type[MessageT], body: bytes) -> MessageT | None:
    try:
        return kind.FromString(body)
    except DecodeError:
        return None


def _is_whole(span: Span | None) -> bool:
    return (
        span is not None
        and len(span.trace_id) == _TRACE_ID_BYTES
        and len(span.span_id) == _SPAN_ID_BYTES
        and span.start_time_unix_nano > 0
    )


def _says_span(span: Span) -> bool:
    """It has a field that no log record could have been read as."""
    return bool(
        span.trace_id
        or span.span_id
        or span.kind
        or span.start_time_unix_nano
        or span.end_time_unix_nano
        or span.dropped_attributes_count
        or span.events
        or span.dropped_events_count
    )


def _says_record(record: LogRecord) -> bool:
    """It has a field that no span could have been read as."""
    return bool(
        record.time_unix_nano
        or record.severity_number
        or record.attributes
        or record.dropped_attributes_count
        or record.flags
        or record.span_id
        or record.observed_time_unix_nano
        or record.event_name
    )


def _says_metric(metric: Metric) -> bool:
    """It has a name, and a point with a time; no name or attribute of a span reads as one."""
    kind = metric.WhichOneof("data")
    return (
        bool(metric.name)
        and kind is not None
        and any(point.time_unix_nano for point in getattr(metric, kind).data_points)
    )


def _spans(traces: TracesData) -> Iterator[Span]:
    return (span for of_resource in traces.resource_spans for of in of_resource.scope_spans for span in of.spans)


def _records(logs: LogsData) -> Iterator[LogRecord]:
    return (record for of_resource in logs.resource_logs for of in of_resource.scope_logs for record in of.log_records)


def _metrics(metrics: MetricsData) -> Iterator[Metric]:
    return (
        metric for of_resource in metrics.resource_metrics for of in of_resource.scope_metrics for metric in of.metrics
    )
