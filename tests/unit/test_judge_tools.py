from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_judge.errors import ConfigError
from otel_judge.judge import tools
from otel_judge.judge.text import all_fields
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace

BUILD = TraceBuilder(service="shop")
ROOT = BUILD.agent("shop", user="Where is my order?", answer='It ships "today", café.', end=2.0)
FIND = BUILD.tool("find_order", parent=ROOT, arguments={"id": 7}, error="no such order", start=0.5)
TRACE = BUILD.trace()


def call(name: str, trace: Trace = TRACE, /, **arguments: object) -> str:
    return tools.call(name, trace, arguments)


def test_get_trace_info_says_what_the_trace_is() -> None:
    info = call("get_trace_info").splitlines()
    assert f"trace {TRACE.trace_id}" in info
    assert "spans: 2, over 2.00 s" in info
    assert "services: shop 2" in info
    assert "roles: agent 1, tool 1" in info
    assert "spans with status ERROR: 1" in info


def test_list_spans_is_the_tree_with_one_line_a_span() -> None:
    assert call("list_spans").splitlines() == [
        "spans 1 and on, of 2",
        f'{ROOT} invoke_agent shop · agent · 2.00 s · output: assistant: It ships "today", café.',
        f"  {FIND} execute_tool find_order · tool · 1.00 s · ERROR · status.message: no such order",
    ]


def test_list_spans_filters() -> None:
    assert ROOT not in call("list_spans", name="FIND")
    assert ROOT not in call("list_spans", status="ERROR")
    assert ROOT not in call("list_spans", under=FIND)
    assert call("list_spans", name="nothing") == "0 spans match; none at start=0"


def test_get_span_shows_every_value_under_its_path() -> None:
    shown = call("get_span", span_id=FIND.upper())
    for line in (
        "status.message: no such order",
        'tool.arguments: {"id": 7}',
        "resource.service.name: shop",
        "name: execute_tool find_order",
    ):
        assert line in shown.splitlines()
    assert f"parent {ROOT}" in shown


def test_a_long_value_is_cut_in_the_middle_and_can_be_read_to_its_end() -> None:
    build = TraceBuilder()
    long = "".join(f"line {number} é\n" for number in range(5_000))
    span_id = build.tool("dump", result=long)
    trace = build.trace()
    overview = call("get_span", trace, span_id=span_id)
    assert f"--- tool.result ({len(long)} characters, " in overview
    assert "line 0 é" in overview
    assert "line 4999 é" in overview
    read, start = "", 0
    while start < len(long):
        part = call("get_span", trace, span_id=span_id, path="tool.result", start=start)
        head, _, rest = part.partition("\n")
        assert f"characters {start} to " in head
        start = int(head.split(" to ")[1].split(" ")[0])
        lines = (rest if start == len(long) else rest.rpartition("\n… ")[0]).split("\n")
        read += "\n".join(line[2:] for line in lines)
    assert read == long


def test_a_span_of_many_values_comes_in_pages_that_miss_none() -> None:
    build = TraceBuilder()
    span_id = build.span("wide", attributes={f"key.{number}": f"value {number}" for number in range(1_000)})
    trace = build.trace()
    seen, start = "", 0
    while True:
        page = call("get_span", trace, span_id=span_id, start=start)
        seen += page + "\n"
        if "next: start=" not in page:
            break
        start = int(page.rpartition("next: start=")[2])
    for number in range(1_000):
        assert f"attributes.key.{number}: value {number}\n" in seen


def test_list_spans_comes_in_pages_that_miss_none() -> None:
    build = TraceBuilder()
    ids = [build.span(f"step {number}", start=number) for number in range(500)]
    trace = build.trace()
    seen, start = list[str](), 0
    while True:
        lines = call("list_spans", trace, start=start).splitlines()
        seen += [line.split()[0] for line in lines[1:] if not line.startswith("…")]
        if not lines[-1].startswith("…"):
            break
        start = int(lines[-1].partition("next: start=")[2].split(",")[0])
    assert seen == ids


def test_a_search_finds_decoded_text_with_span_and_path_and_the_true_count() -> None:
    found = call("search_trace_regex", pattern='ships "today", café')
    assert found.splitlines()[0].startswith("1 values match, in 1 of 2 spans")
    assert f'{ROOT} output[14]: assistant: It ships "today", café.' in found


def test_a_resource_is_found_once_however_many_spans_share_it() -> None:
    found = call("search_trace_regex", pattern="^shop$")
    assert f"{ROOT} resource.service.name[0]: shop" in found
    assert found.count("resource.service.name") == 1


def test_a_noisy_span_does_not_eat_the_search() -> None:
    build = TraceBuilder()
    build.span("noisy", attributes={f"key.{number}": "needle" for number in range(500)})
    quiet = build.span("quiet", attributes={"key": "needle"}, start=1.0)
    found = call("search_trace_regex", build.trace(), pattern="needle")
    assert found.startswith("501 values match, in 2 of 2 spans")
    assert f"{quiet} attributes.key[0]: needle" in found
    assert "497 values are not shown" in found


def test_a_search_with_many_places_comes_in_pages_that_miss_none() -> None:
    build = TraceBuilder()
    ids = [build.span("step", attributes={"key": "needle " * 20}, start=number) for number in range(300)]
    trace = build.trace()
    seen, start = list[str](), 0
    while True:
        lines = call("search_trace_regex", trace, pattern="needle", start=start).splitlines()
        assert lines[0].startswith("300 values match")
        seen += [line.split()[0] for line in lines[1:] if not line.startswith("…")]
        if "next: start=" not in lines[-1]:
            break
        start = int(lines[-1].partition("next: start=")[2].split(",")[0])
    assert seen == ids


