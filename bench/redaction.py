"""What redaction adds to decoding: `python -m bench.redaction`.

A trace of 10,000 spans of some 1 kB, as agents write them: model calls with messages in JSON, tools with arguments and
results, some of them with escapes; one span in a hundred holds something to redact. Decoding is what a judge's reading
takes anyway: parsing, attributes, dialects and the text of all spans. CPU seconds of the same trace, fresh each time,
first without and then with redaction, the median of the ratios of some rounds; the garbage collector rests meanwhile.
"""

from __future__ import annotations

import gc
import json
import time
from statistics import median

from otel_judge import dialects
from otel_judge.judge.trace_text import text_of
from otel_judge.redact import Redactor
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace

SPANS = 10_000
ROUNDS = 9
HELD = 100  # one span in so many holds something
MOST = 0.30  # of decoding

_WORDS = "the order was found in the warehouse and is on its way to the customer by the next train "


def a_trace() -> Trace:
    build = TraceBuilder(service="shop")
    root = build.agent("shop", user="Where are my orders?", answer="They ship today.", end=float(SPANS))
    for number in range((SPANS - 1) // 2):
        held = f" ask user{number}@example.com" if number % HELD == 0 else ""
        said = f'order {number}: {_WORDS * 6}\nit said "soon"{held}'
        build.chat(
            "m-1",
            parent=root,
            messages=[{"role": "user", "parts": [{"type": "text", "content": said}]}],
            output=[{"role": "assistant", "parts": [{"type": "text", "content": _WORDS * 3}]}],
            tokens=(900, 40),
            start=2.0 * number,
        )
        rows = [{"id": number, "state": "shipped", "note": _WORDS * 3, "at": 1_760_000_000_000 + number}] * 3
        build.tool(
            "find_order",
            parent=root,
            arguments={"id": number, "why": "the user asks"},
            result=json.dumps(rows),
            start=2.0 * number + 1,
        )
    return build.trace()


def decode(trace: Trace) -> None:
    for span in trace.spans:
        dialects.read(span)
    text_of(trace)


def seconds(blocks: Trace, redactor: Redactor | None) -> float:
    trace = Trace(blocks.raw_trace_id, blocks.blocks)
    gc.collect()
    gc.disable()
    started = time.process_time()
    decode(trace if redactor is None else redactor.redact_now(trace).trace)
    taken = time.process_time() - started
    gc.enable()
    return taken


def main() -> None:
    trace, redactor = a_trace(), Redactor()
    seen = redactor.redact_now(Trace(trace.raw_trace_id, trace.blocks))
    ratios, plain = list[float](), list[float]()
    for _ in range(ROUNDS):
        plain.append(seconds(trace, None))
        ratios.append(seconds(trace, redactor) / plain[-1] - 1)
    found = ", ".join(f"{count} {kind}" for kind, count in seen.redactions.items())
    print(f"{trace.span_count} spans, {trace.size / 1e6:.1f} MB, {found}")
    added = median(ratios)
    print(f"decoding {median(plain):.2f} s of CPU; redaction adds {added:.0%}  {'ok' if added <= MOST else 'TOO SLOW'}")


if __name__ == "__main__":
    main()
