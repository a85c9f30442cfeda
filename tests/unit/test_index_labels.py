"""Labels find the trace that they are about, open or retained, and are forgotten with it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from index_fragments import MIB, OTHER_TRACE, TRACE, config, fragment

from otel_judge.index import Index
from otel_judge.index.labels import MAX_OF_A_TRACE, Labels
from otel_judge.label import Label

LABEL = Label(TRACE.hex(), label="fail")


def test_a_label_is_kept_with_its_trace_from_its_first_span_to_its_last_day():
    index = Index(config(root_grace=6, retain_age=100))
    assert index.label([LABEL]) == 0
    index.add({TRACE: fragment([1], root=True)}, now=0)
    assert index.label([LABEL]) == 1
    assert index.labels() == []  # the trace is not finished
    index.poll(now=6)
    assert index.labels() == [LABEL]
    late = Label(TRACE.hex(), label="pass", annotator="kim")
    assert index.label([late, LABEL, Label(OTHER_TRACE.hex(), label="fail")]) == 2
    assert index.labels() == [LABEL, late]
    index.poll(now=106)
    assert index.labels() == []
    assert index.label([LABEL]) == 0


def test_a_label_makes_no_trace():
    index = Index(config())
    index.label([LABEL])
    assert (index.open_traces, index.finish_all(0)) == (0, [])


def test_a_trace_that_is_full_and_not_yet_handed_out_takes_labels():
    index = Index(config(max_spans=1))
    index.add({TRACE: fragment([1])}, now=0)
    assert index.label([LABEL]) == 1
    index.poll(now=0)
    assert index.labels() == [LABEL]


def test_a_trace_too_large_to_be_retained_keeps_no_labels():
    index = Index(config(retain_mib=1 / MIB))
    index.add({TRACE: fragment([1], root=True)}, now=0)
    index.label([LABEL])
    index.finish_all(now=0)
    assert index.labels() == []


def test_labels_of_a_tenant_are_its_own():
    index = Index(config())
    index.add({TRACE: fragment([1], root=True)}, tenant="a", now=0)
    assert index.label([LABEL]) == 0
    assert index.label([LABEL], tenant="a") == 1


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 300)), max_size=400))
def test_labels_are_bounded_in_bytes_and_for_each_trace(said: list[tuple[int, int]]):
    labels = Labels(max_bytes=20_000)
    for trace, word in said:
        labels.add(bytes([trace]), Label(TRACE.hex(), label=str(word), rationale="x" * word))
    kept = list(labels)
    assert labels.bytes <= 20_000
    assert all(0 < len(of_a_trace) <= MAX_OF_A_TRACE for _, of_a_trace in kept)
    if said:
        assert bytes([said[-1][0]]) in dict(kept)
    labels.drop([key for key, _ in kept])
    assert (labels.bytes, list(labels)) == (0, [])
