"""Puts spans from storage, and what logs say of them, together by trace.

What otel-judge itself emitted is left out: a judge judges no judge. The spans of a trace may be spread over a source of
any size. Past a bound, what was read goes into a temporary database, and each trace is put together again when its turn
comes: memory holds the bound, the ids of all traces, and the largest trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from ..label import Label, is_label, labels_of, may_hold_label
from ..log_events import NotJoinable, SpanEvent, joined, read_record
from ..own_traces import is_emitter, is_own
from ..trace import Origin, SpanBlock, Trace
from .spill import Spill

SPILL_BYTES = 256 * 1024 * 1024  # of spans that are held in memory

_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8
_SPAN_OVERHEAD = 80  # bytes that a span costs in memory beside its own


class Grouper:
    """Collects spans and gives whole traces, in the order in which their first spans came. A context manager."""

    def __init__(self, spill_bytes: int = SPILL_BYTES) -> None:
        self._spill_bytes = spill_bytes
        self._blocks: dict[bytes, dict[Origin, list[bytes]]] = {}
        self._events: dict[bytes, dict[SpanEvent, None]] = {}
        self._origins: dict[Origin, Origin] = {}
        self._held = 0
        self._order: dict[bytes, None] = {}
        """Ids of all traces, once some were spilled."""
        self._spill: Spill | None = None

    def __enter__(self) -> Grouper:
        return self

    def __exit__(self, *_: object) -> None:
        if self._spill is not None:
            self._spill.close()

    def __len__(self) -> int:
        """Traces that were found so far."""
        return len(self._order.keys() | self._blocks.keys()) if self._order else len(self._blocks)

    def add(self, data: TracesData | ExportTraceServiceRequest) -> int:
        """Takes the spans of a message; how many of them were left out for want of a valid trace or span id."""
        invalid = 0
        for resource_spans in data.resource_spans:
            if is_emitter(resource_spans.resource):
                continue
            resource = resource_spans.resource.SerializeToString()
            for scope_spans in resource_spans.scope_spans:
                origin = Origin(
                    resource,
                    resource_spans.schema_url,
                    scope_spans.scope.SerializeToString(),
                    scope_spans.schema_url,
                )
                origin = self._origins.setdefault(origin, origin)
                for span in scope_spans.spans:
                    if not _valid(span.trace_id, _TRACE_ID_BYTES) or not _valid(span.span_id, _SPAN_ID_BYTES):
                        invalid += 1
                        continue
                    encoded = span.SerializeToString()
                    self._blocks.setdefault(span.trace_id, {}).setdefault(origin, []).append(encoded)
                    self._held += len(encoded) + _SPAN_OVERHEAD
        self._bound()
        return invalid

    def add_logs(self, data: LogsData) -> int:
        """Takes the records of a message that say what spans hold; how many of them no span can take.

        They are joined whether they come before their span or after it. One whose span is in no source is left out.
        """
        invalid = 0
        for resource_logs in data.resource_logs:
            if is_emitter(resource_logs.resource):
                continue
            for scope_logs in resource_logs.scope_logs:
                for record in scope_logs.log_records:
                    try:
                        logged = read_record(record)
                    except NotJoinable:
                        invalid += 1
                        continue
                    if logged is not None:
                        self._events.setdefault(logged.trace_id, {})[logged.event] = None
                        self._held += len(logged.event) + _SPAN_OVERHEAD
        self._bound()
        return invalid

    def traces(self, said: Callable[[Label], None] = lambda _: None) -> Iterator[Trace]:
        """Whole traces. One that is nothing but labels is none, and `said` is given these."""
        if self._spill is None:
            while self._blocks:  # what was given is let go
                trace_id = next(iter(self._blocks))
                yield from _trace(trace_id, self._blocks.pop(trace_id), self._events.pop(trace_id, {}), said)
            return
        self._spill_all()
        for trace_id in self._order:
            yield from _trace(trace_id, *self._spill.take(trace_id), said)

    def _bound(self) -> None:
        if self._held > self._spill_bytes:
            self._spill_all()

    def _spill_all(self) -> None:
        if self._spill is None:
            self._spill = Spill()
        self._order.update(dict.fromkeys(self._blocks))
        self._spill.put(self._blocks, self._events)
        self._blocks, self._events, self._held = {}, {}, 0


def _trace(
    trace_id: bytes,
    blocks: dict[Origin, list[bytes]],
    events: Iterable[SpanEvent],
    said: Callable[[Label], None],
) -> Iterator[Trace]:
    if is_own(trace_id):
        return
    made, _ = joined([SpanBlock(origin, spans) for origin, spans in blocks.items()], events)
    trace = Trace(trace_id, made)
    if not _labels_alone(blocks.values()):
        yield trace
        return
    for label in labels_of(trace):
        said(label)


def _labels_alone(blocks: Iterable[list[bytes]]) -> bool:
    """Whether a trace is nothing but what people said of it: there is nothing to judge."""
    return all(may_hold_label(data) and is_label(Span.FromString(data)) for spans in blocks for data in spans)


def _valid(identifier: bytes, length: int) -> bool:
    return len(identifier) == length and any(identifier)
