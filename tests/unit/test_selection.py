"""Which traces: conditions as people write them, and samples that stay the same."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_judge.errors import ConfigError
from otel_judge.selection import Where, check_field, sample, sample_conversations, value_of
from otel_judge.testing.traces import BASE_NS, TraceBuilder
from otel_judge.trace import Trace


def a_trace() -> Trace:
    build = TraceBuilder(service="gateway", resource={"host.name": "node-1"})
    root = build.span("GET /orders", end=3.0, attributes={"http.route": "/orders", "retries": 2, "cached": False})
    build.agent("shop", parent=root, user="Where?", answer="There.", start=0.5, end=2.0)
    build.span(
        "charge", parent=root, start=1.0, end=1.5, status="ERROR", attributes={"amount": 12.5, "http.route": "/pay"}
    )
    return build.trace()


TRACE = a_trace()


@pytest.mark.parametrize(
    "condition",
    [
        "service=gateway",
        "service != other",
        "service!~^x",
        "name=GET /orders",
        "name~^GET",
        "agent=shop",
        "status=ERROR",
        "attributes.http.route=/orders",
        "attributes.http.route=/pay",
        "attributes.http.route!=/elsewhere",
        "attributes.retries=2",
        "attributes.retries>=2",
        "attributes.amount<13",
        "attributes.amount=12.50",
        "attributes.cached=false",
        "attributes.nothing!=x",
        "resource.host.name=node-1",
        "duration>2s",
        "duration<=3s",
        "duration>=1500ms",
        "spans=3",
        "start>=1970-01-01T00:00:00Z",
        "end<2100-01-01T00:00:00+01:00",
        f"start={BASE_NS / 1e9:.0f}",
    ],
)
def test_a_condition_that_holds(condition: str) -> None:
    assert Where.parse([condition])(TRACE)


@pytest.mark.parametrize(
    "condition",
    [
        "service=shop",
        "name=charge",
        "name!=GET /orders",
        "attributes.http.route!=/pay",  # some span has it
        "attributes.http.route!~pay",
        "attributes.http.route>1",  # text has no order
        "attributes.nothing=",
        "attributes.nothing~.*",
        "duration>3s",
        "spans>3",
        "start<1970-01-01T00:00:01Z",
    ],
)
def test_a_condition_that_does_not_hold(condition: str) -> None:
    assert not Where.parse([condition])(TRACE)


def test_conditions_hold_together() -> None:
    assert Where.parse(["service=gateway", "duration>2s"])(TRACE)
    assert not Where.parse(["service=gateway", "duration>4s"])(TRACE)
    assert Where()(TRACE)


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("shop", "--where shop: not a condition; write FIELD=VALUE"),
        ("servise=shop", "there is no field 'servise'; there are service, name"),
        ("attributes.=x", "there is no field 'attributes.'"),
        ("name~(", "'(' is no pattern"),
        ("name>x", "name is text and has no order"),
        ("duration~2", "duration is a number and takes no pattern"),
        ("duration>2", "'2' is not a duration; write one such as 500ms"),
        ("spans>many", "'many' is not a number"),
        ("spans>nan", "'nan' is not a number"),
        ("attributes.n>x", "'x' is not a number"),
        ("start>yesterday", "'yesterday' is not a time; write RFC 3339"),
        ("start>2026-01-31T12:00:00", "has no time zone; end it with Z"),
    ],
)
def test_what_is_no_condition_is_said_with_its_place(condition: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Where.parse([condition])
    assert str(caught.value).startswith(f"--where {condition}: ")
    assert problem in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_a_condition_or_an_error(word: str) -> None:
    try:
        where = Where.parse([word])
    except ConfigError:
        return
    assert where(TRACE) in (True, False)


def test_values_that_rows_are_put_together_by() -> None:
    fields = ("service", "name", "agent", "attributes.http.route", "attributes.amount", "attributes.cached")
    assert [value_of(TRACE, field) for field in fields] == [
        "gateway", "GET /orders", "shop", "/orders", "12.5", "false",
    ]  # fmt: skip
    assert value_of(TRACE, "attributes.nothing") is None
    with pytest.raises(ConfigError, match="by colour: there is no such field; use service, name"):
        check_field("colour")


def numbered(number: int) -> Trace:
    return Trace(number.to_bytes(16, "big"), ())


@given(
    st.lists(st.integers(1, 10_000), unique=True, max_size=60).flatmap(
        lambda ids: st.tuples(st.just(ids), st.permutations(ids))
    ),
    st.integers(1, 80),
    st.integers(0, 3),
)
def test_a_sample_is_the_same_in_any_order_and_part_of_a_larger_one(
    ids: tuple[list[int], list[int]], n: int, seed: int
) -> None:
    one, other = ([trace.trace_id for trace in sample(map(numbered, each), n, seed)] for each in ids)
    assert set(one) == set(other)
    assert len(one) == min(n, len(ids[0]))
    assert one == [numbered(each).trace_id for each in ids[0] if numbered(each).trace_id in set(one)]
    assert set(one) <= {trace.trace_id for trace in sample(map(numbered, ids[0]), n + 5, seed)}


def of_a_conversation(number: int, conversation: int | None) -> Trace:
    build = TraceBuilder(seed=number)
    about = {} if conversation is None else {"gen_ai.conversation.id": str(conversation)}
    build.agent("shop", attributes=about)
    return build.trace()


@given(
    st.lists(st.none() | st.integers(0, 4), max_size=20).flatmap(lambda c: st.permutations(list(enumerate(c)))),
    st.integers(1, 25),
    st.integers(0, 3),
)
def test_a_sample_of_conversations_has_all_of_each_and_no_more_of_them_than_it_needs(
    drawn: list[tuple[int, int | None]], n: int, seed: int
) -> None:
    made = {of_a_conversation(*each).trace_id: each for each in drawn}
    traces = [of_a_conversation(*each) for each in drawn]
    found = [made[trace.trace_id] for trace in sample_conversations(traces, n, seed)]
    assert found == [each for each in drawn if each in found]
    for conversation in {each[1] for each in found} - {None}:
        assert [each for each in found if each[1] == conversation] == [
            each for each in drawn if each[1] == conversation
        ]
    assert len(found) >= min(n, len(drawn))
    sizes = Counter(each if each[1] is None else each[1] for each in found)
    assert not found or len(found) - max(sizes.values()) < n
    in_order = sample_conversations(sorted(traces, key=lambda trace: trace.trace_id), n, seed)
    assert {made[trace.trace_id] for trace in in_order} == set(found)
    assert set(found) <= {made[trace.trace_id] for trace in sample_conversations(traces, n + 5, seed)}


def test_another_seed_is_another_sample() -> None:
    samples = {
        tuple(trace.trace_id for trace in sample(map(numbered, range(1, 200)), 10, seed))
        for seed in (0, 1, -1, 7, 2**70)
    }
    assert len(samples) == 5
