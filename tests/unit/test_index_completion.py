"""When the index counts a trace as finished, and for which reason."""

from __future__ import annotations

import pytest
from index_fragments import MIB, OTHER_TRACE, TRACE, config, extend, fragment, numbers_of

from otel_judge.index import Added, Index
from otel_judge.trace import CompletionReason


def test_root_finishes_a_trace_after_the_grace_from_its_arrival():
    index = Index(config(root_grace=6, idle=30))
    assert index.add({TRACE: fragment([1, 2], root=True)}, now=100) == Added(spans=2, duplicates=0, late=0)
    assert index.poll(105.9) == []
    [trace] = index.poll(106)
    assert trace.raw_trace_id == TRACE
    assert trace.completion is CompletionReason.ROOT
    assert numbers_of(trace) == [1, 2]
    assert index.poll(200) == []


def test_root_that_comes_last_shortens_the_wait():
    index = Index(config(root_grace=6, idle=30))
    index.add({TRACE: fragment([1])}, now=0)
    index.add({TRACE: fragment([2], root=True)}, now=3)
    index.add({TRACE: fragment([3])}, now=8)
    assert index.poll(8.9) == []
    [trace] = index.poll(9)
    assert (trace.completion, numbers_of(trace)) == (CompletionReason.ROOT, [1, 2, 3])


def test_second_root_does_not_prolong_the_grace_of_the_first():
    index = Index(config(root_grace=6))
    index.add({TRACE: fragment([1], root=True)}, now=0)
    index.add({TRACE: fragment([2], root=True)}, now=5)
    assert [trace.completion for trace in index.poll(6)] == [CompletionReason.ROOT]


def test_without_a_root_a_trace_is_finished_when_idle():
    index = Index(config(idle=30))
    index.add({TRACE: fragment([1])}, now=0)
    index.add({TRACE: fragment([2])}, now=20)
    assert index.poll(49.9) == []
    assert [trace.completion for trace in index.poll(50)] == [CompletionReason.IDLE]


def test_max_age_counts_from_the_first_span():
    index = Index(config(idle=30, max_age=100))
    for number in range(10):
        index.add({TRACE: fragment([number])}, now=number * 11)
        assert index.poll(number * 11) == []
    [trace] = index.poll(100)
    assert (trace.completion, trace.span_count) == (CompletionReason.MAX_AGE, 10)


def test_earliest_rule_names_the_reason_when_polled_late():
    index = Index(config(root_grace=6, idle=30, max_age=100))
    index.add({TRACE: fragment([1], root=True), OTHER_TRACE: fragment([2])}, now=0)
    assert {trace.raw_trace_id: trace.completion for trace in index.poll(1000)} == {
        TRACE: CompletionReason.ROOT,
        OTHER_TRACE: CompletionReason.IDLE,
    }


def test_max_spans_finishes_at_once_with_the_whole_fragment():
    index = Index(config(max_spans=3))
    index.add({TRACE: fragment([1, 2])}, now=0)
    assert index.poll(0) == []
    index.add({TRACE: fragment([3, 4])}, now=1)
    assert not index.is_open(TRACE)
    assert index.buffered_spans == 4
    assert index.next_due(1) == 0
    assert index.add({TRACE: fragment([5])}, now=1) == Added(spans=0, duplicates=0, late=1)
    [trace] = index.poll(1)
    assert (trace.completion, numbers_of(trace)) == (CompletionReason.MAX_SPANS, [1, 2, 3, 4])
    assert (index.buffered_spans, index.buffered_bytes) == (0, 0)
    assert index.poll(1000) == []


def test_max_spans_does_not_count_duplicates():
    index = Index(config(max_spans=3))
    index.add({TRACE: fragment([1, 2])}, now=0)
    index.add({TRACE: fragment([1, 2, 2])}, now=0)
    assert index.poll(0) == []
    assert index.is_open(TRACE)


def test_max_trace_mib_finishes_at_once():
    index = Index(config(max_trace_mib=0.01))
    index.add({TRACE: fragment([1], size=6000)}, now=0)
    assert index.poll(0) == []
    index.add({TRACE: fragment([2], size=6000)}, now=0)
    assert [trace.completion for trace in index.poll(0)] == [CompletionReason.MAX_TRACE_MIB]


def test_remote_root_counts_while_all_spans_are_of_its_service():
    index = Index(config(root_grace=6, idle=30))
    index.add({TRACE: fragment([1], remote=True)}, now=0)
    index.add({TRACE: fragment([2])}, now=1)
    assert index.poll(5.9) == []
    assert [trace.completion for trace in index.poll(6)] == [CompletionReason.ROOT]


@pytest.mark.parametrize("other", ["payment", None])
def test_remote_root_no_longer_counts_when_a_second_service_comes_later(other: str | None):
    index = Index(config(root_grace=6, idle=30))
    index.add({TRACE: fragment([1], remote=True)}, now=0)
    index.add({TRACE: fragment([2], service=other)}, now=5)
    assert index.poll(34.9) == []
    assert [trace.completion for trace in index.poll(35)] == [CompletionReason.IDLE]


