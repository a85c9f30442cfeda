"""Puts spans from storage together by trace, without what otel-judge itself emitted: a judge judges no judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from ..label import LABEL_MARK, is_label
from ..own_traces import is_emitter, is_own
from ..trace import Origin, SpanBlock, Trace

_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8


class Grouper:
    """Collects spans and gives whole traces, in the order in which their first spans came."""

    def __init__(self) -> None:
        self._blocks: dict[bytes, dict[Origin, list[bytes]]] = {}
        self._origins: dict[Origin, Origin] = {}
        self.spans = 0
        self.invalid = 0
        """Spans left out for want of a valid trace or span id."""

    def add(self, data: TracesData | ExportTraceServiceRequest) -> None:
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
                        self.invalid += 1
                        continue
                    blocks = self._blocks.setdefault(span.trace_id, {})
                    blocks.setdefault(origin, []).append(span.SerializeToString())
                    self.spans += 1

    def traces(self) -> Iterator[Trace]:
        for trace_id, blocks in self._blocks.items():
            if not is_own(trace_id) and not _labels_alone(blocks.values()):
                yield Trace(trace_id, [SpanBlock(origin, spans) for origin, spans in blocks.items()])


def _labels_alone(blocks: Iterable[list[bytes]]) -> bool:
    """Whether a trace is nothing but what people said of it: there is nothing to judge."""
    return all(LABEL_MARK in data and is_label(Span.FromString(data)) for spans in blocks for data in spans)


def _valid(identifier: bytes, length: int) -> bool:
    return len(identifier) == length and any(identifier)
