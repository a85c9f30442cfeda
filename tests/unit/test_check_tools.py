import pytest

from otel_judge.check import Grade, build
from otel_judge.config import RepeatedCallsCheck, ToolErrorsCheck
from otel_judge.testing.traces import TraceBuilder, answers, asks, text


def tool_errors(traced: TraceBuilder) -> Grade:
    return build([ToolErrorsCheck()])[0].grade(traced.trace())


def repeated_calls(traced: TraceBuilder, at_least: int = 3) -> Grade:
    return build([RepeatedCallsCheck(min=at_least)])[0].grade(traced.trace())


def test_failed_tool_fails_with_the_error_as_evidence():
    traced = TraceBuilder()
    agent = traced.agent("shop", answer="all done", end=9.0)
    bad = traced.tool("pay", parent=agent, error="card declined", start=1.0)
    traced.tool("find", parent=agent, start=3.0)
    grade = tool_errors(traced)
    assert grade.passed is False
    assert grade.rationale == "1 of 2 tool calls failed and no later call of the same tool succeeded: pay"
    assert [(each.span_id, each.quote, each.path) for each in grade.evidence] == [
        (bad, "card declined", "status.message")
    ]


def test_failure_that_a_later_call_of_the_same_tool_made_good_passes():
    traced = TraceBuilder()
    traced.tool("pay", error="timeout", start=1.0)
    traced.tool("find", start=2.0)
    traced.tool("pay", start=3.0)
    grade = tool_errors(traced)
    assert grade.passed is True
    assert grade.rationale == "1 of 3 tool calls failed, and a later call of the same tool succeeded"
    assert [each.quote for each in grade.evidence] == ["timeout"]


def test_earlier_success_makes_no_failure_good():
    traced = TraceBuilder()
    traced.tool("pay", start=1.0)
    traced.tool("pay", error="declined", start=3.0)
    assert tool_errors(traced).passed is False


def test_failure_in_messages_alone_is_found():
    traced = TraceBuilder()
    ask = asks("pay", {}, call_id="c1")
    traced.chat("m", output=[ask])
    reply = traced.chat("m", messages=[ask, answers("Error: declined", call_id="c1")], start=2.0)
    grade = tool_errors(traced)
    assert grade.passed is False
    assert [(each.span_id, each.path) for each in grade.evidence] == [(reply, "input")]


def test_quotes_are_cut_to_300_characters_and_ten():
    traced = TraceBuilder()
    for number in range(30):
        traced.tool(f"tool {number}", error="é" * 1000, start=float(number))
    grade = tool_errors(traced)
    assert [each.quote for each in grade.evidence] == ["é" * 300] * 10
    assert grade.rationale.endswith("tool 0, tool 1, tool 2, tool 3, tool 4 and 25 more")


@pytest.mark.parametrize("check", [tool_errors, repeated_calls])
def test_agent_that_called_no_tool_passes(check):
    traced = TraceBuilder()
    agent = traced.agent("shop", answer="hello")
    traced.chat("m", parent=agent, finish="stop")
    assert check(traced) == Grade(passed=True, rationale="no tool was called")


@pytest.mark.parametrize("check", [tool_errors, repeated_calls])
def test_trace_that_cannot_tell_whether_a_tool_was_called_is_not_judgeable(check):
    plain = TraceBuilder()
    plain.span("GET /", error="500")
    silent = TraceBuilder()
    silent.chat("m", parent=silent.agent("shop"))
    asked = TraceBuilder()
    asked.chat("m", finish="tool-calls")
    for traced in (plain, silent, asked, TraceBuilder()):
        grade = check(traced)
        assert grade.passed is None
        assert grade.rationale


def test_call_whose_result_was_not_captured_is_not_judgeable():
    traced = TraceBuilder()
    traced.chat("m", output=[asks("pay", {}, call_id="c1")])
    traced.chat("m", output=[text("assistant", "paid")], start=2.0)
    grade = tool_errors(traced)
    assert grade.passed is None
    assert grade.rationale == "the results of 1 of 1 tool call were not captured: pay"


def test_same_tool_with_same_arguments_often_enough_fails():
    traced = TraceBuilder()
    for number, arguments in enumerate(['{"a": 1, "b": 2}', '{"b":2,"a":1}', ' {"a":1,"b":2} ']):
        traced.tool("find", arguments=arguments, start=float(number))
    grade = repeated_calls(traced)
    assert grade.passed is False
    assert grade.rationale == "find was called 3 times with the same arguments, 3 or more fail"
    assert [each.quote for each in grade.evidence] == ['{"a": 1, "b": 2}', '{"b":2,"a":1}', ' {"a":1,"b":2} ']
    assert {each.path for each in grade.evidence} == {"tool.arguments"}
    assert repeated_calls(traced, at_least=4).passed is True


def test_different_arguments_or_tools_are_not_repetitions():
    traced = TraceBuilder()
    for number in range(5):
        traced.tool("find", arguments={"page": number}, start=float(number))
        traced.tool(f"tool {number}", arguments={}, start=float(number))
    grade = repeated_calls(traced)
    assert grade.passed is True
    assert grade.rationale == "10 tool calls, no two with the same arguments"


def test_arguments_that_were_not_captured_are_not_judgeable_where_they_could_matter():
    traced = TraceBuilder()
    traced.tool("find", start=0.0)
    traced.tool("find", arguments={}, start=1.0)
    assert repeated_calls(traced).passed is True
    traced.tool("find", start=2.0)
    grade = repeated_calls(traced)
    assert grade.passed is None
    assert grade.rationale == "the arguments of 2 of the calls of find were not captured: 3 or more may be the same"


def test_quote_from_json_ends_before_its_first_escape():
    traced = TraceBuilder()
    for number in range(3):
        traced.tool("say", arguments={"text": 'he said "no"'}, start=float(number))
    assert [each.quote for each in repeated_calls(traced).evidence] == ['{"text": "he said '] * 3


def test_repeated_calls_without_arguments_cite_the_spans_by_their_own_names():
    traced = TraceBuilder()
    named = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay", "gen_ai.tool.call.arguments": ""}
    first = traced.span("run pay", attributes=named)
    traced.span("", attributes=named)  # nothing to quote
    grade = repeated_calls(traced, at_least=2)
    assert grade.passed is False
    assert [(each.span_id, each.quote, each.path) for each in grade.evidence] == [(first, "run pay", "name")]
