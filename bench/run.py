"""How fast `otel-judge run` grades by checks alone: `python -m bench.run`. Traces per CPU-second, and memory.

16-span agent runs, with model calls, tools, messages and tokens, as protobuf with lengths. The command is measured
in a process of its own, with its start and the reading of the file. Memory is the most that the process held, for
as many traces and for four times as many, with the spans of both spilled past the same bound: it must not follow.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from otel_judge.testing.traces import TraceBuilder, answers, asks, text

TRACES, SPANS = 10_000, 16
LIMIT = 2_000  # traces per CPU-second
MOST_GROWTH_MIB = 40  # for three times TRACES more: the ids of the traces and the scores stay
SPILL_MIB = 16

CODE = """
import resource, sys
from otel_judge.sources import grouping
grouping.Grouper.__init__.__defaults__ = (int(sys.argv.pop(1)) * 1024 * 1024,)
sys.argv[0] = "otel-judge"
from otel_judge.cli import main
try:
    main()
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print("USED", used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
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
    trace = build.trace()
    assert len(trace) == SPANS
    data = trace.to_otlp().SerializeToString()
    return len(data).to_bytes(4, "big") + data


def measured(path: Path, spill_mib: int) -> tuple[float, float]:
    """CPU seconds and MiB of a whole run."""
    command = [sys.executable, "-c", CODE, str(spill_mib), "run", str(path), "--quiet"]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=True)
    _, seconds, mib = done.stdout.split()
    return float(seconds), float(mib)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, four = Path(folder) / "one.pb", Path(folder) / "four.pb"
        with one.open("wb") as out:
            out.writelines(map(a_run, range(TRACES)))
        with four.open("wb") as out:
            out.writelines(map(a_run, range(4 * TRACES)))
        seconds = min(measured(one, 256)[0] for _ in range(3))
        held, held_four = measured(one, SPILL_MIB)[1], measured(four, SPILL_MIB)[1]
    rate = TRACES / seconds
    print(f"{f'{TRACES:,} traces of {SPANS} spans, checks alone':48} {'measured':>10} {'limit':>10}")
    print(f"{'traces per CPU-second':48} {rate:10,.0f} {LIMIT:10,}  {'ok' if rate >= LIMIT else 'TOO SLOW'}")
    grown = held_four - held
    print(f"{'MiB held':48} {held:10,.0f}")
    verdict = "ok" if grown <= MOST_GROWTH_MIB else "GROWS"
    print(f"{'MiB more for four times the traces':48} {grown:10,.0f} {MOST_GROWTH_MIB:10}  {verdict}")


if __name__ == "__main__":
    main()
