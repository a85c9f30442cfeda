from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from otel_judge.emit.batch import join, split_spans
from otel_judge.emit.outbox import OVERHEAD, Item, MemoryOutbox, Signal

BIG = 10**9


class Drops(list[tuple[Signal, int, str]]):
    def __call__(self, signal: Signal, records: int, reason: str) -> None:
        self.append((signal, records, reason))


def item(name: str, signal: Signal = "traces", size: int = 10) -> Item:
    return Item(signal, name, b"", b"x" * size)


def names(items: Sequence[Item]) -> list[str]:
    return [each.id for each in items]


def test_items_are_lent_oldest_first_and_forgotten_when_done() -> None:
    outbox = MemoryOutbox(BIG, Drops())
    for name in "abc":
        outbox.put(item(name))
    taken = outbox.take("traces", max_items=2, max_bytes=BIG)
    assert names(taken) == ["a", "b"]
    assert (outbox.waiting("traces"), outbox.stored("traces")) == (1, 3), "lent is not forgotten"
    outbox.done(taken)
    assert (outbox.stored("traces"), outbox.size()) == (1, item("c").size)


def test_what_comes_back_goes_first_in_its_old_order() -> None:
    outbox = MemoryOutbox(BIG, Drops())
    for name in "abc":
        outbox.put(item(name))
    taken = outbox.take("traces", max_items=2, max_bytes=BIG)
    outbox.put(item("d"))
    outbox.later(taken)
    assert names(outbox.take("traces", max_items=9, max_bytes=BIG)) == ["a", "b", "c", "d"]


def test_signals_do_not_wait_for_each_other() -> None:
    outbox = MemoryOutbox(BIG, Drops())
    outbox.put(item("a", "logs"))
    assert outbox.take("traces", max_items=9, max_bytes=BIG) == []
    assert names(outbox.take("logs", max_items=9, max_bytes=BIG)) == ["a"]


def test_a_batch_keeps_its_byte_limit_but_is_never_empty() -> None:
    outbox = MemoryOutbox(BIG, Drops())
    for name in "abc":
        outbox.put(item(name, size=1000))
    assert names(outbox.take("traces", max_items=9, max_bytes=2 * item("a", size=1000).size)) == ["a", "b"]
    assert names(outbox.take("traces", max_items=9, max_bytes=1)) == ["c"]


def test_the_same_id_replaces_what_waits_so_only_the_newest_metrics_stay() -> None:
    outbox = MemoryOutbox(BIG, Drops())
    outbox.put(Item("metrics", "m", b"", b"old"))
    outbox.put(Item("metrics", "m", b"", b"new"))
    assert [each.record for each in outbox.take("metrics", max_items=9, max_bytes=BIG)] == [b"new"]


def test_a_lent_item_gives_way_to_a_newer_one_when_it_comes_back() -> None:
    outbox = MemoryOutbox(BIG, Drops())
    outbox.put(Item("metrics", "m", b"", b"old"))
    taken = outbox.take("metrics", max_items=9, max_bytes=BIG)
    outbox.put(Item("metrics", "m", b"", b"new"))
    outbox.later(taken)
    assert [each.record for each in outbox.take("metrics", max_items=9, max_bytes=BIG)] == [b"new"]
    assert outbox.size() == 3 + OVERHEAD


def test_a_full_outbox_drops_the_oldest_counts_each_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    drops = Drops()
    now = iter(range(100))
    outbox = MemoryOutbox(3 * item("a").size, drops, clock=lambda: next(now))
    outbox.put(item("l", "logs"))
    for name in "abcde":
        outbox.put(item(name))
    assert drops == [("logs", 1, "queue_full"), ("traces", 1, "queue_full"), ("traces", 1, "queue_full")]
    taken = outbox.take("traces", max_items=9, max_bytes=BIG)
    assert names(taken) == ["c", "d", "e"]
    assert len(caplog.records) == 1
    outbox.done(taken)
    assert "3 records were dropped" in caplog.records[1].getMessage()
    assert all(record.levelno == logging.WARNING for record in caplog.records)


