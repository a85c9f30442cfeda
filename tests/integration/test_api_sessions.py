"""Judges of sessions from Python: called with the traces of one conversation, and among the scorers of `evaluate`."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from api_judges import named
from session_turns import SAID, a_turn, root_of

from otel_judge import Feedback, evaluate, make_judge, no_tool_errors
from otel_judge.session import Missing, Session
from otel_judge.testing.model import Reply, Request, ScriptedModel, verdict

pytestmark = pytest.mark.usefixtures("anthropic_key")
TURNS = [a_turn(number) for number in range(3)]
TRACES = [turn.trace() for turn in TURNS]
FIRST, LAST = TURNS[0], TURNS[-1]


def asked(reply: Reply, call: dict[str, Any], **judge: Any) -> tuple[Feedback, Request]:
    with ScriptedModel([reply]) as model:
        made = make_judge(
            "helped", **{"instructions": "Was the user of the {{ trace }} helped?", **judge}, model=named(model)
        )
        return pickle.loads(pickle.dumps(made))(**call), model.requests[0]


def test_a_judge_whose_target_is_the_session_reads_all_of_it() -> None:
    quote = {"span_id": root_of(FIRST), "path": "output", "quote": SAID[0][1]}
    reply = verdict("fine", "It was.", evidence=[quote, {**quote, "span_id": root_of(LAST), "quote": SAID[2][1]}])
    feedback, request = asked(reply, {"session": [TRACES[2], TRACES[0], TRACES[1]]}, target="session")
    assert "session of 3 traces" in request.prompt
    assert all(said in request.prompt for pair in SAID for said in pair)
    assert (feedback.trace_id, feedback.span_id) == (LAST.trace_id, root_of(LAST))
    assert [each.trace_id for each in feedback.target.links] == [turn.trace_id for turn in TURNS[:2]]
    assert [(each.span_id, each.trace_id, each.verified) for each in feedback.evidence] == [
        (root_of(FIRST), FIRST.trace_id, True),
        (root_of(LAST), None, True),
    ]
    assert feedback.coverage is not None
    assert feedback.coverage.spans == 1.0


def test_any_other_judge_reads_the_last_trace_and_the_conversation() -> None:
    feedback, request = asked(
        verdict("fine"), {"session": TRACES}, instructions="Was {{ trace }} right after {{ conversation }}?"
    )
    assert f"trace {LAST.trace_id}" in request.prompt
    assert "session of" not in request.prompt
    conversation = request.prompt.partition("[conversation]")[2]
    assert all(conversation.count(said) == 1 for pair in SAID for said in pair)
    assert feedback.target.links == ()


def test_the_target_is_part_of_the_judges_version() -> None:
    with ScriptedModel([]) as model:
        one, other, default = (
            make_judge("helped", "Is {{ trace }} fine?", named(model), **target)
            for target in ({"target": "root"}, {"target": "session"}, {})
        )
    assert one.version == default.version != other.version


def test_a_judge_that_must_show_absence_passes_no_session_that_lacks_turns() -> None:
    for missing, label in ((None, "pass"), (Missing(forgotten=1), "not_judgeable")):
        feedback, _ = asked(
            verdict("pass", "Nothing leaked."),
            {"trace": Session.of(TRACES, missing=missing)},
            target="session",
            values=["pass", "fail"],
            sweep=True,
        )
        assert feedback.label == label
        assert ("1 earlier turns of the conversation" in feedback.rationale) == (missing is not None)


def test_evaluate_grades_conversations_at_the_end_of_the_data() -> None:
    other = a_turn(0, "c-2", seed=9).trace()
    with ScriptedModel(lambda _: verdict("pass")) as model:
        judge = make_judge("helped", "Was {{ trace }} fine?", named(model), values=["pass", "fail"], target="session")
        result = evaluate(iter([TRACES[1], other, TRACES[2], TRACES[0]]), [no_tool_errors(), judge])
        assert len(model.requests) == 2
    assert [(len(row.turns), [each.name for each in row.feedback]) for row in result.rows] == [
        *[(0, ["no_tool_errors"])] * 4,
        (3, ["helped"]),
        (1, ["helped"]),
    ]
    assert [row.trace_id for row in result.rows[4:]] == [LAST.trace_id, other.trace_id]
    assert result.pass_rate("helped") == 1.0
