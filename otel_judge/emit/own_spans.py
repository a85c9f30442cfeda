"""The way out for the judge's own trace: an exporter for its tracer provider, and the resource to give it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from ..telemetry import own_resource


def resource() -> Resource:
    """The resource of the judge's own spans: `otel_judge.emitter=true` keeps them from being judged."""
    return Resource(dict(own_resource()))


class OwnSpanExporter(SpanExporter):
    """Encodes spans and hands them on; whether they arrive is the outbox's business.

    `put` takes the bytes of an `ExportTraceServiceRequest`, on whatever thread the span processor calls: give it
    `Emitter.put_spans`, or, in a worker process, what carries the bytes there.
    """

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put = put

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._put(encode_spans(spans).SerializeToString())
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing: the outbox outlives the tracer provider."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - nothing is held here
        return True
