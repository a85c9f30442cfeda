"""Traces, logs and metrics in protobuf have the same outer shape: which is which, and what nobody can tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Histogram, HistogramDataPoint, Metric, MetricsData, Sum
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint as Point
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status, TracesData

from otel_judge.errors import SourceError
from otel_judge.sources import Skipped, read_traces, records, signals
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trajectory import user_request


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


TEXT, BITS = st.text(max_size=20), st.integers(1, 2**64 - 1)
IDS = st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8)
BYTES = st.binary(min_size=1, max_size=20)
VALUE = st.builds(AnyValue, string_value=TEXT) | st.builds(AnyValue, bytes_value=BYTES) | st.builds(AnyValue)
ATTRIBUTES = st.lists(st.builds(KeyValue, key=TEXT, value=VALUE), max_size=3)
EVENTS = st.lists(st.builds(Span.Event, time_unix_nano=BITS, name=TEXT, attributes=ATTRIBUTES), max_size=2)
UNTOLD_SPAN = some(trace_state=TEXT, name=TEXT, attributes=ATTRIBUTES)
SPAN = some(
    trace_id=IDS[0] | BYTES,
    span_id=IDS[1] | BYTES,
    trace_state=TEXT,
    parent_span_id=IDS[1],
    name=TEXT,
    kind=st.integers(1, 5),
    start_time_unix_nano=BITS,
    end_time_unix_nano=BITS,
    attributes=ATTRIBUTES,
    dropped_attributes_count=st.integers(1, 9),
    events=EVENTS,
    status=st.builds(Status, message=TEXT),
    flags=st.integers(1, 2**32 - 1),
)
TELLING_SPAN = st.tuples(
    SPAN,
    st.fixed_dictionaries({"span_id": IDS[1]}) | st.fixed_dictionaries({"start_time_unix_nano": BITS}),
).map(lambda both: both[0] | both[1])
UNTOLD_RECORD = some(severity_text=TEXT, body=VALUE, trace_id=IDS[0])
RECORD = some(
    time_unix_nano=BITS,
    observed_time_unix_nano=BITS,
    severity_number=st.integers(1, 24),
    severity_text=TEXT,
    body=VALUE,
    attributes=ATTRIBUTES,
    dropped_attributes_count=st.integers(1, 9),
    flags=st.integers(1, 2**32 - 1),
    trace_id=IDS[0] | BYTES,
    span_id=IDS[1] | BYTES,
    event_name=TEXT,
)
TELLING_RECORD = st.tuples(
    RECORD, st.fixed_dictionaries({"span_id": IDS[1]}) | st.fixed_dictionaries({"observed_time_unix_nano": BITS})
).map(lambda both: both[0] | both[1])


def traces_of(*spans: dict[str, Any]) -> TracesData:
    data = TracesData()
    of_resource = data.resource_spans.add(schema_url="s")
    of_resource.resource.attributes.add(key="service.name", value=AnyValue(string_value="shop"))
    of_resource.scope_spans.add().spans.extend(Span(**fields) for fields in spans)
    return data


def logs_of(*of_records: dict[str, Any]) -> LogsData:
    data = LogsData()
    of_resource = data.resource_logs.add(schema_url="s")
    of_resource.resource.attributes.add(key="service.name", value=AnyValue(string_value="shop"))
    of_resource.scope_logs.add().log_records.extend(LogRecord(**fields) for fields in of_records)
    return data


def metrics_of(*of_metrics: Metric) -> MetricsData:
    data = MetricsData()
    data.resource_metrics.add().scope_metrics.add().metrics.extend(of_metrics)
    return data


def read(body: bytes) -> tuple[list[Any], list[str]]:
    skipped = Skipped()
    found = list(signals.read(body, "x", skipped))
    return found, [str(each) for each in skipped.first]


@given(st.lists(SPAN, max_size=3), TELLING_SPAN, st.integers(0, 3))
def test_spans_are_read_as_spans(others: list[dict[str, Any]], telling: dict[str, Any], at: int) -> None:
    data = traces_of(*others[:at], telling, *others[at:])
    assert read(data.SerializeToString()) == ([data], [])


@given(st.lists(RECORD, max_size=3), TELLING_RECORD, st.integers(0, 3))
def test_log_records_are_read_as_log_records(others: list[dict[str, Any]], telling: dict[str, Any], at: int) -> None:
    data = logs_of(*others[:at], telling, *others[at:])
    assert read(data.SerializeToString()) == ([data], [])


@given(UNTOLD_SPAN.map(traces_of) | UNTOLD_RECORD.map(logs_of))
def test_what_has_no_id_and_no_time_is_named_and_is_nothing(data: TracesData | LogsData) -> None:
    said = "x: spans or log records, which cannot be told: none has an id or a time"
    assert read(data.SerializeToString()) == ([], [said])


@given(TEXT.filter(bool), TEXT, st.sampled_from(["gauge", "sum", "histogram"]), ATTRIBUTES, BITS)
def test_metrics_are_named(name: str, description: str, kind: str, attributes: list[KeyValue], time_ns: int) -> None:
    points = [Point(attributes=attributes, time_unix_nano=time_ns, as_double=0.5)]
    of_kind: dict[str, Any] = {
        "gauge": Gauge(data_points=points),
        "sum": Sum(data_points=points, is_monotonic=True),
        "histogram": Histogram(data_points=[HistogramDataPoint(attributes=attributes, time_unix_nano=time_ns)]),
    }
    data = metrics_of(Metric(name=name, description=description, **{kind: of_kind[kind]}))
    assert read(data.SerializeToString()) == ([], ["x: holds metrics, no spans"])


def test_a_metric_whose_words_are_as_long_as_ids_is_no_span() -> None:
    points = [Point(time_unix_nano=7, as_int=1)]
    data = metrics_of(Metric(name="http.server.time", description="duration", gauge=Gauge(data_points=points)))
    assert read(data.SerializeToString()) == ([], ["x: holds metrics, no spans"])


def test_what_no_writer_writes_is_neither() -> None:
    """One message whose parts say each."""
    spans, said = traces_of({"kind": 1}), logs_of({"time_unix_nano": 1})
    both = spans.SerializeToString() + said.SerializeToString()
    assert read(both) == ([], ["x: reads as spans and as log records, and cannot be told"])


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_named(body: bytes) -> None:
    found, said = read(body)
    assert len(found) + len(said) <= 1


@given(TELLING_RECORD.map(logs_of) | TELLING_SPAN.map(traces_of), st.data())
def test_a_message_that_is_cut_off_is_never_another_signal(data: TracesData | LogsData, draw: st.DataObject) -> None:
    whole = data.SerializeToString()
    cut = whole[: draw.draw(st.integers(0, len(whole) - 1))]
    assume(cut)
    found, _ = read(cut)
    assert all(isinstance(each, type(data)) for each in found)


def a_conversation() -> tuple[TracesData, LogsData]:
    """A model call that says in a log alone what was said."""
    build = TraceBuilder(service="shop")
    root = build.span("shop")
    call = build.span("chat m", parent=root, attributes={"gen_ai.operation.name": "chat", "gen_ai.system": "openai"})
    trace = build.trace()
    told = AnyValue()
    told.kvlist_value.values.add(key="content", value=AnyValue(string_value="Where is my order?"))
    event = {"event_name": "gen_ai.user.message", "body": told, "time_unix_nano": 1}
    log = logs_of({"trace_id": trace.raw_trace_id, "span_id": bytes.fromhex(call), **event})
    return trace.to_otlp(), log


def prefixed(*messages: bytes) -> bytes:
    return b"".join(len(each).to_bytes(4, "big") + each for each in messages)


@pytest.mark.parametrize("logs_first", [False, True])
@pytest.mark.parametrize("form", ["files", "files with lengths", "one file with lengths"])
def test_logs_in_protobuf_are_joined_to_their_spans(form: str, logs_first: bool, tmp_path: Path) -> None:
    traces, logs = (each.SerializeToString() for each in a_conversation())
    names = ("b", "a") if logs_first else ("a", "b")
    if form == "one file with lengths":
        (tmp_path / "all.pb").write_bytes(prefixed(*((logs, traces) if logs_first else (traces, logs))))
    else:
        for name, data in zip(names, (traces, logs), strict=True):
            (tmp_path / f"{name}.pb").write_bytes(data if form == "files" else prefixed(data))
    skipped = Skipped()
    (trace,) = read_traces(tmp_path, skipped=skipped)
    assert skipped.lines() == []
    assert "Where is my order?" in str(user_request(trace))


def test_logs_are_read_a_resource_at_a_time_and_broken_ones_named(tmp_path: Path) -> None:
    _, logs = a_conversation()
    one = logs.SerializeToString()
    skipped = Skipped()
    (tmp_path / "logs.pb").write_bytes(one + one[:-4])
    with (tmp_path / "logs.pb").open("rb") as stream:
        assert list(records.read(stream, "logs.pb", skipped)) == [logs]
    assert [str(each) for each in skipped.first] == [
        "logs.pb: protobuf is cut off in part 2; was it written to its end?"
    ]
    with pytest.raises(SourceError, match="cut off in part 2"):
        list(read_traces(tmp_path / "logs.pb", strict=True))
