"""What it costs to find one span among many: `python -m bench.needle`. Limits: 25 k tokens a request, 60 k in all.

A scripted searcher looks for a refund that failed without an error status: overview, search, the span, verdict. It
speaks to the judge over real HTTP through the provider's SDK; tokens are its bytes by four, as the script counts them.
CPU seconds are the judge's and the script's; the garbage collector is set as the command line sets it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import re
import time

from otel_judge.cli import COLLECT_EVERY
from otel_judge.config import JudgeConfig, ModelConfig
from otel_judge.judge import build
from otel_judge.testing.model import Reply, Request, ScriptedModel, blocks, tool_use, verdict
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of

from .tools import make_trace

SPANS = (1_000, 10_000, 100_000)
REQUEST_TOKENS = 25_000
ALL_TOKENS = 60_000
NEEDLE = "refund R-4711 was declined by the bank, the customer was told it went through"


def search(request: Request) -> Reply:
    """The searcher: it knows what to look for, not where."""
    if request.turn == 0:
        return blocks(tool_use("get_trace_info"), tool_use("span_statistics"))
    if request.turn == 1:
        return blocks(tool_use("search_trace_regex", pattern="(?i)declined"), tool_use("list_spans", status="ERROR"))
    found = re.search(r"\b([0-9a-f]{16}) tool\.result", request.results["search_trace_regex"])
    if found is None:
        return verdict("not_judgeable", "the refund was not found")
    if request.turn == 2:
        return tool_use("get_span", span_id=found[1])
    return verdict("fail", "The refund was declined.", [{"span_id": found[1], "quote": NEEDLE}])


def hide(trace: Trace) -> Trace:
    """The trace with the needle somewhere in its middle."""
    extra = TraceBuilder(service="shop", trace_id=trace.trace_id)
    middle = trace.spans[len(trace) // 2]
    at = float(len(trace) // 2)
    extra.tool("refund", span_id="feedfacefeedface", parent=middle.span_id, result=NEEDLE, start=at)
    return Trace(trace.raw_trace_id, [*trace.blocks, *extra.blocks()])


async def judge(trace: Trace) -> tuple[int, int, str, float]:
    """Largest request and all requests in tokens, the label, and CPU seconds."""
    with ScriptedModel(search) as model:
        config = JudgeConfig(name="refunds", instructions="{{ trace }}", model="main", values=("pass", "fail"))
        (judge,) = build([config], {"main": ModelConfig(model="anthropic:scripted", base_url=model.base_url)})
        started = time.process_time()
        feedback = await judge.grade(trace, target_of(trace, trace.root))
        took = time.process_time() - started
        await judge.aclose()
        sizes = [len(str(request.body)) // 4 for request in model.requests]
    verified = all(evidence.verified for evidence in feedback.evidence)
    return max(sizes), sum(sizes), f"{feedback.label}{'' if verified else ', unverified'}", took


def main() -> None:
    os.environ.setdefault("ANTHROPIC_API_KEY", "unused")
    gc.set_threshold(COLLECT_EVERY)
    asyncio.run(judge(hide(make_trace(100))))  # imports the SDK
    print(f"{'spans':>8} {'largest request':>16} {'all requests':>13} {'label':>8} {'CPU s':>8}")
    for spans in SPANS:
        largest, total, label, took = asyncio.run(judge(hide(make_trace(spans))))
        fits = largest <= REQUEST_TOKENS and total <= ALL_TOKENS and label == "fail"
        print(f"{spans:8,} {largest:16,} {total:13,} {label:>8} {took:8.2f}  {'ok' if fits else 'TOO MUCH'}")
    print(f"{'limits':>8} {REQUEST_TOKENS:16,} {ALL_TOKENS:13,}")


if __name__ == "__main__":
    main()
