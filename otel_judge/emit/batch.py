"""Records and requests: many records of one resource go out as one group, and their bytes stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from .outbox import Item


def join(items: Sequence[Item]) -> bytes:
    """The request that carries `items`, all of one signal; records of equal envelopes share one."""
    if items[0].signal == "metrics":
        return b"".join(item.record for item in items)  # concatenated messages are one message with all their fields
    groups: dict[bytes, list[bytes]] = {}
    for item in items:
        groups.setdefault(item.envelope, []).append(item.record)
    if items[0].signal == "traces":
        traces = ExportTraceServiceRequest()
        for envelope, records in groups.items():
            spans = traces.resource_spans.add()
            spans.ParseFromString(envelope)
            spans.scope_spans[0].spans.extend(Span.FromString(record) for record in records)
        return traces.SerializeToString(deterministic=True)
    logs = ExportLogsServiceRequest()
    for envelope, records in groups.items():
        logged = logs.resource_logs.add()
        logged.ParseFromString(envelope)
        logged.scope_logs[0].log_records.extend(LogRecord.FromString(record) for record in records)
    return logs.SerializeToString(deterministic=True)


def split_spans(request: bytes) -> Iterator[Item]:
    """The spans of an `ExportTraceServiceRequest`, each an item."""
    for of_resource in ExportTraceServiceRequest.FromString(request).resource_spans:
        for of_scope in of_resource.scope_spans:
            envelope = ResourceSpans(
                resource=of_resource.resource,
                schema_url=of_resource.schema_url,
                scope_spans=[ScopeSpans(scope=of_scope.scope, schema_url=of_scope.schema_url)],
            ).SerializeToString(deterministic=True)
            for span in of_scope.spans:
                yield Item(
                    "traces",
                    (span.trace_id + span.span_id).hex(),
                    envelope,
                    span.SerializeToString(deterministic=True),
                )
