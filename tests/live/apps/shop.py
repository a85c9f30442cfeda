"""What every app here does: a user asks about an order, the model calls one tool, and answers by what it returned."""

from __future__ import annotations

import atexit
import json
import os

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

QUESTION = "Where is order 7? Please say it in one sentence."
SYSTEM = "You are a shop assistant."
TOOL = "find_order"
DESCRIPTION = "Finds an order by its number."
PARAMETERS = {
    "type": "object",
    "properties": {"number": {"type": "integer", "description": "Number of the order."}},
    "required": ["number"],
}
MODEL = os.environ.get("MODEL", "gpt-4o-mini")


def find_order(number: int) -> str:
    """Finds an order by its number."""
    return json.dumps({"order": number, "status": "shipped", "carrier": "Müller & Söhne"}, ensure_ascii=False)


def provider() -> TracerProvider:
    """The global tracer provider: spans go by OTLP where the environment says."""
    made = TracerProvider()
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(made)
    atexit.register(made.shutdown)
    return made
