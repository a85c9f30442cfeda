"""How fast stored traces are read: `python -m bench.sources`. Spans per CPU-second, from a file to `Trace`.

16-span traces, 1 kB a span, as the Collector's file exporter writes them: JSON lines, and protobuf with lengths. The
peer is protobuf's own JSON reader, `json_format`, on the same lines; what it makes of ids is not looked at.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from otel_judge.otlp_json import encode_traces
from otel_judge.sources import read_traces
from otel_judge.testing.traces import TraceBuilder

TRACES = 1_000
SPANS = 16
RUNS = 5
JSON_SPANS, PROTO_SPANS, TIMES = 40_000, 300_000, 6.0
NOTE = "what the order was and where it went, " * 17


def messages() -> list[TracesData]:
    made = list[TracesData]()
    for number in range(1, TRACES + 1):
        build = TraceBuilder(service="shop", trace_id=f"{number:032x}", resource={"host.name": "node-1"})
        root = build.span("GET /orders", end=2.0, attributes={"note": NOTE, "http.request.method": "GET"})
        for child in range(1, SPANS):
            attributes = {"note": NOTE, "http.response.status_code": 200, "http.route": "/orders/{id}", "n": child}
            build.span(f"step {child}", parent=root, start=child / 10, attributes=attributes)
        made.append(build.trace().to_otlp())
    return made


def spans_a_second(work: Callable[[], object]) -> float:
    """Median of the runs, in spans per CPU-second."""
    times = list[float]()
    for _ in range(RUNS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return TRACES * SPANS / statistics.median(times)


def read(path: Path) -> None:
    assert sum(trace.span_count for trace in read_traces(path, strict=True)) == TRACES * SPANS


def peer(path: Path) -> None:
    with path.open("rb") as lines:
        for line in lines:
            json_format.Parse(line, TracesData())


def main() -> None:
    made = messages()
    with tempfile.TemporaryDirectory() as folder:
        lines, binary = Path(folder) / "traces.jsonl", Path(folder) / "traces.pb"
        lines.write_bytes(b"\n".join(encode_traces(each) for each in made))
        encoded = [each.SerializeToString() for each in made]
        binary.write_bytes(b"".join(len(each).to_bytes(4, "big") + each for each in encoded))
        size = sum(map(len, encoded)) / TRACES / SPANS
        json_rate, peer_rate = spans_a_second(lambda: read(lines)), spans_a_second(lambda: peer(lines))
        proto_rate = spans_a_second(lambda: read(binary))
    print(f"{f'spans per CPU-second, {size:.0f} B a span':48} {'measured':>10} {'limit':>10}")
    for name, rate, limit in (("OTLP/JSON lines", json_rate, JSON_SPANS), ("protobuf", proto_rate, PROTO_SPANS)):
        print(f"{name:48} {rate:10,.0f} {limit:10,}  {'ok' if rate >= limit else 'TOO SLOW'}")
    ratio = json_rate / peer_rate
    print(f"{'OTLP/JSON against json_format':48} {ratio:9.1f}x {TIMES:9.0f}x  {'ok' if ratio >= TIMES else 'TOO SLOW'}")


if __name__ == "__main__":
    main()
