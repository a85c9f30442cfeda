import json
import math
from pathlib import Path

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    EntityRef,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData

from otel_judge.errors import MalformedRequest
from otel_judge.otlp_json import decode_traces, encode_traces

SHARED_TRACES = Path(__file__).parents[2].parent / "shared" / "traces"
SPAN_COUNTS = {
    "claude-agent-2025-12-22": 7,
    "kagent-jaeger-helm": 96,
    "kagent-jaeger-k8s": 73,
    "kagent-tempo-batches": 86,
    "microsoft-agent-2025-12-17": 4,
    "mlflow_otlp": 5,
    "openai-agents-2025-09-30": 5,
    "pydantic-ai-tools-2025-12-04": 12,
    "vercel-aisdk-2025-11-17": 3,
}


def key_values(inner: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[list[KeyValue]]:
    return st.lists(st.builds(KeyValue, key=texts, value=st.none() | inner), max_size=3)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
int32 = st.integers(0, 2**32 - 1)
nanos = st.integers(0, 2**64 - 1)
scalars = st.one_of(
    st.builds(AnyValue),
    st.builds(AnyValue, string_value=texts),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(AnyValue, double_value=st.floats(allow_nan=False)),
    st.builds(AnyValue, bytes_value=st.binary(max_size=8)),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(inner, max_size=3))),
        st.builds(AnyValue, kvlist_value=st.builds(KeyValueList, values=key_values(inner))),
    ),
    max_leaves=5,
)


attributes = key_values(values)


def traces(ids: st.SearchStrategy[bytes]) -> st.SearchStrategy[TracesData]:
    event = st.builds(Span.Event, name=texts, time_unix_nano=nanos, attributes=attributes)
    link = st.builds(Span.Link, trace_id=ids, span_id=ids, trace_state=texts, flags=int32, attributes=attributes)
    span = st.builds(
        Span,
        trace_id=ids,
        span_id=ids,
        parent_span_id=ids,
        trace_state=texts,
        flags=int32,
        name=texts,
        kind=st.integers(0, 9),
        start_time_unix_nano=nanos,
        end_time_unix_nano=nanos,
        attributes=attributes,
        dropped_attributes_count=int32,
        events=st.lists(event, max_size=2),
        links=st.lists(link, max_size=2),
        status=st.none() | st.builds(Status, code=st.integers(0, 3), message=texts),
    )
    scope_spans = st.builds(
        ScopeSpans,
        scope=st.none() | st.builds(InstrumentationScope, name=texts, version=texts, attributes=attributes),
        spans=st.lists(span, max_size=2),
        schema_url=texts,
    )
    resource_spans = st.builds(
        ResourceSpans,
        resource=st.none()
        | st.builds(
            Resource,
            attributes=attributes,
            entity_refs=st.lists(st.builds(EntityRef, type=texts, id_keys=st.lists(texts, max_size=2)), max_size=1),
        ),
        scope_spans=st.lists(scope_spans, max_size=2),
        schema_url=texts,
    )
    return st.builds(TracesData, resource_spans=st.lists(resource_spans, max_size=2))


def one_span(**fields) -> dict:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}


def decode_span(*, lenient: bool = False, **fields) -> Span:
    (span,) = (
        decode_traces(json.dumps(one_span(**fields)).encode(), lenient=lenient).resource_spans[0].scope_spans[0].spans
    )
    return span


def decode_value(value: object) -> AnyValue:
    return decode_span(attributes=[{"key": "k", "value": value}]).attributes[0].value


@given(traces(st.binary(max_size=16)))
def test_what_is_written_reads_back_equal(data: TracesData):
    assert decode_traces(encode_traces(data)) == data


@given(traces(st.just(b"")))
def test_both_directions_agree_with_protobuf_where_there_are_no_ids(data: TracesData):
    assert decode_traces(json_format.MessageToJson(data).encode()) == data
    assert json_format.Parse(encode_traces(data), TracesData()) == data
    snake = json_format.MessageToDict(data, preserving_proto_field_name=True)
    assert decode_traces(snake) == data


