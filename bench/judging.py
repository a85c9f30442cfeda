"""What judging costs beside the model: `python -m bench.judging`. A scripted model answers from a process of its own.

CPU a turn is all of this process: our loop, pydantic-ai, the provider's SDK, HTTP and the span tools.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from otel_judge.config import JudgeConfig, ModelConfig
from otel_judge.feedback import Feedback
from otel_judge.judge import Judge, build
from otel_judge.testing.model import Reply, Request, ScriptedModel, explorer
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of

MODEL = "anthropic:scripted"
TURNS = 3  # of the scripted explorer
RUNS = 5
JUDGEMENTS = 40  # one after another, a run
AT_ONCE = 50
MODEL_S = 1.0
CPU_MS, SHARE = 4.0, 0.8


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
def scripted(delay_s: float) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.judging", "serve", str(delay_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def a_judge(base_url: str) -> Judge:
    config = JudgeConfig(name="honest", instructions="Is the {{ trace }} honest?", model="main", reading="explore")
    (judge,) = build([config], {"main": ModelConfig(model=MODEL, base_url=base_url, concurrency=AT_ONCE)})
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


async def share_of_ideal(base_url: str) -> float:
    """The time that the model alone takes, over the time that the judgements took together."""
    judge, traces = a_judge(base_url), [a_trace() for _ in range(AT_ONCE)]
    _check(await judge.grade(traces[0], target_of(traces[0], traces[0].root)))  # imports the SDK
    started = time.perf_counter()
    for feedback in await asyncio.gather(*(judge.grade(each, target_of(each, each.root)) for each in traces)):
        _check(feedback)
    taken = time.perf_counter() - started
    await judge.aclose()
    return TURNS * MODEL_S / taken


def _check(feedback: Feedback) -> None:
    assert feedback.error is None, feedback.error
    assert feedback.detail["requests"] == TURNS


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        serve(float(sys.argv[2]))
        return
    os.environ.setdefault("ANTHROPIC_API_KEY", "scripted")
    with scripted(0.0) as base_url:
        cpu = asyncio.run(cpu_ms_a_turn(base_url))
    with scripted(MODEL_S) as base_url:
        share = asyncio.run(share_of_ideal(base_url))
    print(f"{'':55} {'measured':>10} {'limit':>10}")
    fits = "ok" if cpu <= CPU_MS else "TOO SLOW"
    print(f"{'CPU a turn without the model, ms':55} {cpu:10.1f} {CPU_MS:10.1f}  {fits}")
    fits = "ok" if share >= SHARE else "TOO SLOW"
    print(f"{f'{AT_ONCE} judgements at once, share of the ideal time':55} {share:10.0%} {SHARE:10.0%}  {fits}")


if __name__ == "__main__":
    main()
