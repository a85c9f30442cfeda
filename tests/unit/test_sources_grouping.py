"""Traces whose spans lie far apart in a source, in memory and past what memory is to hold."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_records import logs, record
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from otel_judge import semconv
from otel_judge.errors import SourceError
from otel_judge.own_traces import new_trace_id
from otel_judge.sources import spill
from otel_judge.sources.grouping import Grouper


def message(spans: Sequence[tuple[bytes, int]], service: str = "shop", **resource: bool) -> TracesData:
    data = TracesData()
    resource_spans = data.resource_spans.add()
    resource_spans.resource.attributes.add(key="service.name").value.string_value = service
    for key, value in resource.items():
        resource_spans.resource.attributes.add(key=key).value.bool_value = value
    block = resource_spans.scope_spans.add()
    for trace_id, number in spans:
        block.spans.add(trace_id=trace_id, span_id=number.to_bytes(8, "big"), name=f"span {number}")
    return data


def grouped(messages: Sequence[TracesData], spill_bytes: int) -> dict[bytes, list[tuple[str, str | None]]]:
    with Grouper(spill_bytes) as grouper:
        for each in messages:
            grouper.add(each)
        return {trace.raw_trace_id: [(span.name, span.service) for span in trace.arrived] for trace in grouper.traces()}


SPANS = st.lists(st.tuples(st.sampled_from([bytes([n]) * 16 for n in range(1, 5)]), st.integers(1, 9)), max_size=6)


@given(st.lists(st.tuples(SPANS, st.sampled_from(["shop", "bank"])), max_size=12), st.sampled_from([0, 300, 10**9]))
def test_what_was_spilled_comes_back_as_if_it_had_not_been(
    given_: list[tuple[list[tuple[bytes, int]], str]], spill_bytes: int
) -> None:
    messages = [message(spans, service) for spans, service in given_]
    assert list(grouped(messages, spill_bytes).items()) == list(grouped(messages, 10**12).items())


def test_traces_come_in_the_order_of_their_first_spans() -> None:
    first, second = b"\x02" * 16, b"\x01" * 16
    messages = [message([(first, 1)]), message([(second, 1)]), message([(first, 2)])]
    for spill_bytes in (0, 10**9):
        assert list(grouped(messages, spill_bytes)) == [first, second]


def test_what_a_judge_made_is_left_out() -> None:
    messages = [
        message([(new_trace_id(), 1)]),
        message([(b"\x01" * 16, 1)], **{semconv.EMITTER: True}),
        message([(b"\x02" * 16, 1)]),
    ]
    for spill_bytes in (0, 10**9):
        assert list(grouped(messages, spill_bytes)) == [b"\x02" * 16]


def test_a_disk_that_is_full_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with Grouper(spill_bytes=0) as grouper:
        grouper.add(message([(b"\x01" * 16, 1)]))
        grouper._spill._db.execute("PRAGMA max_page_count = 1")  # pyright: ignore
        with pytest.raises(SourceError, match=r"temporary file: database or disk is full; .*TMPDIR"):
            grouper.add(message([(b"\x01" * 16, number) for number in range(1, 5_000)]))


def test_a_folder_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(**_: object) -> None:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(spill, "NamedTemporaryFile", no_room)
    with Grouper(spill_bytes=0) as grouper, pytest.raises(SourceError, match="No usable temporary directory"):
        grouper.add(message([(b"\x01" * 16, 1)]))


def choices(said: Sequence[tuple[bytes, int]], *, first_ns: int) -> LogsData:
    """One record a span, each a nanosecond later."""
    records = [
        record("gen_ai.choice", {"message": str(at)}, trace_id=trace_id, span_id=number.to_bytes(8, "big"), time_ns=at)
        for at, (trace_id, number) in enumerate(said, start=first_ns)
    ]
    return logs(records)


@given(
    st.lists(st.tuples(st.booleans(), SPANS), max_size=10),
    st.sampled_from([0, 300, 10**9]),
    st.randoms(use_true_random=False),
)
def test_logs_are_joined_in_any_order_spilled_or_not(
    drawn: list[tuple[bool, list[tuple[bytes, int]]]], spill_bytes: int, dice: Random
) -> None:
    parts = [
        choices(items, first_ns=100 * number + 1) if is_logs else message(items)
        for number, (is_logs, items) in enumerate(drawn)
    ]
    spans = [part for part in parts if isinstance(part, TracesData)]
    said = [part for part in parts if isinstance(part, LogsData)]
    expected = joined_by_hand(spans, said)
    shuffled = [*parts, *said]  # each log twice, as after a resend
    dice.shuffle(shuffled)
    with Grouper(spill_bytes) as grouper:
        for part in shuffled:
            assert (grouper.add(part) if isinstance(part, TracesData) else grouper.add_logs(part)) == 0
        found = {
            (trace.raw_trace_id, span.span_id): [event.attributes["message"] for event in span.events]
            for trace in grouper.traces()
            for span in trace.spans
        }
    assert found == expected


def joined_by_hand(spans: list[TracesData], said: list[LogsData]) -> dict[tuple[bytes, str], list[str]]:
    events: dict[tuple[bytes, str], list[tuple[int, str]]] = {}
    for data in spans:
        for span in data.resource_spans[0].scope_spans[0].spans:
            events[span.trace_id, span.span_id.hex()] = []
    for data in said:
        for each in data.resource_logs[0].scope_logs[0].log_records:
            if (place := (each.trace_id, each.span_id.hex())) in events:
                text = each.body.kvlist_value.values[0].value.string_value
                events[place].append((each.time_unix_nano, text))
    return {place: [text for _, text in sorted(told)] for place, told in events.items()}


def test_logs_of_a_judge_and_those_that_no_span_can_take_are_left_out() -> None:
    with Grouper() as grouper:
        grouper.add(message([(b"\x01" * 16, 1)]))
        one = record(trace_id=b"\x01" * 16, span_id=(1).to_bytes(8, "big"))
        assert grouper.add_logs(logs([one], emitter=True)) == 0
        assert grouper.add_logs(logs([record(span_id=b"short"), record("app.started")])) == 1
        assert [span.events for trace in grouper.traces() for span in trace.spans] == [()]
