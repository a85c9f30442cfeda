"""From the end of a root to its scores at the backend: `python -m bench.latency`. Limit: the grace and 1 s.

A real SDK sends to a real `serve`, whose feedback goes to an in-memory OTLP backend; all on loopback.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_judge.testing.backend import Backend

GRACE_S = 1.0
TRACES = 20
CHECKS = 5
CONFIG = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: 127.0.0.1:0}}, http: }}}}}}
index: {{completion: {{root_grace: {grace}s}}}}
exporters: {{otlp: {{endpoint: {backend}}}}}
health: {{endpoint: 127.0.0.1:0}}
admin: {{endpoint: 127.0.0.1:0}}
"""


def measure() -> list[float]:
    """Seconds from the end of each root until all its scores are at the backend."""
    with Backend() as backend, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "otel-judge.yaml"
        config.write_text(CONFIG.format(grace=GRACE_S, backend=backend.endpoint))
        command = [sys.executable, "-m", "otel_judge", "serve", "--config", str(config)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            endpoint = ""
            for line in process.stderr:
                if "OTLP/gRPC at " in line:
                    endpoint = line.rsplit(" ", 1)[1].strip()
                if line.endswith(" ready\n"):
                    break
            provider = TracerProvider()
            provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
            tracer = provider.get_tracer("bench")
            took: list[float] = []
            for _ in range(TRACES):
                before = len(backend.spans())
                with tracer.start_as_current_span("root"):
                    for _ in range(15):
                        with tracer.start_as_current_span("child"):
                            pass
                ended = time.perf_counter()
                backend.wait_for(lambda due=before + CHECKS: len(backend.spans()) >= due, 30.0)
                took.append(time.perf_counter() - ended)
            provider.shutdown()
            process.terminate()
    return sorted(took)


def main() -> None:
    took = measure()
    limit = GRACE_S + 1
    worst = took[-1]
    print(f"root ended -> {CHECKS} scores at the backend, {TRACES} traces, grace {GRACE_S:g} s")
    print(f"median {statistics.median(took):.2f} s, worst {worst:.2f} s, limit {limit:.2f} s", end="  ")
    print("ok" if worst <= limit else "TOO SLOW")


if __name__ == "__main__":
    main()
