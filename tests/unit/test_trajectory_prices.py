from __future__ import annotations

import pytest

from otel_judge.testing.traces import TraceBuilder
from otel_judge.trajectory import cost_of, token_totals

MODEL = "gpt-4o"


def calls(tokens: list[tuple[int, int]], model: str = MODEL):
    build = TraceBuilder()
    for each in tokens:
        build.chat(model, tokens=each)
    return token_totals(build.trace()).counted


def test_calls_cost_the_sum_of_what_each_costs() -> None:
    one, other = cost_of(calls([(1_000, 10)])), cost_of(calls([(50, 700)]))
    both = cost_of(calls([(1_000, 10), (50, 700)]))
    assert one.usd > 0
    assert both.usd == pytest.approx(one.usd + other.usd)
    assert both.unpriced == ()


def test_past_a_thousand_calls_the_rest_cost_what_their_average_would() -> None:
    exact = cost_of(calls([(1_000, 100)])).usd
    assert cost_of(calls([(1_000, 100)] * 1_003)).usd == pytest.approx(1_003 * exact)


def test_models_without_a_price_are_named_and_left_out() -> None:
    cost = cost_of(calls([(5, 5)], "no-such-model"))
    assert (cost.usd, cost.unpriced) == (0.0, ("no-such-model",))
