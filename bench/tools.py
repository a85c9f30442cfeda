"""How long the span tools take, and how much they answer: `python -m bench.tools [--spans 100000]`.

Traces of an agent that loops, 1 kB a span. `once` rows are work that a trace costs once, before or in the first call.
Each other row is the p95 of 20 calls, no two of the same arguments where arguments matter. Times are CPU time: nothing
here waits, and so the figures stand on a machine that does other work as well.
"""

from __future__ import annotations

import argparse
import gc
import pickle
import random
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from otel_judge import dialects
from otel_judge.judge import tools
from otel_judge.judge.tools.tree import Tree, tree_of
from otel_judge.judge.trace_text import text_of
from otel_judge.testing.traces import TraceBuilder, answers, asks, text
from otel_judge.trace import Trace

CALLS = 20
CAP_KB = 8.0
MS: dict[int, tuple[float, float, float]] = {
    1_000: (5.0, 25.0, 30.0),
    10_000: (5.0, 25.0, 300.0),
    100_000: (50.0, 250.0, 3_000.0),
}
"""Limits in milliseconds by number of spans: a call, a search, the decoded text."""


class Row(NamedTuple):
    name: str
    ms: float
    limit_ms: float | None
    size: int


def make_trace(spans: int) -> Trace:
    """An agent that loops over model calls, tools and HTTP requests, 40 spans a step, about 1 kB a span."""
    dice = random.Random(1)
    words = [f"word{number}" for number in range(500)]

    def prose(size: int) -> str:
        return " ".join(dice.choices(words, k=size // 8))

    build = TraceBuilder(service="shop", resource={"host.name": "node-1", "telemetry.sdk.language": "python"})
    parent = root = build.agent("shop", user="Where is my order?", answer="It ships today.", end=float(spans))
    for number in range(1, spans):
        if number % 40 == 1:
            parent = build.span("step", parent=root, start=number, end=number + 40.0, attributes={"note": prose(800)})
        elif number % 4 == 0:
            said = [text("user", prose(300)), asks("find", {"id": number}, call_id="c"), answers("no", call_id="c")]
            build.chat(
                "m-1",
                parent=parent,
                start=number,
                messages=said,
                output=[text("assistant", f"turn-{number} " + prose(200))],
                tokens=(100, 20),
            )
        elif number % 4 == 1:
            build.tool(
                "find_order",
                parent=parent,
                start=number,
                arguments={"id": number, "q": prose(200)},
                result=prose(500),
                error="no such order" if number % 97 == 0 else None,
            )
        else:
            build.span("GET /orders", parent=parent, start=number, attributes=_request(number, prose(500)))
    return build.trace()


def _request(number: int, note: str) -> dict[str, str | int]:
    return {
        "http.route": "/orders/{id}",
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.full": f"http://shop/orders/{number}",
        "server.address": "shop",
        "network.protocol.version": "1.1",
        "user_agent.original": "httpx/0.28",
        "http.response.body.size": 900,
        "note": note,
    }


def once(name: str, work: Callable[[], object], limit_ms: float | None = None) -> Row:
    gc.collect()
    started = time.thread_time()
    work()
    return Row(f"once: {name}", (time.thread_time() - started) * 1e3, limit_ms, 0)


def p95(name: str, tool: str, trace: Trace, arguments: list[dict[str, object]], limit_ms: float | None) -> Row:
    times, sizes = list[float](), list[int]()
    for number in range(CALLS):
        started = time.thread_time()
        answer = tools.call(tool, trace, arguments[number % len(arguments)])
        times.append((time.thread_time() - started) * 1e3)
        sizes.append(len(answer.encode()))
    return Row(name, sorted(times)[-(-CALLS * 95 // 100) - 1], limit_ms, max(sizes))


def measure(spans: int) -> Iterator[Row]:
    made = make_trace(spans)
    stored = pickle.dumps(made)
    del made
    call, search, decoded = MS.get(spans, (None, None, None))
    trace: Trace = pickle.loads(stored)
    size = trace.size
    del stored
    yield Row(f"once: spans parsed ({size / 1e6:.0f} MB)", once("", lambda: trace.spans).ms, None, 0)
    yield once("attributes decoded", lambda: [span.attributes for span in trace.spans])
    yield once("dialects read", lambda: [dialects.read(span) for span in trace.spans])
    yield once("decoded text built", lambda: text_of(trace), decoded)
    yield once("tree, folds, columns", lambda: (tree_of(trace).folds, _columns(tree_of(trace))))
    yield once("get_trace_info", lambda: tools.call("get_trace_info", trace, {}))
    yield once("span_statistics", lambda: tools.call("span_statistics", trace, {}))
    ids = [span.span_id for span in trace.spans]
    some = [ids[number * len(ids) // CALLS] for number in range(CALLS)]
    yield p95("get_trace_info", "get_trace_info", trace, [{}], call)
    yield p95("span_statistics", "span_statistics", trace, [{"sort": each} for each in ("total", "errors")], call)
    pages: list[dict[str, object]] = [{"start": 40 * page} for page in range(CALLS)]
    yield p95("list_spans, pages", "list_spans", trace, pages, call)
    filters: list[dict[str, object]] = [{"status": "ERROR"}, {"name": "find", "start": 9}, {"role": "model"}]
    filters += [{"min_duration_ms": 1_000 + number, "name": "ste"} for number in range(CALLS)]
    yield p95("list_spans, filters", "list_spans", trace, filters, call)
    yield p95("list_spans, under a span", "list_spans", trace, [{"under": each} for each in some], call)
    yield once("trajectory, first page", lambda: tools.call("read_steps", trace, {}))
    yield p95("read_steps, pages", "read_steps", trace, [{"start": 30 * page + 1} for page in range(CALLS)], call)
    yield p95("get_span", "get_span", trace, [{"span_id": each} for each in some], call)
    for name, patterns in patterns_of(spans).items():
        yield p95(f"search, {name}", "search_trace_regex", trace, [{"pattern": each} for each in patterns], search)


def _columns(tree: Tree) -> object:
    return tree.positions, tree.names, tree.roles, tree.statuses, tree.durations, tree.errors_before


def patterns_of(spans: int) -> dict[str, list[str]]:
    """20 patterns each, since a pattern that was searched before costs nothing."""
    turns = [4 * (spans * number // CALLS // 4) for number in range(CALLS)]
    return {
        "no value": [f"nowhere-{number}" for number in range(CALLS)],
        "one value": [f"turn-{turn} word" for turn in turns],
        "one value, any case, classes": [rf"(?i)TURN-{turn}\s+\w+" for turn in turns],
        "1 in 500 values": [rf"\bword{number} word1\d\b" for number in range(CALLS)],
        "every value": [f"nowhere-{number}|." for number in range(CALLS)],
        "the edges of values": [f"^no such order|^turn-{number}$" for number in range(CALLS)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, nargs="*", default=[1_000, 10_000])
    for spans in parser.parse_args().spans:
        print(f"\n{f'{spans:,} spans':48} {'ms':>9} {'limit':>7} {'kB':>6}")
        for row in measure(spans):
            late = row.limit_ms is not None and row.ms > row.limit_ms
            verdict = "" if row.limit_ms is None else "TOO SLOW" if late else "ok"
            verdict = "TOO LARGE" if row.size > CAP_KB * 1_000 else verdict
            size = f"{row.size / 1e3:6.1f}" if row.size else f"{'':6}"
            print(f"{row.name:48} {row.ms:9.1f} {row.limit_ms or '':>7} {size}  {verdict}".rstrip())


if __name__ == "__main__":
    main()
