from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_judge.config_judges import Limits
from otel_judge.feedback import Usage
from otel_judge.judge.budget import TURN_BYTES, Budget, tokens_of

INPUT_USD, OUTPUT_USD = 3e-6, 15e-6  # a token


def price(input_tokens: int, output_tokens: int) -> float:
    return input_tokens * INPUT_USD + output_tokens * OUTPUT_USD


def a_budget(**limits: object) -> Budget:
    given_limits = {"turns": 1_000, "seconds": 1e6, "tokens": 10**9, **limits}
    return Budget(Limits.model_validate(given_limits), most_usd=price, clock=lambda: 0.0)


def answered(budget: Budget, input_tokens: int, output_tokens: int) -> None:
    budget.reserve()
    budget.spent(Usage(input_tokens, 0, output_tokens), price(input_tokens, output_tokens), 1.0)


@pytest.mark.parametrize(
    ("limits", "ceiling"),
    [({"turns": 1}, "turns"), ({"tokens": 5_000}, "tokens"), ({"usd": 0.05}, "usd"), ({"seconds": 1e-9}, None)],
)
def test_each_ceiling_closes_reading_under_its_own_name(limits: dict[str, object], ceiling: str | None) -> None:
    budget = a_budget(**limits)
    budget.next_input = 1_000
    assert budget.closing() == ceiling


def test_the_seconds_close_reading_before_they_are_over() -> None:
    now = 0.0
    budget = Budget(Limits(seconds=100), clock=lambda: now)
    assert (budget.closing(), budget.exhausted()) == (None, None)
    now = 81.0
    assert (budget.closing(), budget.exhausted()) == ("seconds", None)
    budget.waited(10.0)
    assert budget.closing() is None
    now = 111.0
    assert budget.exhausted() == "seconds"


def test_the_seconds_close_while_there_is_time_for_one_more_answer_like_the_slowest() -> None:
    now = 0.0
    budget = Budget(Limits(seconds=100), clock=lambda: now)
    budget.spent(Usage(1, 0, 1), 0.0, seconds=30)
    now = 35
    assert budget.closing() is None
    now = 45
    assert budget.closing() == "seconds"


def test_the_last_answer_is_as_long_as_what_is_left_allows() -> None:
    budget = a_budget(tokens=3_000)
    budget.next_input = 2_000
    assert budget.reserve() == 1_000
    budget = a_budget(usd=price(2_000, 500))
    budget.next_input = 2_000
    assert budget.reserve() in (499, 500)


@pytest.mark.parametrize(("limits", "ceiling"), [({"tokens": 2_255}, "tokens"), ({"usd": price(2_000, 255)}, "usd")])
def test_an_answer_too_short_to_say_anything_is_not_asked_for(limits: dict[str, object], ceiling: str) -> None:
    budget = a_budget(**limits)
    budget.next_input = 2_000
    assert (budget.answer_tokens, budget.exhausted()) == (0, ceiling)


def test_a_request_whose_usage_is_unknown_is_settled_at_its_reservation() -> None:
    budget = a_budget(tokens=100_000, usd=1)
    budget.next_input = 1_000
    budget.reserve()
    budget.lost()
    assert (budget.spent_tokens, budget.spent_usd) == (3_048, pytest.approx(price(1_000, 2_048)))
    assert (budget.usage, budget.turns, budget.requests) == (Usage(), 0, 1)


def test_an_answer_without_reported_tokens_is_settled_at_its_reservation() -> None:
    budget = a_budget(tokens=100_000, usd=1)
    budget.next_input = 1_000
    answered(budget, 0, 0)
    assert (budget.spent_tokens, budget.turns) == (3_048, 1)


def test_a_refused_request_costs_nothing_but_is_counted() -> None:
    budget = a_budget(tokens=100_000)
    budget.next_input = 1_000
    budget.reserve()
    budget.release()
    assert (budget.spent_tokens, budget.spent_usd, budget.requests) == (0, 0.0, 1)


Answers = st.lists(
    st.tuples(
        st.sampled_from(["told", "lost", "refused"]),
        st.floats(0, 1),  # of the reservation, reported as input
        st.floats(0, 1),  # of the reservation, reported as output
        st.integers(0, tokens_of(TURN_BYTES)),  # what the turn adds
    ),
    max_size=60,
)


@given(
    tokens=st.integers(1_000, 300_000),
    usd=st.none() | st.floats(0.001, 1.0),
    first=st.integers(1, 30_000),
    answers=Answers,
)
def test_no_run_of_answers_goes_past_the_ceilings_and_the_verdict_always_has_its_share(
    tokens: int, usd: float | None, first: int, answers: list[tuple[str, float, float, int]]
) -> None:
    budget = a_budget(tokens=tokens, usd=usd)
    budget.next_input = first
    read = False
    for kind, input_share, output_share, added in answers:
        if budget.exhausted() is not None:
            assert not read, "reading ate the share of the verdict"
            break
        closed = budget.closing() is not None
        answer = budget.reserve()
        assert budget.spent_tokens + budget.next_input + answer <= tokens
        assert usd is None or budget.spent_usd + price(budget.next_input, answer) <= usd * (1 + 1e-9)
        if kind == "told":
            used_input, used_output = int(budget.next_input * input_share), int(answer * output_share)
            budget.spent(Usage(used_input, 0, used_output), price(used_input, used_output), 1.0)
        elif kind == "lost":
            budget.lost()
        else:
            budget.release()
        if closed:
            read = False
            break
        read = True
        if kind == "told":
            budget.next_input += answer + added
    assert budget.spent_tokens <= tokens
    assert usd is None or budget.spent_usd <= usd * (1 + 1e-9)


@given(first=st.integers(1, 5_000), reported=st.lists(st.integers(0, 10**7), max_size=20))
def test_whatever_usage_is_reported_no_request_is_sent_that_does_not_fit_what_is_left(
    first: int, reported: list[int]
) -> None:
    budget = a_budget(tokens=200_000, usd=1.0)
    budget.next_input = first
    for used in reported:
        if budget.exhausted() is not None:
            break
        answer = budget.answer_tokens
        assert budget.spent_tokens + budget.next_input + answer <= 200_000
        assert budget.spent_usd + price(budget.next_input, answer) <= 1.0 + 1e-9
        before = budget.spent_tokens
        answered(budget, used, 0)
        assert budget.spent_tokens - before == (used or first + answer)


def test_parts_of_a_sweep_are_no_turns_and_leave_the_verdict_its_share() -> None:
    budget = a_budget(turns=2, tokens=60_000)
    read = 0
    while True:
        budget.next_input = 12_000
        budget.set_aside(15_000, more=True)
        if (ceiling := budget.closing()) is not None:
            break
        answered(budget, 12_000, 500)
        read += 1
    assert (ceiling, read) == ("tokens", 3)
    budget.set_aside(None)
    budget.next_input = 15_000
    assert budget.answer_tokens == budget.max_tokens
    assert budget.exhausted() is None


def test_a_part_of_a_sweep_may_take_half_of_the_seconds_that_the_verdict_does_not_need() -> None:
    now = 0.0
    budget = Budget(Limits(seconds=100), clock=lambda: now)
    budget.set_aside(1_000, more=True)
    assert budget.remaining_s == 40
    now = 40.0
    budget.set_aside(1_000, more=True)
    assert (budget.remaining_s, budget.closing()) == (20, None)
    budget.set_aside(1_000)
    assert budget.remaining_s == 40
    now = 81.0
    budget.set_aside(1_000)
    assert budget.closing() == "seconds"
    budget.set_aside(None)
    assert budget.remaining_s == 19
