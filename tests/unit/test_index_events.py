"""What logs say of spans, in the index: in any order with the spans, once, within the completion of their trace."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from index_fragments import MIB, OTHER_TRACE, TRACE, config, encode, fragment, span_id
from log_records import event, record

from otel_judge.config import IndexConfig
from otel_judge.errors import Overloaded
from otel_judge.index import Added, AddedEvents, Index
from otel_judge.log_events import SpanEvent
from otel_judge.trace import CompletionReason, Trace


def said(span: int, text: str = "?", *, at: int = 5) -> SpanEvent:
    return event(record(body={"content": text}, trace_id=TRACE, span_id=span_id(span), time_ns=at))


def contents(trace: Trace) -> dict[int, list[object]]:
    """What events say, by the number of their span; spans without are left out."""
    return {
        int(span.span_id, 16): [each.attributes["content"] for each in span.events]
        for span in trace.spans
        if span.events
    }


def test_what_logs_say_before_and_after_a_span_is_on_it_in_order_of_time() -> None:
    index = Index(config(root_grace=6))
    assert index.add_events({TRACE: [said(1, "second", at=2)]}, now=0) == AddedEvents(1, 0, 0)
    assert index.add({TRACE: fragment([1, 2], root=True)}, now=1) == Added(2, 0, 0)
    index.add_events({TRACE: [said(1, "first", at=1), said(2, "other")]}, now=5)
    (trace,) = index.poll(now=7)
    assert trace.completion is CompletionReason.ROOT
    assert contents(trace) == {1: ["first", "second"], 2: ["other"]}
    assert index.take_unjoined() == 0
    retained = index.get(TRACE)
    assert retained is not None
    assert retained.blocks == trace.blocks
    assert (index.buffered_bytes, index.retained_bytes) == (0, trace.size)


def test_a_resend_is_kept_once_and_what_is_late_is_counted() -> None:
    index = Index(config(root_grace=6))
    index.add({TRACE: fragment([1], root=True)}, now=0)
    assert index.add_events({TRACE: [said(1), said(1)]}, now=0) == AddedEvents(1, 1, 0)
    assert index.add_events({TRACE: [said(1)]}, now=1) == AddedEvents(0, 1, 0)
    (trace,) = index.poll(now=6)
    assert contents(trace) == {1: ["?"]}
    assert index.add_events({TRACE: [said(1, "late")]}, now=7) == AddedEvents(0, 0, 1)
    assert (index.open_traces, index.buffered_bytes) == (0, 0)


def test_logs_alone_make_no_trace_and_hinder_none() -> None:
    index = Index(config(idle=30, root_grace=6))
    index.add_events({TRACE: [said(1), said(2)]}, now=0)
    assert not index.is_open(TRACE)
    assert index.buffered_bytes > 0
    assert index.poll(now=30) == []
    assert (index.open_traces, index.buffered_bytes, index.take_unjoined(), index.take_unjoined()) == (0, 0, 2, 0)
    assert index.next_due(now=30) is None
    assert index.add({TRACE: fragment([1], root=True)}, now=31) == Added(1, 0, 0)
    (trace,) = index.poll(now=37)
    assert contents(trace) == {}


def test_at_the_end_of_the_process_logs_alone_are_dropped() -> None:
    index = Index(config())
    index.add_events({TRACE: [said(1)], OTHER_TRACE: [said(1)]}, now=0)
    index.add({TRACE: fragment([2])}, now=0)
    assert [trace.raw_trace_id for trace in index.finish_all(now=1)] == [TRACE]
    assert (index.take_unjoined(), index.buffered_bytes, index.open_traces) == (2, 0, 0)


def test_a_new_record_is_a_sign_of_life_and_a_resend_is_none() -> None:
    index = Index(config(idle=30))
    index.add({TRACE: fragment([1])}, now=0)
    index.add_events({TRACE: [said(1)]}, now=20)
    index.add_events({TRACE: [said(1)]}, now=40)
    assert index.poll(now=49) == []
    (trace,) = index.poll(now=50)
    assert trace.completion is CompletionReason.IDLE


def test_logs_neither_start_nor_prolong_the_grace_of_a_root() -> None:
    index = Index(config(root_grace=6))
    index.add_events({TRACE: [said(1)]}, now=0)
    assert index.poll(now=10) == []
    index.add({TRACE: fragment([1], root=True)}, now=10)
    index.add_events({TRACE: [said(1, "more")]}, now=15)
    assert [trace.completion for trace in index.poll(now=16)] == [CompletionReason.ROOT]


def test_max_age_counts_from_the_first_that_came() -> None:
    index = Index(config(idle=30, max_age=50))
    index.add_events({TRACE: [said(1)]}, now=0)
    index.add({TRACE: fragment([1])}, now=29)
    assert [trace.completion for trace in index.poll(now=50)] == [CompletionReason.MAX_AGE]


def test_what_logs_say_counts_towards_the_size_of_a_trace() -> None:
    index = Index(config(max_trace_mib=0.001))
    index.add({TRACE: fragment([1])}, now=0)
    index.add_events({TRACE: [said(1, "x" * 2000)]}, now=0)
    (trace,) = index.poll(now=0)
    assert trace.completion is CompletionReason.MAX_TRACE_MIB
    assert contents(trace) == {1: ["x" * 2000]}
    index.add_events({OTHER_TRACE: [said(1, "x" * 2000)]}, now=0)  # and without a span it is no trace
    assert (index.poll(now=0), index.take_unjoined(), index.buffered_bytes) == ([], 1, 0)
    assert index.add({OTHER_TRACE: fragment([1])}, now=1) == Added(1, 0, 0)


def test_what_logs_say_counts_towards_the_room_of_the_index() -> None:
    index = Index(config(max_mib=3000 / MIB))
    index.add_events({TRACE: [said(1, "x" * 2000)]}, now=0)
    with pytest.raises(Overloaded) as refusal:
        index.add_events({TRACE: [said(1, "y" * 2000)], OTHER_TRACE: [said(1)]}, now=0)
    assert 1 <= refusal.value.retry_after_s <= 5
    with pytest.raises(Overloaded):
        index.add({OTHER_TRACE: fragment([1], size=2000)}, now=0)
    assert index.open_traces == 1
    index.poll(now=30)
    assert index.add({OTHER_TRACE: fragment([1], size=2000)}, now=30) == Added(1, 0, 0)


def test_tenants_are_kept_apart() -> None:
    index = Index(config())
    index.add({TRACE: fragment([1])}, tenant="a", now=0)
    index.add_events({TRACE: [said(1)]}, tenant="b", now=0)
    (trace,) = index.finish_all(now=0)
    assert (trace.tenant, contents(trace)) == ("a", {})


SPANS = range(1, 9)
CONFIG: IndexConfig = config(root_grace=100, idle=200)
times = st.lists(st.tuples(st.sampled_from([*SPANS, 99]), st.text(max_size=3)), max_size=12)


@given(times, st.randoms(use_true_random=False), st.lists(st.integers(0, 30), max_size=6))
def test_any_order_and_any_resend_make_the_same_trace(
    told: list[tuple[int, str]], dice: Random, resent: list[int]
) -> None:
    """Of 99 no span comes. Records have a time each, as those of one process have."""
    events = [said(span, text, at=at) for at, (span, text) in enumerate(told, start=1)]
    arrivals: list[int | SpanEvent] = [*SPANS, *events]
    arrivals += [arrivals[number] for number in resent if number < len(arrivals)]
    dice.shuffle(arrivals)
    index = Index(CONFIG)
    for now, arrival in enumerate(arrivals):
        if isinstance(arrival, int):
            index.add({TRACE: fragment([arrival], root=arrival == 1)}, now=now)
        else:
            index.add_events({TRACE: [arrival]}, now=now)
    buffered = index.buffered_bytes
    assert buffered == sum(map(len, events)) + sum(len(encode(number)) for number in SPANS)
    (trace,) = index.poll(now=1000)
    expected = {number: [text for span, text in told if span == number] for number in SPANS}
    assert contents(trace) == {number: texts for number, texts in expected.items() if texts}
    assert {int(span.span_id, 16) for span in trace.spans} == set(SPANS)
    assert index.take_unjoined() == sum(span == 99 for span, _ in told)
    assert (index.buffered_bytes, index.buffered_spans) == (0, 0)
    assert index.add_events({TRACE: [said(1, "late")]}, now=1001).late == 1
