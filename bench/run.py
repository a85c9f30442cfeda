"""How fast `otel-judge run` grades by checks alone: `python -m bench.run`. Traces per CPU-second, and memory.

16-span traces as protobuf with lengths: of a web service, as in `bench.sources`, and of an agent with model calls,
tools, messages and tokens, whose content the dialects read. The command runs in a process of its own; what it takes to
start, a run over one trace, is taken off. Memory is the most that the process held, for a quarter of the traces and
for all, with the spans of both spilled past the same bound: it must not follow. (VmHWM: Linux hands `ru_maxrss` down.)
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from otel_judge.testing.traces import TraceBuilder, answers, asks, text
from otel_judge.trace import Trace

TRACES, SPANS = 10_000, 16
LIMIT = 2_000  # traces per CPU-second
MOST_GROWTH_MIB = 20  # the ids of the traces and the scores stay
SPILL_MIB = 4
RUNS = 2
NOTE = "what the order was and where it went, " * 17

CODE = """
import re, sys, time
from pathlib import Path
from otel_judge.sources import grouping
grouping.Grouper.__init__.__defaults__ = (int(sys.argv.pop(1)) * 1024 * 1024,)
sys.argv[0] = "otel-judge"
from otel_judge.cli import main
try:
    main()
finally:
    held = re.search("VmHWM:\\s*([0-9]+) kB", Path("/proc/self/status").read_text())
    print("USED", time.process_time(), int(held[1]) / 1024)
"""


def a_run(number: int) -> bytes:
    """An agent that asks a model seven times and calls seven tools."""
    build = TraceBuilder(service="shop", trace_id=f"{number + 1:032x}", resource={"host.name": "node-1"})
    agent = build.agent("shop", user="Where is my order?", answer="It ships today.", end=16.0)
    for turn in range(7):
        call = asks("find_order", {"id": number, "turn": turn}, call_id=f"c{turn}")
        told = [text("user", "Where is my order?"), answers("ships 2026-03-01", call_id=f"c{turn}")]
        build.chat("m-1", parent=agent, messages=told, output=[call], tokens=(900, 40), start=2.0 * turn)
        build.tool(
            "find_order",
            parent=agent,
            arguments={"id": number, "turn": turn},
            result="ships 2026-03-01, from the warehouse in Lyon",
            call_id=f"c{turn}",
            start=2.0 * turn + 1,
        )
    build.chat("m-1", parent=agent, messages=told, output=[text("assistant", "It ships today.")], start=15.0)
    return message(build.trace())


def web(number: int) -> bytes:
    """A request of a web service and what it called."""
    build = TraceBuilder(service="shop", trace_id=f"{number + 1:032x}", resource={"host.name": "node-1"})
    root = build.span("GET /orders", end=2.0, attributes={"note": NOTE, "http.request.method": "GET"})
    for child in range(1, SPANS):
        attributes = {"note": NOTE, "http.response.status_code": 200, "http.route": "/orders/{id}", "n": child}
        build.span(f"step {child}", parent=root, start=child / 10, attributes=attributes)
    return message(build.trace())


def message(trace: Trace) -> bytes:
    data = trace.to_otlp().SerializeToString()
    return len(data).to_bytes(4, "big") + data


def measured(path: Path, spill_mib: int = 256) -> tuple[float, float]:
    """CPU seconds and MiB of a whole run."""
    command = [sys.executable, "-c", CODE, str(spill_mib), "run", str(path), "--quiet"]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=True)
    _, seconds, mib = done.stdout.split()
    return float(seconds), float(mib)


def main() -> None:
    print(f"{f'{TRACES:,} traces of {SPANS} spans, checks alone':48} {'measured':>10} {'limit':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for name, make in (("a web service", web), ("an agent", a_run)):
            made = [make(number) for number in range(TRACES)]
            one, part, whole = (Path(folder) / f"{name}-{size}.pb" for size in ("one", "part", "whole"))
            one.write_bytes(made[0])
            part.write_bytes(b"".join(made[: TRACES // 4]))
            whole.write_bytes(b"".join(made))
            del made
            seconds = min(measured(whole)[0] for _ in range(RUNS)) - min(measured(one)[0] for _ in range(RUNS))
            rate = (TRACES - 1) / seconds
            verdict = "ok" if rate >= LIMIT else "TOO SLOW"
            print(f"{f'{name}: traces per CPU-second':48} {rate:10,.0f} {LIMIT:10,}  {verdict}")
            held, grown = measured(part, SPILL_MIB)[1], measured(whole, SPILL_MIB)[1]
            verdict = "ok" if grown - held <= MOST_GROWTH_MIB else "GROWS"
            print(f"{f'{name}: MiB held, for a quarter of the traces':48} {held:10,.0f}")
            print(f"{f'{name}: MiB more for all':48} {grown - held:10,.0f} {MOST_GROWTH_MIB:10}  {verdict}")


if __name__ == "__main__":
    main()
