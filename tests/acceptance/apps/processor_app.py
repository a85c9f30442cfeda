"""The same app with a tracer provider of its own making: an OTLP exporter and the judge, and HTTP instrumented."""

from __future__ import annotations

import agent_app
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor, HTTPXClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_judge.exporter import JudgeSpanProcessor


def main() -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=200))
    provider.add_span_processor(JudgeSpanProcessor())
    trace.set_tracer_provider(provider)
    for instrumentor in (HTTPXClientInstrumentor(), HTTPX2ClientInstrumentor()):
        instrumentor.instrument()
    agent_app.main()


if __name__ == "__main__":
    main()
