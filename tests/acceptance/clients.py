"""An app's side of OTLP: the SDK's exporters, with what they answered kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import StatusCode, Tracer, set_span_in_context

AGENT = {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": "shop",
    "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"It is refunded."}]}]',
}
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "refund", "gen_ai.tool.call.arguments": "{}"}


@dataclass
class App:
    """Sends each span in a request of its own, as it ends."""

    tracer: Tracer
    answers: Counter[SpanExportResult]
    """What came back, by kind."""
    sent: list[ReadableSpan]
    """All of its spans, as they ended."""

    def agent_run(self, *, ended: bool = True) -> str:
        """A root with a tool call that fails; its trace id. The root may stay open."""
        root = self.tracer.start_span("invoke_agent shop", attributes=AGENT)
        with self.tracer.start_as_current_span(
            "execute_tool refund", set_span_in_context(root), attributes=TOOL
        ) as tool:
            tool.set_status(StatusCode.ERROR, "card declined")
        if ended:
            root.end()
        return f"{root.get_span_context().trace_id:032x}"


@contextmanager
def app(endpoint: str, *, http: bool = False, service: str = "shop", **resource: str) -> Iterator[App]:
    """An app that sends to an OTLP endpoint, `host:port`. Names in `resource` have `_` for a dot."""
    inner: SpanExporter = (
        HttpExporter(endpoint=f"http://{endpoint}/v1/traces")
        if http
        else GrpcExporter(endpoint=endpoint, insecure=True)
    )
    answers: Counter[SpanExportResult] = Counter()
    sent: list[ReadableSpan] = []

    class Watched(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            result = inner.export(spans)
            answers[result] += 1
            sent.extend(spans)
            return result

        def shutdown(self) -> None:
            inner.shutdown()

    attributes = {"service.name": service, **{name.replace("_", "."): value for name, value in resource.items()}}
    provider = TracerProvider(resource=Resource(attributes), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Watched()))
    try:
        yield App(provider.get_tracer("test"), answers, sent)
    finally:
        provider.shutdown()
