import pytest
from log_records import SPAN_ID, TRACE_ID, event, record, request
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from otel_judge.errors import MalformedRequest
from otel_judge.own_traces import new_trace_id
from otel_judge.receive.decode_logs import LogIntake, parse_logs, split_logs

OTHER = b"another trace id"


def split(*records: LogRecord, emitter: bool = False) -> LogIntake:
    """As JSON and as protobuf come in; both are the same."""
    message = request(*records, emitter=emitter)
    body = message.SerializeToString()
    intake = split_logs(message)
    assert split_logs(parse_logs(body), body=body) == intake
    return intake


def test_records_are_grouped_by_trace_and_all_others_let_go():
    first, second, strange = record(body={"content": "a"}), record("gen_ai.choice"), record(trace_id=OTHER)
    intake = split(first, record("app.started", "gen_ai."), strange, record(trace_id=b"", span_id=b""), second)
    assert intake.events == {TRACE_ID: [event(first), event(second)], OTHER: [event(strange)]}
    assert (intake.accepted, intake.rejected, intake.own, intake.other) == (3, 0, 0, 2)


def test_a_request_of_ordinary_logs_is_let_go_by_its_bytes():
    message = request(record("app.started", "hello"), record("", "there"))
    body = message.SerializeToString()
    assert split_logs(message, body=body) == LogIntake({}, 0, 0, "", 0, 2)


def test_what_no_span_can_take_is_rejected_and_said():
    intake = split(record(trace_id=b"short"), record(span_id=b"short"), record())
    assert (intake.accepted, intake.rejected) == (1, 2)
    assert intake.error_message == (
        "log records rejected: 2 with a trace_id that is not 16 bytes or a span_id that is not 8"
    )


def test_what_a_judge_made_is_dropped():
    assert split(record(trace_id=new_trace_id()), record()).own == 1
    marked = split_logs(request(record(), record(), emitter=True))
    assert (marked.own, marked.accepted, marked.events) == (2, 0, {})


def test_a_persons_word_is_a_label_and_no_event():
    said = {"gen_ai__evaluation__score__label": "pass", "gen_ai__evaluation__evaluator__type": "human"}
    intake = split(record("gen_ai.evaluation.result", gen_ai__evaluation__name="task", **said))
    assert (intake.accepted, intake.events) == (1, {})
    assert [(label.span_id, label.label) for label in intake.labels] == [(SPAN_ID.hex(), "pass")]


def test_an_empty_request_brings_nothing():
    assert split_logs(ExportLogsServiceRequest(), body=b"") == LogIntake({}, 0, 0, "", 0, 0)


def test_what_is_no_request_is_malformed():
    with pytest.raises(MalformedRequest, match="ExportLogsServiceRequest"):
        parse_logs(b"\xff\xff")
