from __future__ import annotations

from collections import Counter

import pytest
from shared_traces import labelled, recorded

from otel_judge import dialects
from otel_judge.dialects.base import Role, Text, ToolCall, ToolResult
from otel_judge.testing.traces import TraceBuilder, answers, asks, text
from otel_judge.trace import Trace
from otel_judge.trajectory import AgentRun, ModelTurn, Said, Step, ToolStep, Trajectory, Work, failure_of, steps


def kinds(trajectory: Trajectory) -> Counter[str]:
    return Counter(type(step).__name__ for step in trajectory.steps)


def words(step: Step) -> str:
    parts = step.parts if isinstance(step, Said | ModelTurn) else ()
    return "".join(part.text for part in parts if isinstance(part, Text))


def test_yes_said_twice_is_two_messages() -> None:
    build = TraceBuilder()
    history: list[object] = []
    for number in range(3):
        history.append(text("user", "yes"))
        answer = text("assistant", "Shall I go on?")
        build.chat("m", messages=history, output=[answer], start=2.0 * number)
        history.append(answer)
    told = [(type(step).__name__, words(step)) for step in steps(build.trace()).steps]
    assert told == [("Said", "yes"), ("ModelTurn", "Shall I go on?")] * 3


def test_the_same_question_asked_again_is_a_message_again_and_a_retry_is_not() -> None:
    for error, times in ((None, 2), ("overloaded", 1)):
        build = TraceBuilder()
        asked = [text("system", "Be kind."), text("user", "Who am I?")]
        build.chat("m", messages=asked, output=None if error else [text("assistant", "You")], start=0.0, error=error)
        build.chat("m", messages=asked, output=[text("assistant", "You, I think")], start=2.0)
        told = Counter(words(step) for step in steps(build.trace()).steps)
        assert told["Who am I?"] == times
        assert told["Be kind."] == 1


def test_a_message_stands_where_it_first_appeared() -> None:
    build = TraceBuilder()
    agent = build.agent("a", user="Hello", answer="Hi", end=9.0)
    first = build.chat("m", parent=agent, messages=[text("user", "Hello")], output=[text("assistant", "Hi")], start=1.0)
    greeting = [text("user", "Hello"), text("assistant", "Hi"), text("user", "Bye")]
    second = build.chat("m", parent=agent, messages=greeting, output=[text("assistant", "Bye")], start=3.0)
    told = [(step.span.span_id, step.depth, words(step)) for step in steps(build.trace()).steps]
    assert told == [
        (agent, 0, ""),
        (first, 1, "Hello"),
        (first, 1, "Hi"),
        (second, 1, "Bye"),
        (second, 1, "Bye"),
    ]


def test_what_only_the_agent_recorded_is_shown_there() -> None:
    build = TraceBuilder()
    agent = build.agent("a", user="Hello", answer="Hi", end=9.0)
    build.chat("m", parent=agent, start=1.0)
    found = steps(build.trace()).steps
    assert [(type(step).__name__, words(step)) for step in found] == [
        ("AgentRun", ""),
        ("Said", "Hello"),
        ("ModelTurn", ""),
        ("Said", "Hi"),
    ]
    turn = found[2]
    assert isinstance(turn, ModelTurn)
    assert not turn.has_input
    assert not turn.has_output


def test_a_summary_that_replaces_the_history_is_new_and_what_was_kept_is_not() -> None:
    build = TraceBuilder()
    system = text("system", "Work.")
    call, result = asks("find", {}, call_id="c1"), answers("found", call_id="c1")
    build.chat("m", messages=[system, text("user", "a"), text("assistant", "b"), text("user", "c")], output=[call])
    build.chat(
        "m", messages=[system, text("user", "summary"), call, result], output=[text("assistant", "d")], start=2.0
    )
    told = [words(step) or type(step).__name__ for step in steps(build.trace()).steps]
    assert told == ["Work.", "a", "b", "c", "ModelTurn", "ToolStep", "summary", "d"]


def test_a_conversation_handed_on_is_not_told_again() -> None:
    build = TraceBuilder()
    said = [text("user", "Refund me"), text("assistant", "I hand you on"), text("user", "Please")]
    one = build.agent("triage", start=0.0, end=3.0)
    build.chat("m", parent=one, messages=[text("system", "Triage."), said[0]], output=[said[1]], start=1.0)
    two = build.agent("refunds", start=4.0, end=9.0)
    build.chat(
        "m", parent=two, messages=[text("system", "Refund."), *said], output=[text("assistant", "Done")], start=5.0
    )
    told = [words(step) or type(step).__name__ for step in steps(build.trace()).steps]
    assert told == ["AgentRun", "Triage.", "Refund me", "I hand you on", "AgentRun", "Refund.", "Please", "Done"]


def test_a_result_told_otherwise_than_it_was_recorded_is_shown_both_ways() -> None:
    build = TraceBuilder()
    call = asks("pay", {"sum": 7}, call_id="c1")
    build.chat("m", messages=[text("user", "pay")], output=[call])
    build.tool("pay", arguments={"sum": 70}, result="declined", call_id="c1", start=2.0)
    history = [text("user", "pay"), call, answers("paid", call_id="c1")]
    build.chat("m", messages=history, output=[text("assistant", "Paid.")], start=4.0)
    found = steps(build.trace()).steps
    tool = next(step for step in found if isinstance(step, ToolStep))
    assert (tool.use.arguments, tool.use.result) == ('{"sum": 70}', "declined")
    told = [part for step in found if isinstance(step, Said) for part in step.parts]
    assert told[1:] == [ToolCall("pay", '{"sum": 7}', "c1"), ToolResult("paid", "c1")]