def test_what_is_lent_is_not_dropped() -> None:
    drops = Drops()
    outbox = MemoryOutbox(2 * item("a").size, drops)
    outbox.put(item("a"))
    taken = outbox.take("traces", max_items=1, max_bytes=BIG)
    outbox.put(item("b"))
    outbox.put(item("c"))
    assert drops == [("traces", 1, "queue_full")]
    outbox.later(taken)
    assert names(outbox.take("traces", max_items=9, max_bytes=BIG)) == ["a", "c"]


def test_the_age_is_that_of_the_oldest_item_lent_or_not() -> None:
    now = [10.0]
    outbox = MemoryOutbox(BIG, Drops(), clock=lambda: now[0])
    assert outbox.oldest_s() == 0
    outbox.put(item("a"))
    now[0] = 12.0
    outbox.put(item("b", "logs"))
    taken = outbox.take("traces", max_items=1, max_bytes=BIG)
    now[0] = 15.0
    assert outbox.oldest_s() == 5
    outbox.done(taken)
    assert outbox.oldest_s() == 3


@given(st.lists(st.tuples(st.sampled_from(["put", "take", "done", "later"]), st.integers(0, 5), st.integers(0, 900))))
def test_size_and_counts_agree_with_what_is_stored_whatever_happens(steps: list[tuple[str, int, int]]) -> None:
    drops = Drops()
    outbox = MemoryOutbox(4_000, drops)
    lent: list[Item] = []
    put = done = replaced = 0
    for verb, number, size in steps:
        if verb == "put":
            before = outbox.stored("traces") + sum(count for _, count, _ in drops)
            outbox.put(item(str(number), size=size))
            put += 1
            replaced += before == outbox.stored("traces") + sum(count for _, count, _ in drops)
        elif verb == "take" and not lent:
            lent = list(outbox.take("traces", max_items=3, max_bytes=2_000))
        elif lent:
            before = outbox.stored("traces")
            outbox.done(lent) if verb == "done" else outbox.later(lent)
            done += before - outbox.stored("traces")
            lent = []
        assert outbox.size() <= 4_000 or not outbox.waiting("traces")
    assert put == done + replaced + len(drops) + outbox.stored("traces")
    outbox.done(lent)
    outbox.done(outbox.take("traces", max_items=99, max_bytes=BIG))
    assert (outbox.stored("traces"), outbox.size()) == (0, 0)


def envelope(name: str) -> bytes:
    return ResourceSpans(
        resource=Resource(), schema_url=name, scope_spans=[ScopeSpans(scope=InstrumentationScope(name="s"))]
    ).SerializeToString()


def test_records_of_one_resource_share_a_group_and_keep_their_bytes() -> None:
    spans = [Span(name=name, span_id=bytes([n] * 8)).SerializeToString() for n, name in enumerate("abc")]
    items = [Item("traces", str(n), envelope("xyx"[n]), span) for n, span in enumerate(spans)]
    request = ExportTraceServiceRequest.FromString(join(items))
    assert [group.schema_url for group in request.resource_spans] == ["x", "y"]
    assert [span.name for span in request.resource_spans[0].scope_spans[0].spans] == ["a", "c"]
    assert all(span in join(items) for span in spans)
    assert join(items) == join(items)


def test_log_records_are_joined_too_and_metrics_go_as_they_are() -> None:
    group = ResourceLogs(scope_logs=[ScopeLogs(scope=InstrumentationScope(name="s"))]).SerializeToString()
    records = [LogRecord(event_name=name).SerializeToString() for name in "ab"]
    request = ExportLogsServiceRequest.FromString(join([Item("logs", "", group, record) for record in records]))
    assert [record.event_name for record in request.resource_logs[0].scope_logs[0].log_records] == ["a", "b"]
    assert join([Item("metrics", "m", b"", b"as it is")]) == b"as it is"


def test_a_request_split_into_spans_joins_to_the_same_spans() -> None:
    request = ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                schema_url=url,
                scope_spans=[
                    ScopeSpans(
                        scope=InstrumentationScope(name=scope), spans=[Span(name=f"{url}{scope}{n}") for n in "12"]
                    )
                    for scope in "ab"
                ],
            )
            for url in "xy"
        ]
    )
    items = list(split_spans(request.SerializeToString()))
    again = list(split_spans(join(items)))
    assert len(items) == 8
    assert again == items
