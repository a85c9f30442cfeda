import json

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from otel_judge.errors import MalformedRequest
from otel_judge.otlp_json import decode_logs, decode_traces

VALID = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeSpans": [
                {
                    "scope": {"name": "app", "attributes": [{"key": "n", "value": {"intValue": "1"}}]},
                    "spans": [
                        {
                            "traceId": "5b8efff798038103d269b633813fc60c",
                            "spanId": "eee19b7ec3c1b174",
                            "flags": 257,
                            "kind": 2,
                            "startTimeUnixNano": "1544712660000000000",
                            "attributes": [
                                {"key": "a", "value": {"arrayValue": {"values": [{"doubleValue": 1.5}]}}},
                                {"key": "b", "value": {"kvlistValue": {"values": [{"key": "c", "value": {}}]}}},
                                {"key": "d", "value": {"bytesValue": "AAA="}},
                            ],
                            "events": [{"name": "e", "timeUnixNano": 5, "attributes": []}],
                            "links": [{"spanId": "eee19b7ec3c1b174"}],
                            "status": {"code": 2, "message": "no"},
                        }
                    ],
                }
            ],
        }
    ]
}
LOGS = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeLogs": [
                {
                    "scope": {"name": "app"},
                    "logRecords": [
                        {
                            "timeUnixNano": "1544712660000000000",
                            "observedTimeUnixNano": 5,
                            "severityNumber": 9,
                            "severityText": "INFO",
                            "traceId": "5b8efff798038103d269b633813fc60c",
                            "spanId": "eee19b7ec3c1b174",
                            "eventName": "gen_ai.choice",
                            "flags": 1,
                            "body": {"kvlistValue": {"values": [{"key": "message", "value": {"stringValue": "a"}}]}},
                            "attributes": [{"key": "n", "value": {"arrayValue": {"values": [{"intValue": "1"}]}}}],
                        }
                    ],
                }
            ],
        }
    ]
}
SIGNALS = {"traces": (VALID, decode_traces, TracesData), "logs": (LOGS, decode_logs, LogsData)}
signals = st.sampled_from(sorted(SIGNALS))

names = st.text(max_size=5) | st.just("values")
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


def places(value: object) -> list[tuple[dict | list, str | int]]:
    """Every place in a document at which something else could stand."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, child in items for place in [(value, key), *places(child)]]


def read_or_refuse(data: bytes | dict, signal: str, *, lenient: bool) -> None:
    _, decode, message = SIGNALS[signal]
    try:
        result = decode(data, lenient=lenient)
    except MalformedRequest:
        return
    assert message.FromString(result.SerializeToString()).ByteSize() == result.ByteSize()


@given(st.binary(max_size=100), signals, st.booleans())
def test_arbitrary_bytes_are_read_or_refused(data: bytes, signal: str, lenient: bool):
    read_or_refuse(data, signal, lenient=lenient)


@given(st.data(), signals, st.booleans())
def test_damaged_bytes_are_read_or_refused(data: st.DataObject, signal: str, lenient: bool):
    body = bytearray(json.dumps(SIGNALS[signal][0]).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    read_or_refuse(bytes(body), signal, lenient=lenient)


@given(st.data(), signals, anything, st.booleans())
def test_anything_anywhere_is_read_or_refused(data: st.DataObject, signal: str, replacement: object, lenient: bool):
    document = json.loads(json.dumps(SIGNALS[signal][0]))
    parent, key = data.draw(st.sampled_from(places(document)))
    parent[key] = replacement
    read_or_refuse(document, signal, lenient=lenient)


def test_the_documents_are_valid_before_they_are_damaged():
    assert decode_traces(VALID).resource_spans[0].scope_spans[0].spans[0].name == ""
    assert decode_logs(LOGS).resource_logs[0].scope_logs[0].log_records[0].event_name == "gen_ai.choice"
