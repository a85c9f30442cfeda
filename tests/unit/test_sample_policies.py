"""Policies decide as the Collector's tail_sampling processor does (v0.161)."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_judge.config import Sampling
from otel_judge.sample import Sampler
from otel_judge.sample.probabilistic import fnv1a_64, threshold
from otel_judge.session import Session
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace

JUDGES = ("task_success",)


def sampler(*policies: dict) -> Sampler:
    return Sampler(Sampling.model_validate({"policies": policies}), JUDGES)


def trace_of(*durations_s: float, error: bool = False) -> Trace:
    builder = TraceBuilder()
    root = builder.span("root", start=0.0, end=durations_s[0], status="ERROR" if error else "UNSET")
    for end in durations_s[1:]:
        builder.span("child", parent=root, start=0.0, end=end)
    return builder.trace()


def test_without_policies_every_trace_is_judged() -> None:
    decision = sampler().decide(trace_of(1.0))
    assert (decision.sampled, decision.judges, decision.probability) == (True, JUDGES, 1.0)


def test_status_code_takes_a_trace_with_any_such_span() -> None:
    errors = sampler({"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}})
    taken = errors.decide(trace_of(1.0, error=True))
    assert taken.sampled
    assert taken.policy == "errors"
    assert taken.reason.startswith("policy 'errors' (status_code): span ")
    passed = errors.decide(trace_of(1.0))
    assert (passed.sampled, passed.judges, passed.probability) == (False, (), 0.0)
    assert passed.reason == "no policy took it: 'errors' (status_code): no span has status ERROR"


@pytest.mark.parametrize(
    ("threshold_ms", "upper_ms", "seconds", "sampled"),
    [
        (1000, None, 1.0, False),  # the lower bound is exclusive
        (1000, None, 1.001, True),
        (1000, None, 1.0009, False),  # whole milliseconds
        (1000, 2000, 2.0, True),  # the upper bound is inclusive
        (1000, 2000, 2.001, False),
        (1000, 0, 9.0, True),  # 0 is no bound
    ],
)
def test_latency_bounds(threshold_ms: int, upper_ms: int | None, seconds: float, sampled: bool) -> None:
    settings = {"threshold_ms": threshold_ms, "upper_threshold_ms": upper_ms}
    assert (
        sampler({"name": "slow", "type": "latency", "latency": settings}).decide(trace_of(seconds)).sampled is sampled
    )


def test_latency_is_tested_after_each_span_in_the_order_of_arrival() -> None:
    policy = {"name": "slow", "type": "latency", "latency": {"threshold_ms": 1000, "upper_threshold_ms": 2000}}
    assert sampler(policy).decide(trace_of(1.5, 9.0)).sampled
    assert not sampler(policy).decide(trace_of(9.0, 1.5)).sampled


def test_fnv1a_is_the_published_one() -> None:
    # Test vectors of the FNV authors (draft-eastlake-fnv).
    assert fnv1a_64(b"") == 0xCBF29CE484222325
    assert fnv1a_64(b"a") == 0xAF63DC4C8601EC8C
    assert fnv1a_64(b"foobar") == 0x85944171F73967E8
    assert fnv1a_64(b"bar", fnv1a_64(b"foo")) == fnv1a_64(b"foobar")


@pytest.mark.parametrize(
    ("percentage", "expected"),
    [
        (0, 0),
        (0.01, 1844674407370955),
        (3.3, 608742554432415231),
        (10, 1844674407370955263),
        (25, 4611686018427387903),
        (50, 9223372036854775807),
        (99.9, 18428297329635844095),
        (100, 18446744073709551615),
    ],
)
def test_thresholds_are_those_of_gos_big_float(percentage: float, expected: int) -> None:
    assert threshold(percentage) == expected


@pytest.mark.parametrize("percentage", [0, 10, 50, 100])
def test_probabilistic_takes_its_share(percentage: float) -> None:
    some = sampler({"name": "some", "type": "probabilistic", "probabilistic": {"sampling_percentage": percentage}})
    rng = random.Random(7)
    decisions = [some.decide(Trace(rng.randbytes(16), ())) for _ in range(4000)]
    assert sum(decision.sampled for decision in decisions) == pytest.approx(percentage * 40, abs=100)
    assert {decision.probability for decision in decisions} == {percentage / 100}


@given(st.binary(min_size=16, max_size=16), st.floats(0, 100), st.floats(0, 100))
def test_a_larger_share_of_the_same_salt_holds_the_smaller(trace_id: bytes, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert threshold(small) <= threshold(large)
    policies = [
        {"name": f"p{i}", "type": "probabilistic", "probabilistic": {"sampling_percentage": share, "hash_salt": "s"}}
        for i, share in enumerate((small, large))
    ]
    decision = sampler(*policies).decide(Trace(trace_id, ()))
    assert decision.probability == large / 100


def test_a_session_keeps_its_fate_when_it_goes_on() -> None:
    half = sampler({"name": "some", "type": "probabilistic", "probabilistic": {"sampling_percentage": 50}})
    taken = set()
    for first in range(40):
        turns = [TraceBuilder(seed=100 * first + number, base_ns=number * 10**9) for number in range(1, 4)]
        for turn in turns:
            turn.span("turn")
        traces = [turn.trace() for turn in turns]
        grown = [Session.of(traces[:count]) for count in (1, 2, 3)]
        without_the_first = Session.of(traces[2:], first_trace_id=traces[0].raw_trace_id)
        fates = {half.decide(session).sampled for session in (*grown, without_the_first)}
        assert len(fates) == 1
        taken |= fates
    assert taken == {True, False}


def test_different_salts_are_independent_draws() -> None:
    policies = [
        {"name": salt, "type": "probabilistic", "probabilistic": {"sampling_percentage": 50, "hash_salt": salt}}
        for salt in ("a", "b")
    ]
    assert sampler(*policies).decide(Trace(bytes(15) + b"\x01", ())).probability == pytest.approx(0.75)


def test_a_sure_policy_makes_the_probability_one() -> None:
    some = {"name": "some", "type": "probabilistic", "probabilistic": {"sampling_percentage": 1}}
    errors = {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
    decision = sampler(some, errors).decide(trace_of(1.0, error=True))
    assert (decision.sampled, decision.probability) == (True, 1.0)
    assert sampler(some, errors).decide(trace_of(1.0)).probability == 0.01
