from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_judge.judge import tools
from otel_judge.judge.tools.critical_path import own_times
from otel_judge.judge.tools.tree import tree_of
from otel_judge.testing.traces import TraceBuilder, text
from otel_judge.trace import CompletionReason, SpanBlock, SpanProto, Trace


def info(trace: Trace) -> list[str]:
    return tools.call("get_trace_info", trace, {}).splitlines()


def statistics(trace: Trace, **arguments: object) -> list[str]:
    return tools.call("span_statistics", trace, arguments).splitlines()


def test_the_facts_of_a_trace() -> None:
    build = TraceBuilder(service="shop")
    root = build.agent("shop", user="Hi", answer="Hello", end=3.0)
    build.chat("m-1", parent=root, tokens=(120, 30), output=[text("assistant", "Hello")], kind="CLIENT")
    build.chat("m-1", parent=root, tokens=(200, 10))
    build.tool("find", parent=root, error="no such order", service="orders")
    lines = info(build.trace())
    for line in (
        "status of the root: UNSET",
        "services: shop 3, orders 1",
        "roles: model 2, agent 1, tool 1",
        "kinds: internal 3, client 1",
        "names: chat m-1 2, invoke_agent shop 1, execute_tool find 1",
        "models: m-1 2",
        "tokens: 320 input, 40 output; no price is known for m-1",
        "content of agent spans: captured in 1 of 1",
        "content of model spans: captured in 1 of 2",
        "content of tool spans: not captured",
        "roots: 1",
        "spans with status ERROR: 1",
        "unusual: 1 model or agent spans have no captured content",
    ):
        assert line in lines


def test_money_is_said_where_a_price_is_known() -> None:
    build = TraceBuilder()
    build.chat("gpt-4o", tokens=(1_000_000, 0))
    build.chat("m-1", tokens=(5, 5))
    (line,) = (line for line in info(build.trace()) if line.startswith("tokens"))
    assert re.fullmatch(r"tokens: 1000005 input, 5 output; about \d\.\d{4} USD; no price is known for m-1", line)


def test_images_are_named_as_unread() -> None:
    build = TraceBuilder()
    image = {"role": "user", "parts": [{"type": "blob", "mime_type": "image/png", "content": "aGk="}]}
    build.chat("m-1", messages=[image, image])
    assert "content that cannot be read here: image/png 2" in info(build.trace())


def test_what_is_unusual_is_said() -> None:
    build = TraceBuilder()
    root = build.span("root", start=1.0)
    build.span("early", parent=root, start=0.25)
    build.span("lost", parent="f" * 16)
    build.span("called", parent="e" * 16, remote_parent=True)
    build.span("running", ended=False)
    build.span("backwards", start=5.0, end=4.0)
    build.span("one", span_id="a" * 16, parent="b" * 16)
    build.span("two", span_id="b" * 16, parent="a" * 16)
    unusual = [line for line in info(build.trace(completion=CompletionReason.IDLE)) if line.startswith("unusual: ")]
    assert unusual == [
        "unusual: the trace was closed early: no span came for a while, so some may be missing",
        "unusual: 1 spans name a parent that is not in the trace",
        "unusual: 1 circles of spans that are each other's parents",
        "unusual: the trace has 6 roots",
        "unusual: 1 spans have no end: they were still running, or their process died",
        "unusual: 1 spans end before their start",
        "unusual: 1 spans start before their parent, by up to 750.0 ms: clocks differ",
    ]


def test_what_limits_of_the_sdk_cut_is_said() -> None:
    build = TraceBuilder()
    build.span("cut")
    ((origin, (data,)),) = build.blocks()
    span = SpanProto.FromString(data)
    span.dropped_attributes_count, span.dropped_events_count = 3, 1
    trace = Trace(span.trace_id, [SpanBlock(origin, [span.SerializeToString()])])
    assert info(trace)[-1] == ("unusual: limits of the SDK cut 1 spans: 3 attributes, 1 events and 0 links are missing")
    shown = tools.call("get_span", trace, {"span_id": trace.spans[0].span_id})
    assert "cut by limits of the SDK: 3 attributes, 1 events" in shown


def test_statistics_count_by_name_and_share_the_critical_path() -> None:
    build = TraceBuilder()
    root = build.span("run", end=10.0)
    build.span("load", parent=root, start=0.0, end=4.0)
    build.span("beside", parent=root, start=1.0, end=3.0)  # while `load` runs: nobody waited for it
    last = build.span("chat", parent=root, start=5.0, end=9.0, error="no")
    build.span("chat", parent=last, start=6.0, end=7.0)
    assert statistics(build.trace()) == [
        f"4 names, by total; critical path: 10.00 s of the root {root}, each moment in the innermost span at work",
        f"run: 1 spans, 10.00 s ({root}), critical path 20.0%",
        f"chat: 2 spans, 1 errors, total 5.00 s, p50 1.00 s, max 4.00 s ({last}), critical path 40.0%",
        f"load: 1 spans, 4.00 s ({statistics(build.trace())[3].partition('(')[2][:16]}), critical path 40.0%",
        f"beside: 1 spans, 2.00 s ({statistics(build.trace())[4].partition('(')[2][:16]})",
    ]
    by_errors = statistics(build.trace(), sort="errors")
    assert by_errors[1].startswith("chat: ")


def test_many_names_come_in_pages_that_miss_none() -> None:
    build = TraceBuilder()
    for number in range(400):
        build.span(f"name {number}", start=number)
    trace, names, start = build.trace(), list[str](), 0
    while True:
        lines = statistics(trace, start=start, sort="count")
        names += [line.partition(":")[0] for line in lines[1:] if not line.startswith("…")]
        following = re.search(r"next: start=(\d+)", lines[-1])
        if following is None:
            break
        start = int(following[1])
    assert sorted(names) == sorted(span.name for span in trace.spans)
    assert statistics(trace, start=400) == ["400 names; none at start=400"]


@pytest.mark.parametrize(("arguments", "said"), [({"sort": "speed"}, "sort must be total"), ({"by": 1}, "takes no")])
def test_statistics_say_how_to_call(arguments: dict[str, Any], said: str) -> None:
    build = TraceBuilder()
    build.span("x")
    assert said in statistics(build.trace(), **arguments)[0]


TIMES = st.floats(0, 10)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), TIMES, TIMES), min_size=1, max_size=30))
def test_the_critical_path_adds_up_to_the_root_on_any_trace(spans: list[tuple[int, float, float]]) -> None:
    build = TraceBuilder()
    ids = [f"{number + 1:016x}" for number in range(len(spans))]
    for number, (parent, start, end) in enumerate(spans):
        build.span("s", span_id=ids[number], parent=ids[parent] if parent < len(ids) else None, start=start, end=end)
    trace = build.trace()
    own, length = own_times(trace)
    assert sum(own) == length == trace.root.duration_ns
    tree = tree_of(trace)
    assert len(tree) == len(trace)


def test_the_critical_path_follows_who_works_and_not_who_waits() -> None:
    build = TraceBuilder()
    root = build.span("request", end=10.0)
    build.span("open stream", parent=root, start=0.0, end=10.0)
    start = build.span("start", parent=root, start=0.0, end=0.1)  # what it started outlives it
    agent = build.span("agent", parent=start, start=0.1, end=9.0)
    build.span("chat", parent=agent, start=1.0, end=9.0)
    shares = dict(
        re.findall(r"^(.+): 1 spans.*critical path (.+)%$", "\n".join(statistics(build.trace())), re.MULTILINE)
    )
    assert shares == {"chat": "80.0", "open stream": "10.0", "agent": "9.0", "start": "1.0"}
