"""Tools of one turn side by side, and large traces beside the loop: told by threads and barriers, not by clocks."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from typing import TypeAlias

import pytest
from scripted_judges import NOW_NS, TRACE, a_judge, judging

from otel_judge.judge import tools
from otel_judge.judge.aside import LARGE_BYTES
from otel_judge.testing.model import ScriptedModel, blocks, tool_use, verdict
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of

pytestmark = pytest.mark.usefixtures("anthropic_key")

Heard: TypeAlias = Callable[[str], None]
LONG_S = 30.0  # longest wait for what must come
CALLS = blocks(tool_use("search_trace_regex", pattern="order 17"), tool_use("span_statistics"))
CALLED = ("search_trace_regex", "span_statistics")


@pytest.fixture
def overhear(monkeypatch: pytest.MonkeyPatch) -> Callable[[Heard], None]:
    """Has a function hear the name of each span tool before it answers."""
    answer = tools.answer

    def install(heard: Heard) -> None:
        def overheard(name: str, trace: Trace, arguments: Mapping[str, object]) -> tools.Answer:
            heard(name)
            return answer(name, trace, arguments)

        monkeypatch.setattr(tools, "answer", overheard)

    return install


def a_large_trace() -> Trace:
    build = TraceBuilder(service="shop")
    root = build.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    for number in range(600):
        build.tool("find_order", parent=root, arguments={"id": number}, result=f"order {number} " + "x" * 500)
    trace = build.trace()
    assert trace.size > LARGE_BYTES
    return trace


async def test_while_tools_read_a_large_trace_side_by_side_the_loop_answers(overhear: Callable[[Heard], None]) -> None:
    loop, loop_thread = asyncio.get_running_loop(), threading.get_ident()
    both = threading.Barrier(2)
    met = list[str]()

    async def tick() -> int:
        return threading.get_ident()

    def heard(name: str) -> None:
        assert threading.get_ident() != loop_thread
        if name in CALLED:
            both.wait(LONG_S)  # passes only when the other call is under way too
            assert asyncio.run_coroutine_threadsafe(tick(), loop).result(LONG_S) == loop_thread
            met.append(name)

    overhear(heard)
    trace = a_large_trace()
    with ScriptedModel([CALLS, verdict("pass")]) as model:
        judge = a_judge(model.base_url)
        feedback = await judge.grade(trace, target_of(trace, trace.root), now_ns=lambda: NOW_NS)
        await judge.aclose()
    assert (feedback.error, feedback.label) == (None, "pass")
    assert sorted(met) == sorted(CALLED)


def test_answers_count_in_the_order_of_the_calls_whichever_comes_first(
    overhear: Callable[[Heard], None], caplog: pytest.LogCaptureFixture
) -> None:
    second = threading.Event()

    def heard(name: str) -> None:
        if name == CALLED[0]:
            assert second.wait(LONG_S)
        elif name == CALLED[1]:
            second.set()

    overhear(heard)
    trace = a_large_trace()
    with (
        caplog.at_level(logging.DEBUG, "otel_judge.judge"),
        judging([CALLS, verdict("pass")]) as (model, grade),
    ):
        assert grade(trace).error is None
    told = [block["content"][0]["text"] for block in model.requests[1].body["messages"][-1]["content"]]
    expected = [
        tools.call("search_trace_regex", trace, {"pattern": "order 17"}),
        tools.call("span_statistics", trace, {}),
    ]
    assert told == expected
    lines = [record.getMessage() for record in caplog.records if record.name == "otel_judge.judge"]
    assert [line.split("(")[0] for line in lines[:2]] == [f"Calling tool: {name}" for name in CALLED]
    assert lines[2:4] == [f"Tool response: {text}" for text in expected]


def test_a_small_trace_is_read_on_the_loop(overhear: Callable[[Heard], None]) -> None:
    threads = set[int]()
    overhear(lambda _: threads.add(threading.get_ident()))
    with judging([CALLS, verdict("pass")]) as (_, grade):
        assert grade(TRACE).error is None
    assert threads == {threading.get_ident()}


async def test_a_cancelled_judgement_ends_though_a_tool_still_reads(overhear: Callable[[Heard], None]) -> None:
    under_way, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def heard(name: str) -> None:
        if name == CALLED[0]:
            loop.call_soon_threadsafe(under_way.set)
            go_on.wait(LONG_S)

    overhear(heard)
    trace = a_large_trace()
    try:
        with ScriptedModel([CALLS, verdict("pass")]) as model:
            judge = a_judge(model.base_url)
            task = asyncio.create_task(judge.grade(trace, target_of(trace, trace.root)))
            await asyncio.wait_for(under_way.wait(), LONG_S)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not go_on.is_set()
            await judge.aclose()
    finally:
        go_on.set()
