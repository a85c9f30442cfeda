"""Log records as instrumentations write them, for the tests of what logs say of spans."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData

from otel_judge.attributes import AttributeValue, encode_attributes, encode_value
from otel_judge.log_events import SpanEvent, read_record

TRACE_ID = bytes(range(1, 17))
SPAN_ID = bytes(range(1, 9))


def record(
    name: str = "gen_ai.user.message",
    body: AttributeValue = None,
    *,
    trace_id: bytes = TRACE_ID,
    span_id: bytes = SPAN_ID,
    time_ns: int = 5,
    **attributes: AttributeValue,
) -> LogRecord:
    """In `attributes` a double underscore stands for a dot."""
    made = LogRecord(event_name=name, trace_id=trace_id, span_id=span_id, time_unix_nano=time_ns)
    made.attributes.extend(encode_attributes({key.replace("__", "."): value for key, value in attributes.items()}))
    if body is not None:
        made.body.CopyFrom(encode_value(body))
    return made


def event(made: LogRecord) -> SpanEvent:
    logged = read_record(made)
    assert logged is not None
    return logged.event


def logs(records: Sequence[LogRecord], *, emitter: bool = False) -> LogsData:
    data = LogsData()
    resource_logs = data.resource_logs.add()
    resource_logs.resource.attributes.add(key="service.name").value.string_value = "shop"
    if emitter:
        resource_logs.resource.attributes.add(key="otel_judge.emitter").value.bool_value = True
    resource_logs.scope_logs.add().log_records.extend(records)
    return data


def request(*records: LogRecord, emitter: bool = False) -> ExportLogsServiceRequest:
    return ExportLogsServiceRequest.FromString(logs(records, emitter=emitter).SerializeToString())