def test_it_is_written_as_the_specification_asks():
    span = Span(
        trace_id=bytes.fromhex("5B8EFFF798038103D269B633813FC60C"),
        span_id=bytes.fromhex("EEE19B7EC3C1B174"),
        name="GET",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=1544712660000000000,
        flags=257,
        status=Status(code=Status.STATUS_CODE_ERROR),
        attributes=[
            KeyValue(key="n", value=AnyValue(int_value=-7)),
            KeyValue(key="b", value=AnyValue(bytes_value=b"\xff\xfe")),
            KeyValue(key="d", value=AnyValue(double_value=math.inf)),
            KeyValue(key="f", value=AnyValue(bool_value=False)),
        ],
    )
    data = TracesData(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])])

    assert json.loads(encode_traces(data)) == one_span(
        traceId="5b8efff798038103d269b633813fc60c",
        spanId="eee19b7ec3c1b174",
        name="GET",
        kind=2,
        startTimeUnixNano="1544712660000000000",
        flags=257,
        status={"code": 2},
        attributes=[
            {"key": "n", "value": {"intValue": "-7"}},
            {"key": "b", "value": {"bytesValue": "//4="}},
            {"key": "d", "value": {"doubleValue": "Infinity"}},
            {"key": "f", "value": {"boolValue": False}},
        ],
    )


def test_ids_are_hex_in_any_case():
    assert decode_span(traceId="AbCd" * 8, spanId="ff" * 8).trace_id == bytes.fromhex("abcd" * 8)
    assert decode_span(trace_id="AbCd" * 8).trace_id == bytes.fromhex("abcd" * 8)


@pytest.mark.parametrize("nano", ["1544712660000000000", 1544712660000000000, 1544712660000000000.0])
def test_integers_come_as_text_or_number(nano: object):
    assert decode_span(startTimeUnixNano=nano).start_time_unix_nano == 1544712660000000000


def test_enums_come_as_number_or_name():
    assert decode_span(kind=3).kind == decode_span(kind="SPAN_KIND_CLIENT").kind == Span.SPAN_KIND_CLIENT
    assert decode_span(status={"code": "STATUS_CODE_ERROR"}).status.code == Status.STATUS_CODE_ERROR


def test_null_is_absent_and_unknown_fields_are_ignored():
    span = decode_span(
        name=None, kind=None, attributes=None, novelty={"a": [{}]}, status={"code": None, "deprecated": 1}
    )

    assert span == Span(status=Status())
    assert decode_value({"stringValue": None, "other": 1}) == AnyValue()
    assert decode_traces(b'{"resourceSpans": null}') == TracesData()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": "x"}, AnyValue(string_value="x")),
        ({"string_value": ""}, AnyValue(string_value="")),
        ({"boolValue": False}, AnyValue(bool_value=False)),
        ({"intValue": "-9223372036854775808"}, AnyValue(int_value=-(2**63))),
        ({"intValue": 5}, AnyValue(int_value=5)),
        ({"doubleValue": 1}, AnyValue(double_value=1)),
        ({"doubleValue": "-Infinity"}, AnyValue(double_value=-math.inf)),
        ({"doubleValue": "2.5e3"}, AnyValue(double_value=2500)),
        ({"bytesValue": "_-8"}, AnyValue(bytes_value=b"\xff\xef")),
        ({"arrayValue": {}}, AnyValue(array_value=ArrayValue())),
        ({"kvlistValue": {"values": None}}, AnyValue(kvlist_value=KeyValueList())),
        (
            {"arrayValue": {"values": [{"intValue": 1}, {}]}},
            AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue()])),
        ),
    ],
    ids=str,
)
def test_every_kind_of_value_is_read(value: object, expected: AnyValue):
    assert decode_value(value) == expected


