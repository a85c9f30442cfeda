"""The trajectory of a trace whose model calls repeat the conversation: `python -m bench.trajectory`.

Of all spans half are model calls and half are tools; every call is given the last 40 messages, as agents with a
sliding window are. CPU seconds, the least of three fresh traces: to decode the content of all spans, which every
reader of a trace shares, and to make the steps of it; milliseconds for a page of `read_steps` at p95. Growth: how much
more than for half the spans. The garbage collector rests meanwhile: its passes depend on what else the process holds.

Beside it what the number of dialects costs: to ask all of them, against reading the same spans by the one that they are
written in, as a share of content and steps together.
"""

from __future__ import annotations

import gc
import time
from itertools import pairwise
from typing import NamedTuple

from otel_judge import dialects
from otel_judge.dialects import gen_ai
from otel_judge.judge import tools
from otel_judge.judge.tools.step_text import StepText
from otel_judge.testing.traces import TraceBuilder, answers, asks, text
from otel_judge.trace import Trace
from otel_judge.trajectory import steps

SPANS = (2_500, 5_000, 10_000)
WINDOW = 40  # messages
RUNS = 3
MOST_GROWTH = 2.5  # for twice the spans
PAGE_MS = 5.0  # read_steps at p95
MOST_ADDED = 0.3  # by the number of dialects


def a_run(spans: int) -> Trace:
    """One agent, every call after the last, with a system message that stays."""
    build = TraceBuilder()
    agent = build.agent("worker", end=float(spans))
    system = text("system", "You work through a list. " * 10)
    history: list[object] = [text("user", "Work through the list.")]
    for number in range((spans - 1) // 2):
        arguments = {"item": number, "why": "it is next on the list " * 3}
        call = asks("take", arguments, call_id=f"call-{number}")
        build.chat(
            "m-1",
            parent=agent,
            messages=[system, *history[-WINDOW:]],
            output=[call],
            tokens=(4_000, 40),
            start=2.0 * number,
        )
        result = f"item {number}: " + "done as asked, nothing left to do " * 5
        build.tool(
            "take",
            parent=agent,
            arguments=arguments,
            result=result,
            call_id=f"call-{number}",
            start=2.0 * number + 1,
        )
        history += [call, answers(result, call_id=f"call-{number}")]
    return build.trace()


class Measured(NamedTuple):
    trace_bytes: int
    decode_s: float
    steps_s: float
    steps: int
    text_bytes: int
    page_ms: float
    """p95 of pages from all over the trace."""


def measure(spans: int) -> Measured:
    blocks = a_run(spans).blocks
    decoded: list[float] = []
    told: list[float] = []
    for run in range(RUNS):
        trace = Trace(bytes([run]) * 16, blocks)
        len(trace.spans)
        gc.collect()
        gc.disable()
        started = time.process_time()
        for span in trace.spans:
            dialects.read(span)
        decoded.append(time.process_time() - started)
        started = time.process_time()
        count = len(steps(trace))
        told.append(time.process_time() - started)
        gc.enable()
    writer = StepText(trace, None)
    written = sum(len(writer.write(number).encode()) for number in range(1, count + 1))
    pages: list[float] = []
    for start in range(1, count, max(1, count // 100)):
        started = time.process_time()
        tools.call("read_steps", trace, {"start": start})
        pages.append((time.process_time() - started) * 1e3)
    p95 = sorted(pages)[int(len(pages) * 0.95)]
    return Measured(trace.size, min(decoded), min(told), count, written, p95)


def added(spans: int) -> float:
    """What asking all dialects adds to a trajectory, as a share of it."""
    blocks = a_run(spans).blocks
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for run in range(2 * RUNS):
        trace = Trace(bytes([run]) * 16, blocks)
        for span in trace.spans:
            len(span.attributes)
        every = bool(run % 2)
        gc.collect()
        gc.disable()
        started = time.process_time()
        for span in trace.spans:
            if every:
                dialects.read(span)
            else:
                span.content = gen_ai.DIALECT.read(span, None)
        steps(trace)
        seconds[every].append(time.process_time() - started)
        gc.enable()
    return min(seconds[True]) / min(seconds[False]) - 1


def main() -> None:
    rows = [measure(spans) for spans in SPANS]
    print(
        f"{'spans':>6} {'trace MB':>9} {'decode s':>9} {'steps s':>8} {'steps':>6} {'text MB':>8} {'page p95 ms':>12}"
    )
    for spans, row in zip(SPANS, rows, strict=True):
        print(
            f"{spans:6} {row.trace_bytes / 1e6:9.1f} {row.decode_s:9.2f} {row.steps_s:8.2f} {row.steps:6} "
            f"{row.text_bytes / 1e6:8.2f} {row.page_ms:12.1f}"
        )
    for (before, after), (half, whole) in zip(pairwise(SPANS), pairwise(rows), strict=True):
        time_grown, size_grown = whole.steps_s / half.steps_s, whole.text_bytes / half.text_bytes
        verdict = "ok" if max(time_grown, size_grown) <= MOST_GROWTH else "NOT LINEAR"
        print(f"{before} -> {after} spans: time x{time_grown:.2f}, text x{size_grown:.2f}  {verdict}")
    share = added(SPANS[1])
    print(f"all dialects add {share:+.0%} to the trajectory: {'ok' if share <= MOST_ADDED else 'TOO SLOW'}")
    print(f"read_steps at p95 within {PAGE_MS} ms: {'ok' if rows[-1].page_ms <= PAGE_MS else 'TOO SLOW'}")


if __name__ == "__main__":
    main()
