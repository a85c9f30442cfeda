"""The judge's own work as a trace of its own: spans of the GenAI semantic conventions, token counts, no content.

Its trace ids are of `own_traces`, so that nobody judges them; each trace links to the span that was judged. While a
judge works, instrumentation of whatever it uses is suppressed: the app's tracer provider hears nothing of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from .. import semconv
from ..feedback import Receipt, SpanRef, Target
from ..own_traces import new_trace_id

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

_QUEUE_SPANS = 16_384  # some 800 judgements; past it spans of judges are dropped
_FLUSH_MS = 5_000


class Tracing:
    """Where the spans of judges go. Without an exporter there are none."""

    def __init__(self, exporter: SpanExporter | None = None, resource: Resource | None = None) -> None:
        self._provider = None if exporter is None else _provider(exporter, resource)
        self._tracer = otel.NoOpTracer() if self._provider is None else self._provider.get_tracer(semconv.SCOPE)

    @contextmanager
    def judgement(self, judge: str, version: str, target: Target) -> Generator[Activity]:
        """The root span of a judgement. Within, instrumentation is suppressed."""
        judged = SpanContext(
            int(target.trace_id, 16),
            int(target.span_id, 16),
            is_remote=True,
            trace_flags=TraceFlags(TraceFlags.SAMPLED),
        )
        attributes: dict[str, AttributeValue] = {
            semconv.OPERATION_NAME: "invoke_agent",
            semconv.AGENT_NAME: judge,
            semconv.JUDGE_VERSION: version,
        }
        with suppress_instrumentation():
            span = self._tracer.start_span(
                f"invoke_agent {judge}",
                context=Context(),
                attributes=attributes,
                links=[Link(judged, {semconv.LINK_KIND: "target"})],
            )
            with _ending(span):
                yield Activity(self._tracer, span)

    async def aclose(self) -> None:
        """Hands over what was not exported yet, for some seconds at most."""
        if self._provider is not None:
            provider, self._provider = self._provider, None
            try:
                await asyncio.to_thread(_close, provider)
            except RuntimeError:  # the interpreter ends, and starts no thread any more
                _close(provider)


class Activity:
    """One span of a judgement, under which others can stand."""

    def __init__(self, tracer: otel.Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span

    @property
    def ref(self) -> SpanRef | None:
        """The span's ids; None where nothing is recorded."""
        context = self._span.get_span_context()
        if not context.is_valid or not self._span.is_recording():
            return None
        return SpanRef(f"{context.trace_id:032x}", f"{context.span_id:016x}")

    @property
    def headers(self) -> Mapping[str, str]:
        """W3C trace context for a request: what the other side reports then bears the id of this trace."""
        ref = self.ref
        return {} if ref is None else {"traceparent": f"00-{ref.trace_id}-{ref.span_id}-01"}

    @contextmanager
    def chat(self, provider: str, model: str, max_tokens: int) -> Generator[Activity]:
        """A request to the model."""
        attributes: dict[str, AttributeValue] = {
            semconv.OPERATION_NAME: "chat",
            semconv.PROVIDER_NAME: provider,
            semconv.REQUEST_MODEL: model,
            semconv.REQUEST_MAX_TOKENS: max_tokens,
        }
        with self._child(f"chat {model}", SpanKind.CLIENT, attributes) as activity:
            yield activity

    @contextmanager
    def tool(self, name: str, call_id: str) -> Generator[Activity]:
        """A call of a span tool."""
        attributes: dict[str, AttributeValue] = {
            semconv.OPERATION_NAME: "execute_tool",
            semconv.TOOL_NAME: name,
            semconv.TOOL_CALL_ID: call_id,
        }
        with self._child(f"execute_tool {name}", SpanKind.INTERNAL, attributes) as activity:
            yield activity

    def set(self, attributes: Mapping[str, AttributeValue]) -> None:
        self._span.set_attributes(attributes)

    def book(self, receipt: Receipt) -> None:
        """What left for models, in numbers."""
        self.set(
            {
                semconv.EGRESS_MODELS: list(receipt.requests),
                semconv.EGRESS_REQUESTS: sum(receipt.requests.values()),
                semconv.EGRESS_BYTES: receipt.bytes,
                semconv.EGRESS_SPANS: receipt.span_count,
                semconv.REDACTIONS: [f"{kind}={count}" for kind, count in receipt.redactions.items()],
            }
        )

    def fail(self, error_type: str) -> None:
        self._span.set_attribute(semconv.ERROR_TYPE, error_type)
        self._span.set_status(Status(StatusCode.ERROR))

    @contextmanager
    def _child(self, name: str, kind: SpanKind, attributes: Mapping[str, AttributeValue]) -> Generator[Activity]:
        parent = otel.set_span_in_context(NonRecordingSpan(self._span.get_span_context()), Context())
        span = self._tracer.start_span(name, context=parent, kind=kind, attributes=attributes)
        with _ending(span):
            yield Activity(self._tracer, span)


@contextmanager
def _ending(span: Span) -> Generator[None]:
    try:
        yield
    except Exception as error:
        # By type alone: what an exception says may quote the judged trace.
        span.set_attribute(semconv.ERROR_TYPE, type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        span.end()


def _provider(exporter: SpanExporter, resource: Resource | None) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    class Ids(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return int.from_bytes(new_trace_id())

    marked = (resource or Resource.get_empty()).merge(Resource({semconv.EMITTER: True}))
    provider = TracerProvider(sampler=ALWAYS_ON, resource=marked, id_generator=Ids(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_QUEUE_SPANS))
    return provider


def _close(provider: TracerProvider) -> None:
    provider.force_flush(_FLUSH_MS)
    provider.shutdown()
