"""The lid on buffered spans, what stays of finished traces, and the work that many open traces cost."""

from __future__ import annotations

import os
import pickle
import tracemalloc

import pytest
from index_fragments import MIB, OTHER_TRACE, TRACE, config, fragment, numbers_of, origin

from otel_judge.config import Completion
from otel_judge.errors import Overloaded
from otel_judge.fragment import Fragment
from otel_judge.index import Added, Index
from otel_judge.index.buffer import OpenTrace
from otel_judge.index.timers import Timers
from otel_judge.trace import CompletionReason

SPAN_BYTES = fragment([1], size=1000).size


def trace_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_request_that_does_not_fit_is_refused_whole():
    index = Index(config(max_mib=3 * SPAN_BYTES / MIB))
    index.add({TRACE: fragment([1, 2], size=1000)}, now=0)
    refused = {TRACE: fragment([3], size=1000), OTHER_TRACE: fragment([1], size=1000)}
    with pytest.raises(Overloaded, match=r"index\.max_mib"):
        index.add(refused, now=0)
    assert (index.open_traces, index.buffered_spans, index.buffered_bytes) == (1, 2, 2 * SPAN_BYTES)
    assert not index.is_open(OTHER_TRACE)
    assert index.add({TRACE: fragment([3], size=1000)}, now=0).spans == 1


def test_time_frees_room_for_what_was_refused():
    index = Index(config(max_mib=2 * SPAN_BYTES / MIB, idle=30))
    index.add({TRACE: fragment([1, 2], size=1000)}, now=0)
    request = {OTHER_TRACE: fragment([1, 2, 1], size=1000)}
    with pytest.raises(Overloaded):
        index.add(request, now=29)
    assert len(index.poll(30)) == 1
    assert index.add(request, now=30) == Added(spans=2, duplicates=1, late=0)


@pytest.mark.parametrize(("now", "retry_after_s"), [(0, 5), (27.5, 2.5), (29.9, 1), (31, 1)])
def test_refusal_says_when_to_come_again(now: float, retry_after_s: float):
    index = Index(config(max_mib=SPAN_BYTES / MIB, idle=30))
    index.add({TRACE: fragment([1], size=1000)}, now=0)
    with pytest.raises(Overloaded) as refusal:
        index.add({OTHER_TRACE: fragment([1], size=1000)}, now=now)
    assert refusal.value.retry_after_s == retry_after_s


def test_request_larger_than_the_limit_is_taken_when_nothing_is_buffered():
    index = Index(config(max_mib=SPAN_BYTES / MIB, idle=30))
    index.add({TRACE: fragment([1])}, now=0)
    large = {OTHER_TRACE: fragment([1, 2, 3], size=1000)}
    with pytest.raises(Overloaded):
        index.add(large, now=0)
    index.poll(30)
    assert index.add(large, now=30).spans == 3
    with pytest.raises(Overloaded):
        index.add({TRACE: fragment([2])}, now=30)
    assert [trace.span_count for trace in index.poll(60)] == [3]
    assert index.buffered_bytes == 0


def test_finished_trace_is_retained_until_it_is_too_old():
    index = Index(config(root_grace=6, retain_age=100))
    index.add({TRACE: fragment([1, 2], root=True)}, now=0)
    assert index.get(TRACE) is None
    index.poll(6)
    trace = index.get(TRACE)
    assert trace is not None
    assert (trace.completion, numbers_of(trace)) == (CompletionReason.ROOT, [1, 2])
    assert (index.retained_traces, index.retained_bytes) == (1, trace.size)
    index.poll(105.9)
    assert index.get(TRACE) is not None
    index.poll(106)
    assert index.get(TRACE) is None
    assert (index.retained_traces, index.retained_bytes) == (0, 0)


def test_oldest_retained_traces_make_room():
    index = Index(config(root_grace=0, retain_mib=2 * SPAN_BYTES / MIB))
    for number in range(1, 5):
        index.add({trace_id(number): fragment([1], root=True, size=1000)}, now=number)
        index.poll(number)
    assert [number for number in range(1, 5) if index.get(trace_id(number))] == [3, 4]
    assert (index.retained_traces, index.retained_bytes) == (2, 2 * SPAN_BYTES)