def test_a_pattern_that_backtracks_elsewhere_is_answered_at_once() -> None:
    build = TraceBuilder()
    build.span("x", attributes={"key": "a" * 50_000 + "b"})
    assert call("search_trace_regex", build.trace(), pattern="(a+)+$").startswith("0 values match")


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("get_spans", {}, "no tool is named 'get_spans'; there are get_trace_info, "),
        ("get_span", {}, "get_span needs span_id"),
        ("get_span", {"span_id": "nope"}, "no span has the id 'nope'"),
        ("get_span", {"span_id": 7}, "span_id must be text"),
        ("get_span", {"span_id": ROOT, "path": "outputs"}, "the span has no value at 'outputs'; it has name, input"),
        ("get_span", {"span_id": ROOT, "path": "output", "start": 999}, "start must be below that"),
        ("get_span", {"span_id": ROOT, "start": -1}, "start must be a whole number from 0"),
        ("get_span", {"span_id": ROOT, "start": True}, "start must be a whole number from 0"),
        ("get_span", {"span_id": ROOT, "start": 99}, "none at start=99"),
        ("list_spans", {"page": 2}, "list_spans takes no 'page'; its arguments: start, name, role, status"),
        ("list_spans", {"status": "BAD"}, "status must be ERROR, OK or UNSET"),
        ("list_spans", {"under": "nope"}, "no span has the id 'nope'"),
        ("search_trace_regex", {"pattern": "(a"}, "not a valid RE2 pattern: missing ): (a"),
        ("search_trace_regex", {"pattern": "(?=a)"}, "RE2 has no lookaround"),
        ("search_trace_regex", {"pattern": ""}, "needs pattern"),
        ("search_trace_regex", {"pattern": "x" * 2000}, "pattern must have 1 to 1000 characters"),
    ],
)
def test_a_call_that_cannot_be_answered_says_how_to_call(name: str, arguments: dict[str, Any], said: str) -> None:
    answered = tools.call(name, TRACE, arguments)
    assert said in answered
    assert len(answered) < 600


def test_words_of_a_command_line_give_the_same_bytes() -> None:
    assert tools.call_text("list_spans", TRACE, ["start=1"]) == call("list_spans", start=1)
    with pytest.raises(ConfigError, match="it takes span_id=…, path=…, start=…"):
        tools.call_text("get_span", TRACE, [ROOT])
    with pytest.raises(ConfigError, match="no tool is named 'nope'"):
        tools.call_text("nope", TRACE, [])


TEXT = st.text(max_size=40) | st.sampled_from(
    ["\U0001f600" * 9_000, "x" * 30_000, "é\n" * 9_000, "\x00", '{"a": "\\ud800"}']
)
VALUE = st.recursive(
    TEXT | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.binary(max_size=20), st.lists, max_leaves=4
)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    build = TraceBuilder(service=draw(TEXT), resource=draw(st.dictionaries(TEXT, VALUE, max_size=3)))
    ids = list[str]()
    for _ in range(draw(st.integers(1, 6))):
        parent = draw(st.sampled_from([None, "f" * 16, *ids]))
        span_id = build.span(
            draw(TEXT),
            parent=parent,
            attributes=draw(st.dictionaries(TEXT, VALUE, max_size=4)),
            error=draw(st.none() | TEXT),
            end=draw(st.floats(-1, 10)),
        )
        build.event(span_id, draw(TEXT), {"key": draw(VALUE)})
        ids.append(span_id)
    return build.trace()


@settings(max_examples=80, deadline=None)
@given(traces(), st.data())
def test_every_answer_on_any_trace_is_within_the_cap_and_the_same_again(trace: Trace, data: st.DataObject) -> None:
    span = data.draw(st.sampled_from(trace.spans))
    path = data.draw(st.sampled_from([field.path for field in all_fields(span)] or [""]))
    start = data.draw(st.integers(0, 30))
    for name, arguments in (
        ("get_trace_info", {}),
        ("list_spans", {"start": start}),
        ("list_spans", {"name": data.draw(TEXT), "under": span.span_id}),
        ("list_spans", {"role": "other", "status": "ERROR", "min_duration_ms": start}),
        ("span_statistics", {"sort": data.draw(st.sampled_from(["total", "errors", "critical_path"])), "start": start}),
        ("get_span", {"span_id": span.span_id, "start": start}),
        ("get_span", {"span_id": span.span_id, "path": path, "start": start}),
        (
            "search_trace_regex",
            {"pattern": data.draw(st.sampled_from([".", ".*", "x+", "(?s).+", "é"])), "start": start},
        ),
    ):
        answered = tools.call(name, trace, arguments)
        assert len(answered.encode()) <= tools.CAP_BYTES
        assert answered == tools.call(name, trace, arguments)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([*tools.TOOLS, "other", ""]),
    st.dictionaries(
        st.sampled_from(
            [
                "start",
                "span_id",
                "path",
                "pattern",
                "under",
                "name",
                "status",
                "role",
                "min_duration_ms",
                "sort",
                "else",
            ]
        ),
        st.none() | st.text() | st.integers() | st.floats() | st.lists(st.integers(), max_size=2) | st.just(ROOT),
    ),
)
def test_no_arguments_raise(name: str, arguments: dict[str, object]) -> None:
    assert len(tools.call(name, TRACE, arguments).encode()) <= tools.CAP_BYTES
