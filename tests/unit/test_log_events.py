"""Log records as events of their spans: what is taken, what becomes of it, and what a span tells then."""

from __future__ import annotations

import json
from itertools import permutations

import pytest
from log_records import SPAN_ID, TRACE_ID, event, record
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from otel_judge.attributes import AttributeValue
from otel_judge.dialects import read
from otel_judge.dialects.base import Text, ToolCall, ToolResult
from otel_judge.label import labels_of
from otel_judge.log_events import NotJoinable, joined, read_record
from otel_judge.trace import Origin, SpanBlock, Trace

ORIGIN = Origin(b"", "", b"", "")
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}


def span(span_id: bytes = SPAN_ID, **attributes: str) -> bytes:
    made = Span(trace_id=TRACE_ID, span_id=span_id, name="chat", end_time_unix_nano=9)
    for key, value in (CHAT | attributes).items():
        made.attributes.add(key=key).value.string_value = value
    return made.SerializeToString()


def trace_of(*records: LogRecord, spans: tuple[bytes, ...] = (span(),)) -> Trace:
    blocks, _ = joined([SpanBlock(ORIGIN, spans)], map(event, records))
    return Trace(TRACE_ID, blocks)


def only_event(made: LogRecord) -> dict[str, AttributeValue]:
    ((name, time_ns, attributes),) = trace_of(made).spans[0].events
    assert (name, time_ns) == (made.event_name or "gen_ai.user.message", 5)
    return dict(attributes)


def test_fields_of_the_body_and_attributes_become_attributes_of_the_event() -> None:
    made = record(body={"content": "Where is it?", "n": [1, {"a": None}]}, gen_ai__system="openai")
    assert only_event(made) == {"gen_ai.system": "openai", "content": "Where is it?", "n": [1, {"a": None}]}


def test_a_body_that_is_text_is_the_message_and_one_that_is_json_the_whole_event() -> None:
    assert only_event(record(body="Where is it?")) == {"content": "Where is it?"}
    assert only_event(record(body=' {"content":"?"}')) == {"gen_ai.event.content": ' {"content":"?"}'}
    assert only_event(record(body=["a", "b"])) == {"content": ["a", "b"]}
    assert only_event(record()) == {}


def test_the_older_attribute_names_an_event_too() -> None:
    assert only_event(record("", {"content": "?"}, event__name="gen_ai.user.message")) == {"content": "?"}


def test_a_record_without_time_has_that_of_its_observation() -> None:
    made = record(time_ns=0)
    made.observed_time_unix_nano = 7
    assert trace_of(made).spans[0].events[0].time_ns == 7


@pytest.mark.parametrize(
    "made",
    [
        record(trace_id=b""),
        record(trace_id=bytes(16)),
        record(span_id=b""),
        record(span_id=bytes(8)),
        record("app.started"),
        record(""),
        record("gen_ai.evaluation.result", gen_ai__evaluation__name="x", gen_ai__evaluation__score__label="pass"),
    ],
    ids=["no trace", "zero trace", "no span", "zero span", "another event", "no event", "no person's evaluation"],
)
def test_what_says_nothing_of_a_span_is_let_be(made: LogRecord) -> None:
    assert read_record(made) is None


def nested(levels: int) -> AnyValue:
    value = AnyValue(string_value="deep")
    for _ in range(levels):
        outer = AnyValue()
        outer.array_value.values.append(value)
        value = outer
    return value


@pytest.mark.parametrize("made", [record(trace_id=b"short"), record(span_id=b"much too long")])
def test_ids_of_a_wrong_length_are_no_ids(made: LogRecord) -> None:
    with pytest.raises(NotJoinable, match="not 16 bytes"):
        read_record(made)


def test_what_is_taken_can_be_parsed_in_its_trace_however_deep_it_lies() -> None:
    taken = refused = 0
    for levels in range(40, 52):
        for place in ("body", "attribute"):
            made = record()
            (made.body if place == "body" else made.attributes.add(key="a").value).CopyFrom(nested(levels))
            try:
                trace = trace_of(made)
            except NotJoinable:
                refused += 1
            else:
                assert TracesData.FromString(trace.to_otlp().SerializeToString()) == trace.to_otlp()
                taken += 1
    assert taken >= 8
    assert refused >= 4


def test_a_conversation_in_logs_alone_is_read() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"n":7}'}}
    records = [
        record("gen_ai.system.message", {"content": "Be kind."}, time_ns=1),
        record("gen_ai.user.message", {"content": "Where is it?"}, time_ns=2),
        record("gen_ai.assistant.message", {"tool_calls": [call]}, time_ns=3),
        record("gen_ai.tool.message", {"id": "c1", "content": "shipped"}, time_ns=4),
        record(
            "gen_ai.choice",
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "On its way."}},
            time_ns=5,
        ),
    ]
    for order in permutations(records):  # as they may come
        content = read(trace_of(*order).spans[0])
        assert content.input is not None
        assert [message.role for message in content.input] == ["system", "user", "assistant", "tool"]
        assert content.output is not None
        assert content.output[0].parts == (Text("On its way."),)
    (asked,) = content.input[2].parts
    assert isinstance(asked, ToolCall)
    assert (asked.name, asked.arguments) == ("find", '{"n":7}')
    (answered,) = content.input[3].parts
    assert isinstance(answered, ToolResult)
    assert answered.result == "shipped"


def test_the_details_of_an_operation_are_read_structured_or_as_text() -> None:
    said = [{"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]}]
    for messages in (said, json.dumps(said)):
        made = record("gen_ai.client.inference.operation.details", gen_ai__input__messages=messages)
        content = read(trace_of(made).spans[0])
        assert content.input is not None
        assert content.input[0].parts == (Text("Where is it?"),)


def test_records_of_equal_time_keep_their_order() -> None:
    said = [record(body={"content": text}) for text in ("long enough to be last", "b", "a")]
    assert [event.attributes["content"] for event in trace_of(*said).spans[0].events] == [
        "long enough to be last",
        "b",
        "a",
    ]


def test_events_go_to_their_span_behind_its_own_and_the_others_are_counted() -> None:
    held = Span.FromString(span())
    held.events.add(name="held")
    spans = (held.SerializeToString(), span(b"other id"))
    stray = record(span_id=b"nowhere!")
    blocks, unjoined = joined([SpanBlock(ORIGIN, spans)], [event(stray), event(record())])
    assert unjoined == 1
    assert blocks[0].spans[1] == spans[1]
    assert [each.name for each in Span.FromString(blocks[0].spans[0]).events] == ["held", "gen_ai.user.message"]


def test_what_a_span_holds_already_is_not_added_again() -> None:
    once, _ = joined([SpanBlock(ORIGIN, (span(),))], [event(record())])
    assert joined(once, [event(record())])[0] == once


def test_a_persons_word_is_a_label_of_its_span() -> None:
    made = record(
        "gen_ai.evaluation.result",
        gen_ai__evaluation__name="task",
        gen_ai__evaluation__score__label="fail",
        gen_ai__evaluation__evaluator__type="human",
    )
    logged = read_record(made)
    assert logged is not None
    assert [(said.trace_id, said.span_id, said.label) for said in logged.labels] == [
        (TRACE_ID.hex(), SPAN_ID.hex(), "fail")
    ]
    assert tuple(labels_of(trace_of(made))) == logged.labels