def test_not_a_number_is_read():
    assert math.isnan(decode_value({"doubleValue": "NaN"}).double_value)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not JSON"),
        (b'{"resourceSpans": [', "not JSON"),
        (b'"\\ud800"', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a": ' * 100_000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not an object"),
        (b"7", "not an object"),
        (b'{"resourceSpans": {}}', "resourceSpans: not an array"),
        (b'{"resourceSpans": [5]}', "resourceSpans[0]: not an object"),
        (b'{"resourceSpans": [{"resource": []}]}', "resourceSpans[0].resource: not an object"),
        (b'{"resourceSpans": [{}, {"schemaUrl": 1}]}', "resourceSpans[1].schemaUrl: not a string"),
    ],
)
def test_a_wrong_shape_is_refused_by_place(body: bytes, problem: str):
    with pytest.raises(MalformedRequest) as caught:
        decode_traces(body)
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano: not an integer"),
        ({"startTimeUnixNano": 1.5}, "startTimeUnixNano: not an integer"),
        ({"startTimeUnixNano": True}, "startTimeUnixNano: not an integer"),
        ({"startTimeUnixNano": "1_0"}, "startTimeUnixNano: not an integer"),
        ({"startTimeUnixNano": "٣"}, "startTimeUnixNano: not an integer"),
        ({"startTimeUnixNano": "9" * 10_000}, "startTimeUnixNano: not an integer"),
        ({"startTimeUnixNano": 2**64}, "startTimeUnixNano: out of range"),
        ({"startTimeUnixNano": 1e300}, "startTimeUnixNano: out of range"),
        ({"startTimeUnixNano": -1}, "startTimeUnixNano: out of range"),
        ({"flags": 2**32}, "flags: out of range"),
        ({"kind": 2**31}, "kind: out of range"),
        ({"kind": "CLIENT"}, "kind: not one of SPAN_KIND_UNSPECIFIED"),
        ({"traceId": "xyz"}, "traceId: not a hex id"),
        ({"traceId": "ab cd"}, "traceId: not a hex id"),
        ({"traceId": "é"}, "traceId: not a hex id"),
        ({"traceId": 5}, "traceId: not a string"),
        ({"name": ["x"]}, "name: not a string"),
        ({"attributes": {"a": 1}}, "attributes: not an array"),
        ({"attributes": [[]]}, "attributes[0]: not an object"),
        ({"attributes": ["ab"]}, "attributes[0]: not an object"),
        ({"attributes": [{"key": 1, "value": {"stringValue": "x"}}]}, "attributes[0].key: not a string"),
        ({"attributes": [{"key": "k", "value": "v"}]}, "attributes[0].value: not an object"),
        ({"attributes": [{"key": "k", "value": ["stringValue"]}]}, "attributes[0].value: not an object"),
        ({"attributes": [{"key": "k", "value": {"stringValue": 5}}]}, "attributes[0].value.stringValue: not a string"),
        (
            {"attributes": [{"key": "k", "value": {"arrayValue": {"values": [{}, {"boolValue": 0}]}}}]},
            "attributes[0].value.arrayValue.values[1].boolValue: neither true nor false",
        ),
        (
            {"attributes": [{"key": "k", "value": {"kvlistValue": {"values": [{"key": 0}]}}}]},
            "attributes[0].value.kvlistValue.values[0].key: not a string",
        ),
        (
            {"attributes": [{"key": "k", "value": {"arrayValue": {"values": 7}}}]},
            "attributes[0].value.arrayValue.values: not an array",
        ),
        ({"attributes": [{"value": {"intValue": 2**63}}]}, "attributes[0].value.intValue: out of range"),
        ({"attributes": [{"value": {"doubleValue": "1_0"}}]}, "attributes[0].value.doubleValue: not a number"),
        ({"attributes": [{"value": {"bytesValue": "é"}}]}, "attributes[0].value.bytesValue: not base64"),
        ({"events": [{"timeUnixNano": {}}]}, "events[0].timeUnixNano: not an integer"),
        ({"links": [{"spanId": "x"}]}, "links[0].spanId: not a hex id"),
    ],
)
def test_a_wrong_field_is_refused_by_place(fields: dict, problem: str):
    with pytest.raises(MalformedRequest) as caught:
        decode_span(**fields)
    assert str(caught.value).startswith(f"resourceSpans[0].scopeSpans[0].spans[0].{problem}")


