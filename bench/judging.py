"""What judging costs beside the model: `python -m bench.judging`. A scripted model answers from a process of its own.

CPU a turn is all of this process: our loop, pydantic-ai, the provider's SDK, HTTP and the span tools. What is graded at
once, or from a queue, is a trace of its own each time, so that reading it counts. The ideal is the time that the
model alone takes; what a client that does nothing else gets of it is in the last row.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from otel_judge.config import Config, JudgeConfig, ModelConfig
from otel_judge.decision import Decision
from otel_judge.emit.printing import Printer
from otel_judge.engine import settle
from otel_judge.feedback import Feedback
from otel_judge.judge import Judge, build
from otel_judge.outlet import Outlet
from otel_judge.telemetry import Telemetry
from otel_judge.testing.model import Reply, Request, ScriptedModel, explorer
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of
from otel_judge.workers.pool import WorkerPool

MODEL = "anthropic:scripted"
TURNS = 3  # of the scripted explorer
RUNS = 15
JUDGEMENTS = 40  # one after another, a run
AT_ONCE, AT_ONCE_RUNS = 50, 5
QUEUED = 1_000
MODEL_S = 1.0
CPU_MS, SHARE = 4.0, 0.8
PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
CONFIG = JudgeConfig(name="honest", instructions="Is the {{ trace }} honest?", model="main", reading="explore")


def a_trace() -> Trace:
    builder = TraceBuilder(service="shop")
    root = builder.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    for number in range(60):
        builder.tool("find_order", parent=root, arguments={"id": number}, result=f"order {number} " + "word " * 100)
    return builder.trace()


def serve(delay_s: float) -> None:
    explores = explorer()

    def script(request: Request) -> Reply:
        time.sleep(delay_s)
        return explores(request)

    with ScriptedModel(script) as model:
        print(model.base_url, flush=True)
        sys.stdin.read()


@contextmanager
def scripted(delay_s: float) -> Generator[str]:
    command = [sys.executable, "-m", "bench.judging", "serve", str(delay_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def a_model(base_url: str) -> ModelConfig:
    return ModelConfig(model=MODEL, base_url=base_url, concurrency=AT_ONCE)


def a_judge(base_url: str) -> Judge:
    (judge,) = build([CONFIG], {"main": a_model(base_url)})
    return judge


async def cpu_ms_a_turn(base_url: str) -> float:
    """Median over the runs, of which the first is not counted."""
    judge, trace, measured = a_judge(base_url), a_trace(), list[float]()
    for _ in range(RUNS + 1):
        started = time.process_time()
        for _ in range(JUDGEMENTS):
            _check(await judge.grade(trace, target_of(trace, trace.root)))
        measured.append((time.process_time() - started) * 1000 / (JUDGEMENTS * TURNS))
    await judge.aclose()
    return statistics.median(measured[1:])


async def at_once(base_url: str) -> tuple[list[float], float]:
    """Of each run, the time that the model alone takes over the time that the judgements took together.

    And the median of CPU ms a turn, in which reading the traces counts.
    """
    judge, shares, cpu = a_judge(base_url), list[float](), list[float]()
    first = a_trace()
    _check(await judge.grade(first, target_of(first, first.root)))  # imports the SDK
    for _ in range(AT_ONCE_RUNS):
        traces = [a_trace() for _ in range(AT_ONCE)]
        started, used = time.perf_counter(), time.process_time()
        for feedback in await asyncio.gather(*(judge.grade(each, target_of(each, each.root)) for each in traces)):
            _check(feedback)
        shares.append(TURNS * MODEL_S / (time.perf_counter() - started))
        cpu.append((time.process_time() - used) * 1000 / (AT_ONCE * TURNS))
    await judge.aclose()
    return shares, statistics.median(cpu)


class Counting(Printer):
    """A sink that counts verdicts."""

    def __init__(self) -> None:
        super().__init__()
        self.graded = 0
        self.any = asyncio.Event()

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        del decision
        _check(feedback)
        self.graded += 1
        self.any.set()


async def queued(base_url: str) -> tuple[float, float]:
    """Share of the ideal rate, and MiB by which memory grew at most, past the traces that wait in the queue.

    Memory is the service's and its worker's.
    """
    sink, telemetry = Counting(), Telemetry()
    config = Config(checks=(), models={"main": a_model(base_url)}, judges=(CONFIG,))
    pool = WorkerPool(config, Outlet(sink, telemetry), telemetry, lambda _id, _tenant: None)
    await pool.start()
    pool.submit(a_trace())
    await sink.any.wait()  # imports the SDK
    traces = [a_trace() for _ in range(QUEUED)]
    before = most = _rss_mib(*pool.pids)
    started = time.perf_counter()
    for trace in traces:
        pool.submit(trace)
    traces.clear()
    while sink.graded <= QUEUED:
        await asyncio.sleep(0.05)
        most = max(most, _rss_mib(*pool.pids))
    taken = time.perf_counter() - started
    await pool.close()
    return QUEUED / AT_ONCE * TURNS * MODEL_S / taken, most - before


async def share_of_a_bare_client(base_url: str) -> float:
    """The same requests at once by a client that only waits for the answers: what the scripted model itself costs."""
    import httpx2

    asked = {"model": "scripted", "max_tokens": 2048, "messages": [{"role": "user", "content": "word " * 5_000}]}
    limits = httpx2.Limits(max_connections=AT_ONCE)
    async with httpx2.AsyncClient(base_url=base_url, limits=limits, timeout=60.0) as client:
        started = time.perf_counter()
        for _ in range(TURNS):
            await asyncio.gather(*(client.post("/v1/messages", json=asked) for _ in range(AT_ONCE)))
        return TURNS * MODEL_S / (time.perf_counter() - started)


def _rss_mib(*others: int) -> float:
    """Of this process and others."""
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in ("self", *others)) * PAGE_MIB


def _check(feedback: Feedback) -> None:
    assert feedback.error is None, feedback.error
    assert feedback.detail["requests"] == TURNS


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        serve(float(sys.argv[2]))
        return
    os.environ.setdefault("ANTHROPIC_API_KEY", "scripted")
    settle()  # as `serve` does
    with scripted(0.0) as base_url:
        cpu = asyncio.run(cpu_ms_a_turn(base_url))
    with scripted(MODEL_S) as base_url:
        shares, cpu_at_once = asyncio.run(at_once(base_url))
        rate, grown_mib = asyncio.run(queued(base_url))
        bare = asyncio.run(share_of_a_bare_client(base_url))
    print(f"{'':60} {'measured':>10} {'limit':>10}")
    fits = "ok" if cpu <= CPU_MS else "TOO SLOW"
    print(f"{'CPU a turn without the model, ms':60} {cpu:10.1f} {CPU_MS:10.1f}  {fits}")
    share = statistics.median(shares)
    for what, of_ideal in (
        (f"{AT_ONCE} judgements at once, share of the ideal time, median", share),
        (f"{QUEUED:,} queued, {AT_ONCE} at once, share of the ideal rate", rate),
    ):
        fits = "ok" if of_ideal >= SHARE else "TOO SLOW"
        print(f"{what:60} {of_ideal:10.0%} {SHARE:10.0%}  {fits}")
    print(f"{f'{AT_ONCE} judgements at once, share of the ideal time, best':60} {max(shares):10.0%}")
    print(f"{f'{AT_ONCE} judgements at once, CPU a turn, ms':60} {cpu_at_once:10.1f}")
    print(f"{f'{QUEUED:,} queued: memory grew at most by, MiB':60} {grown_mib:10.0f}")
    print(f"{f'a bare client, {AT_ONCE} requests at once, share of the ideal':60} {bare:10.0%}")


if __name__ == "__main__":
    main()
