"""How long a client waits for its answer: `python -m bench.acknowledge`. A real `serve`, over gRPC, on loopback.

First as fast as one connection goes, then at half that rate, then at that rate again while a judge reads a trace of
100,000 spans.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import grpc
import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_judge.testing.backend import Backend
from otel_judge.testing.model import ScriptedModel, explorer

from .bare_server import TRACE_SERVICE
from .ingest import make_requests
from .tools import make_trace

SPANS = 8  # a request
PEAK, PACED, BESIDE = 600, 1_000, 4_000  # requests
LARGE = 100_000  # spans
LIMIT_MS, LIMIT_JUDGING_MS = 50.0, 100.0
CONFIG = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: 127.0.0.1:0, max_recv_msg_size_mib: 256}}, http: }}}}}}
index: {{completion: {{root_grace: 1s, max_trace_mib: 256}}}}
sampling: {{policies: [{{name: failed, type: status_code, status_code: {{status_codes: [ERROR]}}}}]}}
models: {{main: {{model: "anthropic:scripted", base_url: "{model}", api_key: scripted}}}}
judges: [{{name: honest, instructions: "Is the {{{{ trace }}}} honest?", model: main, limits: {{seconds: 600}}}}]
exporters: {{otlp: {{endpoint: {backend}}}}}
health: {{endpoint: 127.0.0.1:0}}
admin: {{endpoint: 127.0.0.1:0}}
"""

Send = Callable[[bytes], object]


@contextmanager
def serving(model: str, backend: str) -> Generator[dict[str, str]]:
    """What listens where."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "otel-judge.yaml"
        config.write_text(CONFIG.format(model=model, backend=backend))
        command = [sys.executable, "-m", "otel_judge", "serve", "--config", str(config)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            found: dict[str, str] = {}
            for line in process.stderr:
                if " at " in line:
                    what, where = line.split("service ")[1].rsplit(" at ", 1)
                    found[what] = where.strip()
                if line.endswith(" ready\n"):
                    break
            yield found
            process.terminate()
            process.communicate()


def large_trace() -> bytes:
    trace = make_trace(LARGE)
    return ExportTraceServiceRequest(resource_spans=trace.to_otlp().resource_spans).SerializeToString()


def paced(send: Send, bodies: list[bytes], per_s: float, until: Callable[[], bool] = lambda: False) -> list[float]:
    """Milliseconds from when each request was due until its answer."""
    took, started = list[float](), time.perf_counter()
    for number, body in enumerate(bodies):
        due = started + number / per_s
        time.sleep(max(0.0, due - time.perf_counter()))
        send(body)
        took.append((time.perf_counter() - due) * 1e3)
        if until():
            break
    return sorted(took)


def p99(took: list[float]) -> float:
    return took[-(-len(took) * 99 // 100) - 1]


def judged(health: str) -> bool:
    text = httpx.get(f"{health}/metrics").text
    return re.search(r'otel_judge_feedback_total\{.*judge="honest"', text) is not None


def main() -> None:
    bodies, large = make_requests(PEAK + PACED + BESIDE, SPANS), large_trace()
    with Backend() as backend, ScriptedModel(explorer()) as model, serving(model.base_url, backend.endpoint) as found:
        size = [("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(found["OTLP/gRPC"], options=size) as channel:
            send: Send = channel.unary_unary(f"/{TRACE_SERVICE}/Export")
            for body in bodies[:100]:
                send(body)
            started = time.perf_counter()
            for body in bodies[100:PEAK]:
                send(body)
            peak = (PEAK - 100) / (time.perf_counter() - started)
            alone = paced(send, bodies[PEAK : PEAK + PACED], peak / 2)
            with grpc.insecure_channel(found["OTLP/gRPC"], options=size) as other:
                coming = other.unary_unary(f"/{TRACE_SERVICE}/Export").future(large)
                coming.result(60)
            checks = iter(range(10**9))
            ended = lambda: next(checks) % 200 == 199 and judged(found["health"])  # noqa: E731
            beside = paced(send, bodies[PEAK + PACED :], peak / 2, ended)
            done = judged(found["health"])
    print(f"one connection, {SPANS} spans a request: {peak:,.0f} requests/s at most, on {os.cpu_count()} cores")
    print(f"{'':48} {'p50 ms':>8} {'p99 ms':>8} {'most':>8} {'limit':>8}")
    for what, took, limit in (
        ("half that rate", alone, LIMIT_MS),
        (f"the same while a trace of {LARGE:,} spans is judged", beside, LIMIT_JUDGING_MS),
    ):
        fits = "ok" if p99(took) <= limit else "TOO SLOW"
        print(f"{what:48} {took[len(took) // 2]:8.1f} {p99(took):8.1f} {took[-1]:8.1f} {limit:8.0f}  {fits}")
    if not done:
        print("the judgement had not ended when the last request was sent")


if __name__ == "__main__":
    main()
