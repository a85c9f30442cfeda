"""A span id is kept once in a trace; what comes after the end is late."""

from __future__ import annotations

import pytest
from index_fragments import OTHER_TRACE, TRACE, config, extend, fragment, numbers_of, span_id

from otel_judge.index import Added, Index
from otel_judge.index.buffer import SMALL_TRACE_SPANS
from otel_judge.index.decided import Decided
from otel_judge.trace import CompletionReason, Trace


def finished(index: Index, now: float = 1e6) -> Trace:
    [trace] = index.poll(now)
    return trace


def test_resent_request_adds_nothing():
    index = Index(config())
    index.add({TRACE: fragment([1, 2, 3])}, now=0)
    size = index.buffered_bytes
    assert index.add({TRACE: fragment([1, 2, 3], size=50)}, now=0) == Added(spans=0, duplicates=3, late=0)
    assert (index.buffered_spans, index.buffered_bytes) == (3, size)
    assert numbers_of(finished(index)) == [1, 2, 3]


def test_resent_request_neither_keeps_a_trace_awake_nor_ends_it():
    index = Index(config(root_grace=6, idle=30))
    index.add({TRACE: fragment([1])}, now=0)
    index.add({TRACE: fragment([1], root=True)}, now=20)
    assert index.poll(29.9) == []
    assert finished(index, 30).completion is CompletionReason.IDLE


def test_duplicates_within_one_fragment_are_dropped_and_the_first_kept():
    index = Index(config())
    twice = fragment([1, 2, 1], size=10)
    extend(twice, [3, 2], service="payment", size=20)
    extend(twice, [1, 3], service="third", size=30)
    assert index.add({TRACE: twice}, now=0) == Added(spans=3, duplicates=4, late=0)
    trace = finished(index)
    assert numbers_of(trace) == [1, 2, 3]
    assert [span.service for span in trace.spans] == ["shop", "shop", "payment"]
    assert len(trace.blocks) == 2


def test_size_counts_what_is_kept():
    index = Index(config())
    index.add({TRACE: fragment([1, 2, 2, 3], size=100)}, now=0)
    index.add({TRACE: fragment([3, 4, 4, 5], size=70)}, now=0)
    size, spans = index.buffered_bytes, index.buffered_spans
    trace = finished(index)
    assert (trace.size, trace.span_count) == (size, spans)
    assert index.retained_bytes == size


def test_same_span_id_in_two_traces_is_no_duplicate():
    index = Index(config())
    added = index.add({TRACE: fragment([1]), OTHER_TRACE: fragment([1])}, now=0)
    assert added == Added(spans=2, duplicates=0, late=0)


@pytest.mark.parametrize("step", [1, 7, 64, 65])
def test_duplicates_are_found_in_small_and_large_traces(step: int):
    index = Index(config())
    total = 3 * SMALL_TRACE_SPANS + 5
    for start in range(0, total, step):
        # Each fragment repeats the last span of the one before.
        numbers = range(max(0, start - 1), min(total, start + step))
        index.add({TRACE: fragment(numbers)}, now=0)
    assert index.add({TRACE: fragment(range(total))}, now=0) == Added(spans=0, duplicates=total, late=0)
    assert numbers_of(finished(index)) == list(range(total))


def test_span_id_across_two_neighbours_is_no_duplicate():
    index = Index(config())
    first, second = bytes(range(1, 9)), bytes(range(9, 17))
    across = (first + second)[4:12]
    index.add({TRACE: fragment([int.from_bytes(first, "big"), int.from_bytes(second, "big")])}, now=0)
    added = index.add({TRACE: fragment([int.from_bytes(across, "big")])}, now=0)
    assert added == Added(spans=1, duplicates=0, late=0)


def test_fragments_of_one_origin_end_in_one_block():
    index = Index(config())
    for number in range(10):
        service = "shop" if number % 2 else "payment"
        index.add({TRACE: fragment([number], service=service)}, now=0)
    trace = finished(index)
    assert [(block.origin, len(block.spans)) for block in trace.blocks] == [
        (fragment([0], service="payment").blocks[0][0], 5),
        (fragment([0], service="shop").blocks[0][0], 5),
    ]


def test_many_origins_keep_every_span_under_its_own():
    index = Index(config())
    for number in range(40):
        index.add({TRACE: fragment([number], service=f"service {number % 20}")}, now=0)
    services = {int(span.span_id, 16): span.service for span in finished(index).spans}
    assert services == {number: f"service {number % 20}" for number in range(40)}


def test_late_spans_are_counted_and_open_no_trace():
    index = Index(config(root_grace=6))
    index.add({TRACE: fragment([1], root=True)}, now=0)
    index.poll(6)
    assert index.add({TRACE: fragment([1, 2, 2]), OTHER_TRACE: fragment([1])}, now=7) == Added(1, 0, 3)
    assert not index.is_open(TRACE)
    assert index.open_traces == 1
    trace = index.get(TRACE)
    assert trace is not None
    assert numbers_of(trace) == [1]


def test_spans_are_late_even_when_nothing_is_retained():
    index = Index(config(root_grace=0, retain_mib=0))
    index.add({TRACE: fragment([1], root=True)}, now=0)
    assert len(index.poll(0)) == 1
    assert index.get(TRACE) is None
    assert index.add({TRACE: fragment([2])}, now=1).late == 1


def test_decided_forgets_the_oldest_first():
    decided = Decided(capacity=3)
    for number in (1, 2, 3, 2, 4):
        decided.add(span_id(number))
    assert decided.keys == {span_id(2), span_id(3), span_id(4)}
    decided.add(span_id(5))
    assert decided.keys == {span_id(3), span_id(4), span_id(5)}


def test_a_trace_that_is_still_retained_is_known_as_finished_when_its_id_is_forgotten():
    index = Index(config(root_grace=0, idle=0))
    index._decided = Decided(capacity=1)
    index.add({TRACE: fragment([1], root=True)}, now=0)
    index.poll(0)
    index.add({OTHER_TRACE: fragment([1], root=True)}, now=1)
    index.poll(1)
    assert index._decided.keys == {OTHER_TRACE}
    assert index.add({TRACE: fragment([2])}, now=2).late == 1
