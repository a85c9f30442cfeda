from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from otel_judge.judge import tools
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace


def listed(trace: Trace, **arguments: object) -> list[str]:
    return tools.call("list_spans", trace, arguments).splitlines()


def a_loop(turns: int, *, failing: range = range(0)) -> tuple[TraceBuilder, str]:
    """An agent that goes round: a model call with an HTTP request below it, then a tool."""
    build = TraceBuilder()
    root = build.agent("shop", end=float(turns))
    for turn in range(turns):
        chat = build.chat("m-1", parent=root, start=turn)
        build.span("POST", parent=chat, start=turn)
        build.tool("find", parent=root, start=turn + 0.5, error="no" if turn in failing else None)
    return build, root


def test_a_loop_is_folded_with_its_names_and_errors() -> None:
    build, root = a_loop(1_000, failing=range(500, 503))
    lines = listed(build.trace())
    assert lines[0] == "rows 1 and on, of 12, for 3001 spans; runs of alike spans are folded"
    (fold,) = [line for line in lines if "…" in line]
    assert fold == (
        "  … 1,993 more spans: 997 'chat m-1', 996 'execute_tool find', with 997 below them, "
        f"3 errors among them (name=… under={root} lists them)"
    )
    assert "execute_tool find" in lines[-1]  # the last child is always shown


def test_a_run_of_one_name_is_folded_as_such() -> None:
    build = TraceBuilder()
    for number in range(100):
        build.span("chat", start=number)
    assert listed(build.trace())[4] == "… 96 more 'chat' spans, no errors (name=… lists them)"


def test_what_was_folded_is_listed_by_a_filter_and_under_each_of_its_spans() -> None:
    build, root = a_loop(100, failing=range(50, 51))
    trace = build.trace()
    (failed,) = listed(trace, status="ERROR")[1:]
    assert "ERROR · status.message: no" in failed
    assert len(listed(trace, name="chat", under=root, start=95)[1:]) == 5
    chats = [span for span in trace.spans if span.name == "chat m-1"]
    lines = listed(trace, under=chats[60].span_id)
    assert lines[0] == "spans 1 and on, of 2 (the trace has 301)"
    assert re.match(f"{chats[60].span_id} chat m-1", lines[1])
    assert re.match("  [0-9a-f]{16} POST", lines[2])


def test_filters_are_by_role_duration_and_all_together() -> None:
    build, _ = a_loop(10, failing=range(3, 6))
    slow = build.tool("find", start=20.0, end=25.0, error="late")
    trace = build.trace()
    assert listed(trace, role="tool", status="ERROR", min_duration_ms=1_001)[1].startswith(slow)
    assert listed(trace, role="tool")[0] == "spans 1 and on, of 11 (the trace has 32)"
    assert listed(trace, min_duration_ms="5000")[0].startswith("spans 1 and on, of 2 ")
    assert listed(trace, role="robot") == [
        "role must be agent, model, tool, retrieval, embedding, workflow or other",
    ]


def test_a_small_trace_is_never_folded() -> None:
    build = TraceBuilder()
    for number in range(40):
        build.span("chat", start=number)
    assert listed(build.trace())[0] == "spans 1 and on, of 40"


def test_a_chain_of_any_depth_is_walked() -> None:
    build, depth, parent = TraceBuilder(), 20_000, None
    for number in range(depth):
        parent = build.span("down", parent=parent, span_id=f"{number + 1:016x}")
    trace = build.trace()
    assert listed(trace, start=depth - 1)[1].strip().startswith(f"(depth {depth - 1}) {parent} down")
    for name in ("get_trace_info", "list_spans"):
        assert len(tools.call(name, trace, {}).encode()) <= tools.CAP_BYTES


NAMES = st.sampled_from(["a", "b", "c"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(NAMES, st.integers(0, 80), st.booleans()), min_size=60, max_size=90))
def test_rows_and_folds_together_hold_every_span_once(spans: list[tuple[str, int, bool]]) -> None:
    build = TraceBuilder()
    ids = list[str]()
    for number, (name, parent, failed) in enumerate(spans):
        above = ids[parent % (number // 8 + 1)] if number and parent else None
        ids.append(build.span(name, parent=above, start=number, error="no" if failed else None))
    trace = build.trace()
    shown, folded, errors, start = 0, 0, 0, 0
    while True:
        lines = listed(trace, start=start)
        rows = [line.strip() for line in lines[1:]]
        following = re.search(r"next: start=(\d+)", rows[-1])
        for row in rows[:-1] if following else rows:
            if row.startswith("…"):
                more, below, failed = (
                    re.match(r"… (\d+) more", row),
                    re.search(r"with (\d+) below", row),
                    re.search(r"(\d+) errors among", row),
                )
                assert more is not None
                folded += int(more[1]) + (int(below[1]) if below else 0)
                errors += int(failed[1]) if failed else 0
            else:
                shown += 1
                errors += " · ERROR" in row
        if following is None:
            break
        start = int(following[1])
    assert shown + folded == len(spans)
    assert errors == sum(failed for _, _, failed in spans)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text(max_size=300), min_size=1, max_size=4, unique=True),
    st.integers(60, 200),
    st.integers(0, 50),
    st.booleans(),
)
def test_folded_lists_stay_within_the_cap_and_are_the_same_again(
    names: list[str], count: int, start: int, deep: bool
) -> None:
    build, parent = TraceBuilder(), None
    for number in range(count):
        added = build.span(names[number % len(names)] * 3, parent=parent, start=number, error="e" * 500)
        parent = added if deep else parent
    trace = build.trace()
    for arguments in ({"start": start}, {"start": start, "under": trace.spans[0].span_id}, {"status": "ERROR"}):
        answered = tools.call("list_spans", trace, arguments)
        assert len(answered.encode()) <= tools.CAP_BYTES
        assert answered == tools.call("list_spans", build.trace(), arguments)