def test_trace_larger_than_all_that_may_be_retained_pushes_nothing_out():
    index = Index(config(root_grace=0, retain_mib=2 * SPAN_BYTES / MIB))
    index.add({TRACE: fragment([1], root=True, size=1000)}, now=0)
    index.poll(0)
    index.add({OTHER_TRACE: fragment([1, 2, 3], root=True, size=1000)}, now=1)
    assert [trace.span_count for trace in index.poll(1)] == [3]
    assert index.get(OTHER_TRACE) is None
    assert index.get(TRACE) is not None


def test_what_a_reader_decodes_is_not_retained():
    index = Index(config(root_grace=0))
    index.add({TRACE: fragment([1, 2], root=True)}, now=0)
    [polled] = index.poll(0)
    first, second = index.get(TRACE), index.get(TRACE)
    assert first is not None
    assert second is not None
    assert len(polled.spans) == len(first.spans) == 2
    assert "spans" not in vars(second)
    assert pickle.loads(pickle.dumps(second)).blocks == polled.blocks


def test_finished_trace_is_immutable():
    index = Index(config(root_grace=0))
    index.add({TRACE: fragment([1], root=True)}, now=0)
    [trace] = index.poll(0)
    assert all(isinstance(block.spans, tuple) for block in trace.blocks)


@pytest.mark.parametrize(("span_bytes", "ratio"), [(1000, 1.15), (400, 1.3), (150, 1.65)])
def test_memory_for_each_buffered_wire_byte(span_bytes: int, ratio: float):
    index = Index(config())
    shared = origin()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for request in range(20):
            fragments: dict[bytes, Fragment] = {}
            for _ in range(32):
                made = fragments[os.urandom(16)] = Fragment()
                made.blocks.append((shared, [os.urandom(span_bytes) for _ in range(16)]))
                made.span_ids = [os.urandom(8) for _ in range(16)]
                made.size = 16 * span_bytes
            index.add(fragments, now=float(request))
            del fragments, made
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / index.buffered_bytes <= ratio


def test_fifty_thousand_open_traces_cost_a_poll_nothing_until_they_are_due(monkeypatch: pytest.MonkeyPatch):
    looked_at = 0
    deadline = OpenTrace.deadline

    def count(trace: OpenTrace, rules: Completion) -> tuple[float, CompletionReason]:
        nonlocal looked_at
        looked_at += 1
        return deadline(trace, rules)

    monkeypatch.setattr(OpenTrace, "deadline", count)
    index = Index(config(root_grace=6, idle=30))
    ids = [trace_id(number) for number in range(50_000)]
    for start in range(0, len(ids), 500):
        index.add({each: fragment([1]) for each in ids[start : start + 500]}, now=start / 10_000)
    assert len(index._timers) == 50_000
    for tick in range(5, 30):
        assert index.poll(tick) == []
    assert looked_at == 0

    # Three more spans for each trace: not one more timer.
    for round_ in range(2, 5):
        for start in range(0, len(ids), 5000):
            index.add({each: fragment([round_]) for each in ids[start : start + 5000]}, now=29)
    assert len(index._timers) == 50_000
    assert looked_at == 0

    # Each timer goes off once, is armed once more for the time that is right by then, and goes off again.
    for tick in range(30, 59):
        assert index.poll(tick) == []
    assert looked_at == 50_000
    assert len(index.poll(59)) == 50_000
    assert looked_at == 100_000
    assert len(index._timers) == 0


def test_stale_timers_are_cleared_out():
    index = Index(config(root_grace=1, idle=1000, max_age=100_000, retain_mib=0))
    for number in range(10_000):
        # Each leaves a timer at idle behind when its root comes.
        index.add({trace_id(number): fragment([1])}, now=number)
        index.add({trace_id(number): fragment([2], root=True)}, now=number)
        index.poll(number)
        assert len(index._timers) <= 2 * index.open_traces + 1026
    assert [trace.completion for trace in index.poll(10_000)] == [CompletionReason.ROOT]


def test_timer_hands_out_a_trace_once_and_at_its_earliest_time():
    timers = Timers()
    trace = OpenTrace(TRACE, fragment([1]), now=0)
    timers.arm(trace, 30.0)
    timers.arm(trace, 40.0)
    timers.arm(trace, 10.0)
    assert timers.next_at == 10.0
    assert list(timers.pop(9.9)) == []
    assert list(timers.pop(10.0)) == [trace]
    timers.arm(trace, 30.0)
    assert list(timers.pop(100.0)) == [trace]
    assert (len(timers), timers.next_at) == (0, None)
