import time

import pytest
from shared_traces import labelled, recorded

from otel_judge.testing.traces import TraceBuilder, answers, asks, text
from otel_judge.trajectory import Place, ToolUse, tool_calls


def uses(build: TraceBuilder) -> list[ToolUse]:
    return list(tool_calls(build.trace()))


def test_tool_span_and_the_messages_about_it_are_one_use():
    build = TraceBuilder()
    agent = build.agent("shop", end=9.0)
    ask = asks("find", {"id": 7}, call_id="c1")
    build.chat("m", parent=agent, output=[ask], start=0.0)
    tool = build.tool("find", parent=agent, call_id="c1", start=1.0)
    later = build.chat("m", parent=agent, messages=[text("user", "?"), ask, answers("found", call_id="c1")], start=2.0)
    (use,) = uses(build)
    assert (use.name, use.arguments, use.result, use.span_id, use.ran) == ("find", '{"id": 7}', "found", tool, True)
    assert use.result_at == Place(later, "input")
    assert use.succeeded


def test_agent_without_tool_spans_shows_its_tools_in_messages():
    build = TraceBuilder()
    first, second = asks("find", {"id": 7}, call_id="c1"), asks("find", {"id": 8}, call_id="c2")
    user = text("user", "?")
    one = build.chat("m", messages=[user], output=[first], start=0.0)
    two = build.chat("m", messages=[user, first, answers("a", call_id="c1")], output=[second], start=2.0)
    history = [user, first, answers("a", call_id="c1"), second, answers("b", call_id="c2")]
    three = build.chat("m", messages=history, output=[text("assistant", "done")], start=4.0)
    assert [(use.arguments, use.result, use.span_id, use.ran) for use in uses(build)] == [
        ('{"id": 7}', "a", one, False),
        ('{"id": 8}', "b", two, False),
    ]
    assert [use.arguments_at for use in uses(build)] == [Place(one, "output"), Place(two, "output")]
    assert [use.result_at for use in uses(build)] == [Place(two, "input"), Place(three, "input")]


def test_calls_of_earlier_turns_in_the_history_are_not_of_this_run():
    build = TraceBuilder()
    build.chat(
        "m",
        messages=[
            text("user", "first turn"),
            asks("find", {}, call_id="old"),
            answers("Error: gone", call_id="old"),
            text("assistant", "sorry"),
            text("user", "second turn"),
            asks("find", {}, call_id="new"),
            answers("here", call_id="new"),
        ],
    )
    assert [use.call_id for use in uses(build)] == ["new"]


def test_call_ids_numbered_anew_each_turn_are_different_uses():
    build = TraceBuilder()
    history = [text("user", "?")]
    for turn in range(3):
        call = asks("find", {"page": turn}, call_id="call_1")
        build.chat("m", messages=history, output=[call], start=turn * 2.0)
        history = [*history, call, answers(f"page {turn}", call_id="call_1")]
    build.chat("m", messages=history, output=[text("assistant", "done")], start=6.0)
    assert [use.result for use in uses(build)] == ["page 0", "page 1", "page 2"]


def test_calls_without_ids_are_known_by_their_place():
    def call(page: int) -> dict:
        return {"role": "assistant", "parts": [{"type": "tool_call", "name": "find", "arguments": {"page": page}}]}

    def result(page: int) -> dict:
        return {"role": "tool", "parts": [{"type": "tool_call_response", "name": "find", "response": f"page {page}"}]}

    build = TraceBuilder()
    history = [text("user", "?")]
    for page in (1, 1, 2):
        build.chat("m", messages=history, output=[call(page)], start=float(len(history)))
        history = [*history, call(page), result(page)]
    build.chat("m", messages=history, start=90.0)
    assert [use.result for use in uses(build)] == ["page 1", "page 1", "page 2"]


def test_tool_spans_without_call_id_are_matched_by_name_and_arguments():
    build = TraceBuilder()
    both = asks("find", {"id": 1}, call_id="c1")
    both["parts"].append(asks("find", {"id": 2}, call_id="c2")["parts"][0])
    build.chat("m", output=[both], start=0.0)
    two = build.tool("find", arguments='{"id":2}', start=2.0)
    one = build.tool("find", arguments='{ "id": 1 }', start=2.5)
    build.chat("m", messages=[both, answers("first", call_id="c1"), answers("second", call_id="c2")], start=4.0)
    assert [(use.span_id, use.result) for use in uses(build)] == [(two, "second"), (one, "first")]


def test_nested_spans_of_one_tool_are_one_use_and_the_last_try_decides():
    build = TraceBuilder()
    outer = build.tool("find", call_id="c1", end=9.0)
    build.tool("find", parent=outer, arguments="{}", error="timeout", start=1.0)
    build.tool("find", parent=outer, result="found", start=3.0)
    (use,) = uses(build)
    assert (use.span_id, use.arguments, use.result, use.failed) == (outer, "{}", "found", False)