def test_work_of_other_services_stands_beside_the_agent_and_its_errors_apart() -> None:
    build = TraceBuilder(service="shop")
    agent = build.agent("shop", end=99.0)
    tool = build.tool("pay", parent=agent, start=1.0, end=60.0)
    for number in range(30):
        error = "connection refused" if number in (7, 8) else None
        build.span("POST /charge", parent=tool, start=2.0 + number, kind="CLIENT", service="payments", error=error)
    build.span("SELECT", parent=tool, start=50.0, kind="CLIENT", service="payments")
    found = steps(build.trace()).steps
    work = [step for step in found if isinstance(step, Work)]
    assert [(step.span.name, len(step.spans), step.error and step.error[0]) for step in work] == [
        ("POST /charge", 28, None),
        ("POST /charge", 2, "connection refused"),
        ("SELECT", 1, None),
    ]
    assert {step.depth for step in work} == {2}
    assert [failure_of(step) is not None for step in found] == [False, False, False, True, False]


def test_nested_spans_of_one_call_are_one_step_with_what_each_knows() -> None:
    build = TraceBuilder()
    outer = build.chat("m", messages=[text("user", "Hi")], output=[text("assistant", "Ho")], end=4.0)
    inner = build.chat("m", parent=outer, tokens=(10, 2), start=1.0)
    build.span("POST", parent=inner, start=1.5, kind="CLIENT")
    found = steps(build.trace()).steps
    assert [(type(step).__name__, step.span.span_id) for step in found[:2]] == [("Said", outer), ("ModelTurn", inner)]
    turn = found[1]
    assert isinstance(turn, ModelTurn)
    assert (words(turn), turn.answered_in.span_id) == ("Ho", outer)
    assert turn.content.usage is not None
    assert turn.content.usage.input_tokens == 10
    assert isinstance(found[2], Work)


def test_a_trace_without_an_agent_is_its_span_tree() -> None:
    build = TraceBuilder()
    root = build.span("GET /", end=9.0)
    build.span("SELECT", parent=build.span("handler", parent=root, start=1.0), start=2.0)
    told = [(step.depth, step.span.name) for step in steps(build.trace()).steps]
    assert told == [(0, "GET /"), (1, "handler"), (2, "SELECT")]


def a_long_run(calls: int) -> Trace:
    build = TraceBuilder()
    agent = build.agent("a", end=calls * 2.0)
    history: list[object] = [text("system", "Go on."), text("user", "go")]
    for number in range(calls):
        answer = text("assistant", f"step {number}")
        build.chat("m", parent=agent, messages=[history[0], *history[1:][-20:]], output=[answer], start=number * 2.0)
        history += [answer, text("user", "go on")]
    return build.trace()


def test_steps_grow_with_what_is_new_not_with_what_is_repeated() -> None:
    for calls in (50, 100, 200):
        assert len(steps(a_long_run(calls))) == 1 + 1 + 2 * calls


def test_a_deep_chain_does_not_recurse() -> None:
    build = TraceBuilder()
    parent: str | None = None
    for number in range(20_000):
        parent = build.span(
            f"level {number}", parent=parent, start=float(number), end=99_999.0, attributes={"level": number}
        )
    build.chat("m", parent=parent, output=[text("assistant", "deep")], start=20_000.0)
    trajectory = steps(build.trace())
    assert len(trajectory) == 20_001
    assert trajectory.steps[-1].depth == 20_000


def test_cycles_missing_parents_and_no_spans_at_all() -> None:
    build = TraceBuilder()
    build.chat("m", span_id="0" * 15 + "1", parent="0" * 15 + "2", output=[text("assistant", "one")])
    build.tool("t", span_id="0" * 15 + "2", parent="0" * 15 + "1", result="two")
    build.agent("a", parent="f" * 16, answer="three", start=3.0)
    assert kinds(steps(build.trace())) == {"ModelTurn": 1, "ToolStep": 1, "AgentRun": 1, "Said": 1}
    assert len(steps(Trace(b"1" * 16, []))) == 0


RECORDED = {
    "claude-agent-2025-12-22": {"ModelTurn": 4, "ToolStep": 2},
    "microsoft-agent-2025-12-17": {"AgentRun": 1, "ModelTurn": 2, "ToolStep": 1},
    "pydantic-ai-tools-2025-12-04": {"AgentRun": 3, "ToolStep": 4},
    "kagent-jaeger-helm": {"AgentRun": 1, "ModelTurn": 2, "ToolStep": 1},
}


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_traces_have_their_steps(name: str) -> None:
    counted = kinds(steps(recorded(name)))
    assert {kind: counted[kind] for kind in RECORDED[name]} == RECORDED[name]


def test_the_messages_of_a_recorded_trace_stand_once() -> None:
    told = Counter(words(step) for step in steps(recorded("microsoft-agent-2025-12-17")).steps)
    assert told["What's the weather in Tokyo?"] == 1


def test_labelled_runs_have_each_call_once() -> None:
    for trace in labelled():
        found = steps(trace).steps
        roles = Counter(dialects.read(span).role for span in trace.spans)
        counted = kinds(steps(trace))
        assert counted["AgentRun"] == 1
        assert counted["ModelTurn"] == roles[Role.MODEL]
        assert counted["ToolStep"] == roles[Role.TOOL]
        assert isinstance(found[0], AgentRun)
        said = [step for step in found if isinstance(step, Said)]
        assert [step.role for step in said].count("system") == 1
        users = sum(
            message.role == "user"
            for span in trace.spans
            if dialects.read(span).role is Role.MODEL
            for message in dialects.read(span).input or ()
        )
        assert [step.role for step in said].count("user") == users
