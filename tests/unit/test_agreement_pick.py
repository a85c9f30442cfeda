"""Which traces are picked for labelling."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verdicts_and_labels import failed, quote, trace_id, unjudgeable, verdict

from otel_judge.agreement import Pick, pick
from otel_judge.feedback import Coverage, Feedback
from otel_judge.label import parse_label

TRACES = [trace_id(number) for number in range(100)]


def plain(*doubtful: Feedback) -> list[Feedback]:
    """A firm verdict on each trace, but for those that are given."""
    given = {each.trace_id for each in doubtful}
    return [*(verdict(number) for number in range(100) if trace_id(number) not in given), *doubtful]


def uncertain(feedback: list[Feedback], n: int = 100) -> dict[str, tuple[str, ...]]:
    picks = [pick(TRACES, feedback, n, judge="task", seed=seed) for seed in range(12)]
    return {each.trace_id: each.doubts for some in picks for each in some if each.picked == "uncertain"}


@pytest.mark.parametrize(
    ("doubtful", "reason"),
    [
        ([verdict(7), verdict(7, "fail")], "judged again, it says something else"),
        ([verdict(7), verdict(7, "fail", name="n", shadow_of="task", agrees=False)], "its shadow disagrees"),
        ([verdict(7, evidence=(quote(), quote(verified=False)))], "evidence was not found in the trace"),
        ([verdict(7), verdict(7, "fail", name="safety")], "another judge says otherwise"),
        ([verdict(7, forced="turns")], "it was made to give a verdict"),
        ([verdict(7, coverage=Coverage(0.2, 0.2))], "it read little of the trace"),
        ([unjudgeable(7)], "it found the trace not judgeable"),
    ],
)
def test_what_makes_a_verdict_uncertain(doubtful: list[Feedback], reason: str) -> None:
    assert uncertain(plain(*doubtful), n=40) == {trace_id(7): (reason,)}


def test_a_score_near_where_passing_begins_is_uncertain() -> None:
    scores = {0: 0.0, 1: 0.45, 2: 0.55, 3: 1.0}
    feedback = [
        verdict(n, "pass" if score >= 0.5 else "fail", score=score) for n, score in scores.items()
    ]  # fmt: skip
    picks = [pick(TRACES, feedback, 2, judge="task", seed=seed) for seed in range(12)]
    found = {each.trace_id for some in picks for each in some if each.picked == "uncertain"}
    assert found <= {trace_id(1), trace_id(2)}
    assert found


def test_half_is_random_and_half_is_the_most_doubtful() -> None:
    doubtful = [verdict(number, forced="turns", evidence=(quote(verified=False),)) for number in range(5)]
    doubtful += [verdict(number, forced="turns") for number in range(5, 60)]
    picks = pick(TRACES, plain(*doubtful), 10, judge="task")
    worst = [each for each in picks if each.picked == "uncertain"]
    assert len(picks) == 10
    assert len(worst) == 5
    assert sum(len(each.doubts) == 2 for each in worst) >= 3  # but for those that the random half took


def test_the_random_half_is_fair() -> None:
    """Doubtful traces are in it as often as others: it must speak for all traffic."""
    feedback = plain(*(verdict(number, forced="turns") for number in range(30)))
    drawn = [
        each.trace_id
        for seed in range(300)
        for each in pick(TRACES, feedback, 20, judge="task", seed=seed)
        if each.picked == "random"
    ]
    share = sum(trace in TRACES[:30] for trace in drawn) / len(drawn)
    assert share == pytest.approx(0.3, abs=0.03)


@given(st.integers(1, 120), st.integers(0, 9), st.sets(st.integers(0, 99)))
def test_as_many_as_asked_each_once_and_the_same_for_the_same_seed(n: int, seed: int, doubtful: set[int]) -> None:
    feedback = plain(*(verdict(number, forced="turns") for number in doubtful))
    picks = pick(TRACES, feedback, n, judge="task", seed=seed)
    assert picks == pick(TRACES, feedback, n, judge="task", seed=seed)
    assert len({each.trace_id for each in picks}) == len(picks) == min(n, 100)
    assert all(each.doubts for each in picks if each.picked == "uncertain")


def test_without_a_judge_all_are_random_and_failures_are_nothing_to_check() -> None:
    assert {each.picked for each in pick(TRACES, [], 10)} == {"random"}
    assert pick(TRACES, [failed(3)], 10, judge="task") == []


def test_a_pick_is_a_line_to_fill_in_that_hides_the_verdict() -> None:
    line = Pick(trace_id(1), "task", "uncertain", ("its shadow disagrees",)).as_dict()
    assert parse_label(line) is None
    assert "shadow" not in json.dumps(line)
    filled = parse_label({**line, "label": "fail", "annotator": "kim"})
    assert filled is not None
    assert (filled.name, filled.label, filled.picked) == ("task", "fail", "uncertain")