def nested(levels: int, kind: str) -> dict:
    value: dict = {"stringValue": "deep"}
    for _ in range(levels):
        item = {"key": "k", "value": value} if kind == "kvlistValue" else value
        value = {kind: {"values": [item]}}
    return value


@pytest.mark.parametrize(("kind", "deepest"), [("arrayValue", 47), ("kvlistValue", 31)])
def test_nesting_ends_where_protobuf_can_still_read_it(kind: str, deepest: int):
    def on_an_event(levels: int) -> dict:
        return one_span(events=[{"attributes": [{"key": "k", "value": nested(levels, kind)}]}])

    accepted = decode_traces(on_an_event(deepest))
    assert TracesData.FromString(accepted.SerializeToString()) == accepted
    assert decode_traces(encode_traces(accepted)) == accepted

    with pytest.raises(MalformedRequest, match="nested too deeply"):
        decode_traces(on_an_event(deepest + 1))
    with pytest.raises(MalformedRequest, match="nested too deeply"):
        decode_traces(on_an_event(5000))


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "\ud800"},
        {"attributes": [{"key": "\ud800", "value": {"stringValue": "x"}}]},
        {"attributes": [{"key": "k", "value": {"stringValue": "\ud800"}}]},
        {"attributes": [{"key": "k", "value": {"doubleValue": 10**400}}]},
        {"startTimeUnixNano": 10**400},
    ],
)
def test_loaded_json_that_no_field_can_hold_is_refused(fields: dict):
    with pytest.raises(MalformedRequest):
        decode_traces(one_span(**fields))


def test_stored_files_may_use_older_names_base64_ids_and_bare_enums():
    stored = {
        "batches": [
            {
                "resource": {},
                "instrumentationLibrarySpans": [
                    {
                        "instrumentationLibrary": {"name": "lib"},
                        "spans": [
                            {
                                "traceId": "W47/95gDgQPSabYzgT/GDA==",
                                "spanId": "7uGbfsPBsXQ=",
                                "kind": "client",
                                "status": {"code": "Error"},
                            }
                        ],
                    }
                ],
            }
        ]
    }

    scope_spans = decode_traces(stored, lenient=True).resource_spans[0].scope_spans[0]

    assert scope_spans.scope.name == "lib"
    assert scope_spans.spans[0] == Span(
        trace_id=bytes.fromhex("5b8efff798038103d269b633813fc60c"),
        span_id=bytes.fromhex("eee19b7ec3c1b174"),
        kind=Span.SPAN_KIND_CLIENT,
        status=Status(code=Status.STATUS_CODE_ERROR),
    )
    assert decode_traces(stored) == TracesData()
    assert decode_span(lenient=True, traceId="5b8efff798038103d269b633813fc60c").trace_id.hex().startswith("5b8e")


@pytest.mark.parametrize("name", sorted(SPAN_COUNTS))
def test_recorded_traces_are_read(name: str):
    paths = list(SHARED_TRACES.glob(f"{name}*.json"))
    if not paths:
        pytest.skip(f"{SHARED_TRACES} is not there")

    data = decode_traces(paths[0].read_bytes(), lenient=True)

    spans = [span for rs in data.resource_spans for ss in rs.scope_spans for span in ss.spans]
    assert len(spans) == SPAN_COUNTS[name]
    assert len({span.trace_id for span in spans}) == 1
    assert all(len(span.trace_id) == 16 and len(span.span_id) == 8 for span in spans)
    assert decode_traces(encode_traces(data)) == data
