"""Spans per CPU-second of intake, ours against a bare server: `python -m bench.ingest [--spans 8] [--http]`.

Both servers get the same requests, by turns, each in a fresh process on a core of its own where there are several.
Timings on a shared machine vary by 40 % between runs, so what counts is the ratio: the median of alternating pairs.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence

import grpc
import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .bare_server import TRACE_SERVICE

SPANS_A_TRACE = 16
WARM_UP = 20  # requests
SPANS_A_RUN = 150_000  # 160 MB, which either server keeps in memory
CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU = CPUS[-1] if len(CPUS) > 1 else None  # the client keeps off it
Send = Callable[[bytes], object]


def make_requests(count: int, spans: int, seed: int = 1) -> list[bytes]:
    """`count` encoded requests of `spans` spans each, 16 spans a trace, 1.08 kB a span; no trace comes twice."""
    dice = random.Random(seed)
    bodies: list[bytes] = []
    open_trace: list[bytes] = []
    for _ in range(count):
        request = ExportTraceServiceRequest()
        resource_spans = request.resource_spans.add()
        for key, text in (("service.name", "shop"), ("host.name", "node-1"), ("telemetry.sdk.language", "python")):
            resource_spans.resource.attributes.add(key=key).value.string_value = text
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = "bench"
        for _ in range(spans):
            if len(open_trace) == SPANS_A_TRACE + 1:
                open_trace.clear()
            if not open_trace:
                open_trace.append(dice.randbytes(16))
            start = 1_760_000_000_000_000_000 + dice.randrange(10**9)
            span = scope_spans.spans.add(
                trace_id=open_trace[0],
                span_id=dice.randbytes(8),
                parent_span_id=open_trace[1] if len(open_trace) > 1 else b"",
                name="call a tool",
                kind=1,
                flags=0x101,
                start_time_unix_nano=start,
                end_time_unix_nano=start + 10**7,
            )
            open_trace.append(span.span_id)
            for number in range(8):
                span.attributes.add(key=f"gen_ai.attribute.{number}").value.string_value = "lorem ipsum " * 7
            for number in range(4):
                span.attributes.add(key=f"gen_ai.usage.{number}").value.int_value = dice.randrange(1000)
        bodies.append(request.SerializeToString())
    return bodies


class Server:
    """A server in a process of its own, which is ended on exit."""

    def __init__(self, kind: str) -> None:
        pin = [] if SERVER_CPU is None else [str(SERVER_CPU)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.ingest_server", kind, *pin],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.endpoint = self._answer()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def cpu_s(self) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError("the server under measurement has died")
        return line


def measure(kind: str, bodies: Sequence[bytes], spans: int) -> float:
    """Spans per CPU-second of a fresh server."""
    with Server(kind) as server:
        if kind == "http":
            headers = {"content-type": "application/x-protobuf"}
            with httpx.Client(trust_env=False) as client:
                url = f"http://{server.endpoint}/v1/traces"
                return _drive(
                    lambda body: client.post(url, content=body, headers=headers).raise_for_status(),
                    bodies,
                    spans,
                    server,
                )
        with grpc.insecure_channel(server.endpoint) as channel:
            return _drive(channel.unary_unary(f"/{TRACE_SERVICE}/Export"), bodies, spans, server)


def _drive(send: Send, bodies: Sequence[bytes], spans: int, server: Server) -> float:
    for body in bodies[:WARM_UP]:
        send(body)
    before = server.cpu_s()
    for body in bodies[WARM_UP:]:
        send(body)
    return (len(bodies) - WARM_UP) * spans / (server.cpu_s() - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=512, help="spans a request")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--http", action="store_true", help="ours over OTLP/HTTP instead of gRPC")
    options = parser.parse_args()

    if SERVER_CPU is not None:
        os.sched_setaffinity(0, set(CPUS) - {SERVER_CPU})
    bodies = make_requests(WARM_UP + max(1, SPANS_A_RUN // options.spans), options.spans)
    ours = "http" if options.http else "grpc"
    size = sum(map(len, bodies)) / len(bodies) / options.spans
    print(f"{len(bodies) - WARM_UP} requests of {options.spans} spans, {size:.0f} bytes a span; spans per CPU-second")
    print(f"{'pair':>4} {'bare':>10} {'receive + index':>16} {'ratio':>6}")
    ratios: list[float] = []
    for pair in range(1, options.pairs + 1):
        bare, mine = measure("bare", bodies, options.spans), measure(ours, bodies, options.spans)
        ratios.append(mine / bare)
        print(f"{pair:>4} {bare:>10,.0f} {mine:>16,.0f} {mine / bare:>6.2f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.2f} (asked: at least 0.80)")


if __name__ == "__main__":
    main()
