"""The demo's agent app: plays the six runs and reports them by OTLP, as any instrumented app would.

    python -m otel_judge.demo.app --endpoint 127.0.0.1:14317

Prints one JSON line a run: `{"run": …, "trace_id": …, "spans": …}`. Exits 1 if the spans could not be delivered.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from ..version import __version__
from .agent import Played, play
from .runs import RUNS

SERVICE = "support-agent"
_QUEUE_SPANS = 8192  # the SDK's 2,048 would drop most of the long run, unseen
_EXPORT_TIMEOUT_S = 5.0  # retries included


class _Watched(SpanExporter):
    """Remembers whether everything was delivered, which the batch processor does not tell, and gives up once."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self.delivered = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.delivered:
            self.delivered = self._inner.export(spans) is SpanExportResult.SUCCESS
        return SpanExportResult.SUCCESS if self.delivered else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the runs. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m otel_judge.demo.app", description="Six runs of a support agent.")
    parser.add_argument("--endpoint", default="127.0.0.1:14317", help="OTLP/gRPC endpoint, host:port")
    endpoint: str = parser.parse_args(arguments).endpoint
    exporter = _Watched(
        OTLPSpanExporter(endpoint=endpoint.removeprefix("http://"), insecure=True, timeout=_EXPORT_TIMEOUT_S)
    )
    provider = TracerProvider(
        resource=Resource.create({"service.name": SERVICE, "service.version": __version__}), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_QUEUE_SPANS))
    for played in play_all(provider):
        line = {"run": played.title, "trace_id": played.trace_id, "spans": played.spans}
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    provider.force_flush()
    provider.shutdown()
    if not exporter.delivered:
        sys.stderr.write(f"the spans could not be delivered to {endpoint}; is `otel-judge serve` running there?\n")
        return 1
    return 0


def play_all(provider: TracerProvider) -> Iterator[Played]:
    """Play the six runs, each as if it had ended a moment ago."""
    tracer = provider.get_tracer("harbour_and_oak.agents", __version__)
    now_ns = time.time_ns()
    for run in RUNS:
        yield play(run, tracer, now_ns)


if __name__ == "__main__":
    sys.exit(main())
