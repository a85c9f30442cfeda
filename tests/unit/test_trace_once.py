"""What a trace is asked for is worked out once, and comes out the same whichever threads ask."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from otel_judge import dialects
from otel_judge.judge import tools
from otel_judge.testing.traces import TraceBuilder, asks, text
from otel_judge.trace import Trace
from otel_judge.trajectory import steps

T = TypeVar("T")
THREADS = 8


def a_trace(turns: int = 40) -> Trace:
    build = TraceBuilder(service="shop")
    root = build.agent("shop", user="Where is my order?", answer="It ships today.", end=float(turns))
    for number in range(turns):
        call = asks("find", {"id": number}, call_id=f"call-{number}")
        build.chat("m-1", parent=root, start=number, messages=[text("user", f"turn {number}")], output=[call])
        result = f"no order {number}" if number % 7 else "order found"
        build.tool("find", parent=root, start=number, call_id=f"call-{number}", result=result)
        build.span("GET /orders", parent=root, start=number, attributes={"url.full": f"http://shop/{number}"})
    return pickle.loads(pickle.dumps(build.trace()))


def at_once(ask: Callable[[int], T]) -> list[T]:
    start = threading.Barrier(THREADS)

    def one(number: int) -> T:
        start.wait()
        return ask(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def test_threads_that_ask_at_once_get_the_same_spans_and_contents() -> None:
    trace = a_trace()
    spans = at_once(lambda _: trace.spans)
    assert all(each is spans[0] for each in spans)
    for read in at_once(lambda _: [dialects.read(span) for span in trace.spans]):
        assert all(content is span.content for content, span in zip(read, trace.spans, strict=True))


def test_work_under_a_key_is_done_once_and_keys_are_apart() -> None:
    trace, made = a_trace(1), list[str]()

    def make(name: str) -> object:
        made.append(name)
        return object()

    first = at_once(lambda _: trace.once("first", lambda: make("first")))
    assert all(each is first[0] for each in first)
    assert trace.once("second", lambda: make("second")) is not first[0]
    assert made == ["first", "second"]


def test_work_that_failed_is_not_remembered() -> None:
    trace = a_trace(1)

    def fail() -> str:
        raise LookupError

    with pytest.raises(LookupError):
        trace.once("key", fail)
    assert trace.once("key", lambda: "made") == "made"


def test_tools_answer_the_same_in_parallel_as_one_after_another() -> None:
    parallel, alone = a_trace(), a_trace()
    calls: list[tuple[str, dict[str, object]]] = [
        ("get_trace_info", {}),
        ("search_trace_regex", {"pattern": "order"}),
        ("list_spans", {"role": "model"}),
        ("read_steps", {}),
        ("span_statistics", {}),
        ("search_trace_regex", {"pattern": "turn 1"}),
        ("read_steps", {"start": 50}),
        ("get_span", {"span_id": alone.spans[-1].span_id}),
    ]
    answers = at_once(lambda number: tools.answer(calls[number][0], parallel, calls[number][1]))
    assert answers == [tools.answer(name, alone, arguments) for name, arguments in calls]
    assert len(steps(parallel)) == len(steps(alone))