def test_tools_below_an_agent_below_a_tool_are_their_own():
    build = TraceBuilder()
    outer = build.tool("delegate", end=9.0)
    agent = build.agent("helper", parent=outer, end=8.0)
    build.tool("delegate", parent=agent, start=1.0)
    assert len(uses(build)) == 2


def test_output_of_an_agent_adds_only_what_no_model_call_told():
    build = TraceBuilder()
    spoken = [asks("find", {}, call_id="c1"), answers("x", call_id="c1"), asks("buy", {}, call_id="c2")]
    agent = build.span(
        "invoke_agent",
        attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.output.messages": spoken},
        end=9.0,
    )
    build.chat("m", parent=agent, output=[spoken[0]])
    assert [use.name for use in uses(build)] == ["find", "buy"]


@pytest.mark.parametrize(
    ("options", "error", "path"),
    [
        ({"error": "no such order"}, "no such order", "status.message"),
        ({"attributes": {"error.type": "timeout"}}, "timeout", "attributes.error.type"),
        ({"result": "Error: user not found"}, "Error: user not found", "tool.result"),
        ({"result": "ValueError: bad"}, "ValueError: bad", "tool.result"),
        ({"result": "Error executing tool find: no"}, "Error executing tool find: no", "tool.result"),
        ({"result": '{"error": "gone"}'}, '{"error": "gone"}', "tool.result"),
        ({"result": '{"isError": true, "content": []}'}, '{"isError": true, "content": []}', "tool.result"),
        ({"error": ""}, "execute_tool find", "name"),
    ],
)
def test_what_counts_as_failed(options, error, path):
    build = TraceBuilder()
    span_id = build.tool("find", **options)
    (use,) = uses(build)
    assert (use.error, use.error_at) == (error, Place(span_id, path))
    assert not use.succeeded


def test_exception_event_counts_unless_the_span_says_ok():
    build = TraceBuilder()
    for status in ("UNSET", "OK"):
        span_id = build.tool("find", status=status)
        build.event(span_id, "exception", {"exception.type": "ValueError", "exception.message": "bad"})
    bad, fine = uses(build)
    assert (bad.error, bad.error_at) == ("bad", Place(bad.span_id, "events[0].attributes.exception.message"))
    assert fine.succeeded


@pytest.mark.parametrize(
    "result",
    [
        "No results",
        "Errors found: 0",
        "Error rate is 2 %",
        "erroneous",
        "The error: none",
        '{"error": null, "rows": 3}',
        '{"isError": false}',
        '{"data": {"error": "inner"}}',
        '[{"error": "in a list"}]',
        '{"error": ',
        "",
    ],
)
def test_failure_is_not_guessed_from_other_results(result):
    build = TraceBuilder()
    build.tool("find", result=result)
    assert uses(build)[0].succeeded


def test_call_without_result_neither_failed_nor_succeeded():
    build = TraceBuilder()
    build.chat("m", output=[asks("find", {}, call_id="c1")])
    (use,) = uses(build)
    assert not use.failed
    assert not use.succeeded


def test_arguments_that_were_not_captured_are_none():
    build = TraceBuilder()
    build.chat("m", output=[{"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "find"}]}])
    build.tool("find", call_id="c1", start=1.0)
    (use,) = uses(build)
    assert use.arguments is None
    assert use.arguments_at is None


def test_recorded_agent_with_content():
    (use,) = tool_calls(recorded("microsoft-agent-2025-12-17"))
    assert (use.name, use.call_id, use.ran) == ("get_weather", "call_CwaJHuXTm9dmHFQPlVbqyzJ0", True)
    assert use.arguments == '{"location":"Tokyo, Japan"}'
    assert use.result is not None
    assert "stormy with a high of 23" in use.result


def test_recorded_agent_without_content_still_shows_its_tool():
    (use,) = tool_calls(recorded("microsoft-agent-2025-12-17", bare=True))
    assert (use.name, use.arguments, use.result, use.succeeded) == ("get_weather", None, None, True)


def test_labelled_runs_have_each_tool_span_once():
    for trace in labelled():
        spans = [span for span in trace.spans if span.name.startswith("execute_tool ")]
        found = tool_calls(trace)
        assert {use.span_id for use in found if use.ran} == {span.span_id for span in spans}
        assert len([use for use in found if use.ran]) == len(spans)
        assert all(use.arguments is not None for use in found)


def test_conversation_that_every_call_repeats_costs_linear_time():
    def seconds(turns: int) -> float:
        build = TraceBuilder()
        for turn in range(turns):
            history = [text("user", "?")]
            for back in range(turn - 20, turn):
                history += [asks("f", {}, call_id=f"c{back}"), answers("r", call_id=f"c{back}")]
            build.chat("m", messages=history, output=[asks("f", {}, call_id=f"c{turn}")], start=turn * 1e-3)
        trace = build.trace()
        begin = time.process_time()
        # 20 earlier calls stand only in the first input, after its user message.
        assert len(tool_calls(trace)) == turns + 20
        return time.process_time() - begin

    seconds(50)
    assert seconds(2000) < 60 * max(seconds(200), 0.02)
