"""OTLP/JSON of logs; what they share with traces is tested there."""

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_WARN, LogsData

from otel_judge.errors import MalformedRequest
from otel_judge.otlp_json import decode_logs, encode_message


def document(**record: object) -> dict[str, object]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


def body_of(value: object) -> AnyValue:
    return decode_logs(document(body=value)).resource_logs[0].scope_logs[0].log_records[0].body


def some_logs() -> LogsData:
    data = LogsData()
    resource_logs = data.resource_logs.add(schema_url="https://r")
    resource_logs.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope_logs = resource_logs.scope_logs.add(schema_url="https://s")
    scope_logs.scope.name = "app"
    record = scope_logs.log_records.add(
        time_unix_nano=2**63,
        observed_time_unix_nano=5,
        severity_number=SEVERITY_NUMBER_WARN,
        severity_text="WARN",
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        flags=1,
        dropped_attributes_count=2,
        event_name="gen_ai.choice",
    )
    record.attributes.add(key="data").value.bytes_value = b"\x00\xff"
    record.body.kvlist_value.values.add(key="message").value.array_value.values.add().double_value = 0.5
    return data


def test_what_was_encoded_is_decoded():
    assert decode_logs(encode_message(some_logs())) == some_logs()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": "a"}, AnyValue(string_value="a")),
        ({"intValue": "7"}, AnyValue(int_value=7)),
        ({"bytesValue": "AAE="}, AnyValue(bytes_value=b"\x00\x01")),
        ({}, AnyValue()),
        (None, AnyValue()),
    ],
)
def test_a_body_is_any_value(value: object, expected: AnyValue):
    assert body_of(value) == expected


def test_names_of_enums_snake_case_and_older_names_of_stored_files():
    record = {"severity_number": "SEVERITY_NUMBER_WARN", "event_name": "e", "trace_id": "AB" * 16}
    strict = decode_logs({"resource_logs": [{"scope_logs": [{"log_records": [record]}]}]})
    older = [{"instrumentationLibraryLogs": [{"logRecords": [record | {"severity_number": "warn"}]}]}]
    assert decode_logs({"resourceLogs": older}, lenient=True) == strict
    assert strict.resource_logs[0].scope_logs[0].log_records[0].trace_id == b"\xab" * 16


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"body": "text"}, "body: not an object"),
        ({"body": {"arrayValue": {"values": [{"intValue": "x"}]}}}, "body.arrayValue.values[0].intValue: not an int"),
        ({"traceId": "xyz"}, "traceId: not a hex id"),
        ({"severityNumber": "loud"}, "severityNumber: not one of"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(record: dict[str, object], said: str):
    with pytest.raises(MalformedRequest) as caught:
        decode_logs(document(**record))
    assert str(caught.value).startswith(f"resourceLogs[0].scopeLogs[0].logRecords[0].{said}")


def nested(levels: int) -> dict[str, object]:
    value: dict[str, object] = {"stringValue": "deep"}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    return value


def test_a_deep_body_is_refused_where_it_could_not_be_parsed_again():
    deepest = decode_logs(document(body=nested(47)))
    assert LogsData.FromString(deepest.SerializeToString()) == deepest
    with pytest.raises(MalformedRequest, match="nested too deeply"):
        decode_logs(document(body=nested(48)))