def test_second_service_is_seen_after_the_trace_was_looked_at_as_one_of_a_single_service():
    index = Index(config(root_grace=6, idle=30))
    index.add({TRACE: fragment([1])}, now=0)
    index.add({TRACE: fragment([2], remote=True)}, now=28)
    assert index.poll(30) == []  # the timer of the first span; the remote root counts at this time
    index.add({TRACE: fragment([3], service="payment")}, now=31)
    assert index.poll(60.9) == []
    assert [trace.completion for trace in index.poll(61)] == [CompletionReason.IDLE]


def test_remote_root_does_not_count_when_a_second_service_came_before():
    index = Index(config(root_grace=6, idle=30))
    index.add({TRACE: fragment([1], service="payment")}, now=0)
    index.add({TRACE: fragment([2], remote=True)}, now=1)
    assert index.poll(30.9) == []
    assert [trace.completion for trace in index.poll(31)] == [CompletionReason.IDLE]


def test_remote_root_does_not_count_when_its_own_fragment_has_two_services():
    index = Index(config(root_grace=6, idle=30))
    both = fragment([1], remote=True)
    extend(both, [2], service="payment")
    index.add({TRACE: both}, now=0)
    assert index.poll(29) == []
    index.add({TRACE: fragment([3])}, now=29)
    assert index.poll(58.9) == []
    assert [trace.completion for trace in index.poll(59)] == [CompletionReason.IDLE]


def test_root_without_parent_counts_whatever_services_there_are():
    index = Index(config(root_grace=6, idle=30))
    index.add({TRACE: fragment([1], remote=True)}, now=0)
    index.add({TRACE: fragment([2], service="payment")}, now=1)
    index.add({TRACE: fragment([3], root=True)}, now=4)
    assert index.poll(9.9) == []
    assert [trace.completion for trace in index.poll(10)] == [CompletionReason.ROOT]


def test_service_is_found_in_a_resource_too_large_to_be_cached():
    index = Index(config(root_grace=6, idle=30))
    index.add({TRACE: fragment([1], remote=True, service="s" * 100_000)}, now=0)
    index.add({TRACE: fragment([2], service="r" * 100_000)}, now=0)
    assert index.poll(6) == []


def test_tenants_do_not_share_traces():
    index = Index(config(max_spans=2))
    for tenant in (None, "", "a", "b"):
        index.add({TRACE: fragment([1], root=True)}, tenant=tenant, now=0)
    assert index.open_traces == 4
    index.add({TRACE: fragment([2])}, tenant="a", now=0)
    assert [(trace.tenant, trace.span_count) for trace in index.poll(0)] == [("a", 2)]
    assert index.is_open(TRACE, tenant="b")
    assert not index.is_open(TRACE, tenant="a")
    rest = index.poll(6)
    assert [(trace.tenant, trace.span_count) for trace in rest] == [(None, 1), ("", 1), ("b", 1)]
    assert all(trace.raw_trace_id == TRACE for trace in rest)
    assert index.get(TRACE, "b") is not None
    assert index.get(TRACE, "c") is None


def test_finish_all_ends_what_is_open_for_the_given_reason_and_what_is_due_for_its_own():
    index = Index(config(root_grace=6, idle=30, max_spans=2))
    index.add({TRACE: fragment([1], root=True)}, now=0)
    index.add({OTHER_TRACE: fragment([1])}, now=5)
    index.add({b"f" * 16: fragment([1, 2])}, now=5)
    reasons = {trace.raw_trace_id: trace.completion for trace in index.finish_all(6)}
    assert reasons == {
        TRACE: CompletionReason.ROOT,
        OTHER_TRACE: CompletionReason.SHUTDOWN,
        b"f" * 16: CompletionReason.MAX_SPANS,
    }
    assert (index.open_traces, index.buffered_spans, index.buffered_bytes) == (0, 0, 0)
    assert index.retained_traces == 3
    assert index.finish_all(7) == []
    assert index.add({OTHER_TRACE: fragment([9])}, now=7) == Added(spans=0, duplicates=0, late=1)


def test_fragment_without_spans_changes_nothing():
    index = Index(config(idle=30))
    assert index.add({TRACE: fragment([], root=True)}, now=0) == Added(0, 0, 0)
    assert index.next_due(0) is None
    index.add({TRACE: fragment([1])}, now=0)
    index.add({TRACE: fragment([], root=True)}, now=20)
    assert [trace.completion for trace in index.poll(30)] == [CompletionReason.IDLE]


def test_next_due_says_when_to_poll():
    index = Index(config(root_grace=6, idle=30, retain_age=100))
    assert index.next_due(0) is None
    index.add({TRACE: fragment([1])}, now=0)
    assert index.next_due(10) == 20
    index.add({TRACE: fragment([2], root=True)}, now=10)
    assert index.next_due(10) == 6
    assert index.next_due(40) == 0
    assert len(index.poll(16)) == 1
    index.poll(30)
    assert index.next_due(30) == 86  # until the retained trace is too old
    index.poll(116)
    assert index.next_due(116) is None


def test_a_large_trace_is_finished_by_its_wire_bytes_exactly():
    size = fragment([1], size=1000).size
    index = Index(config(max_trace_mib=4 * size / MIB))
    index.add({TRACE: fragment([1, 2, 3], size=1000)}, now=0)
    index.add({TRACE: fragment([1, 2, 3], size=1000)}, now=0)
    assert index.is_open(TRACE)
    index.add({TRACE: fragment([4], size=1000)}, now=0)
    assert not index.is_open(TRACE)
