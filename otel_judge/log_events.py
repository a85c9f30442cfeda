"""What logs say of spans: log records of the generative AI conventions, made events of the span that they name.

Some instrumentations write content to logs alone. As an event of its span a record is found by the dialects that read
span events, and stands wherever the span does: in checks, judges, span tools and stored traces.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from google.protobuf.message import DecodeError, EncodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, TracesData

from . import semconv
from .dialects.gen_ai_events import EVENT_NAMES
from .label import Label, labels_on
from .trace import SpanBlock

MARK: Final = b"gen_ai."
"""Stands in the bytes of every record that is read here."""

SpanEvent: TypeAlias = bytes
"""An event and where it belongs: span id (8 bytes), Unix nanoseconds (8, big-endian), then the encoded field `events`
of a `Span`. Appended to the bytes of the span, that field is one more event of it: protobuf reads repeated fields
wherever they stand."""

_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8
_TIME_BYTES = 8
_PLACE_BYTES = _SPAN_ID_BYTES + _TIME_BYTES
_OLDER_NAME = "event.name"  # the attribute that named an event before LogRecord.event_name
_JSON_BODY = "gen_ai.event.content"  # where `gen_ai_events` finds a body that is a JSON text
_TEXT_BODY = "content"  # of a message, as a body of fields has it


class Logged(NamedTuple):
    """What a log record says of a span."""

    trace_id: bytes
    event: SpanEvent
    labels: tuple[Label, ...]
    """What a person said, where the record is an evaluation marked human."""


class NotJoinable(Exception):
    """A record of an event that is read, but which no span can take; the text says why, in the plural."""


def read_record(record: LogRecord) -> Logged | None:
    """The record as an event of its span; None for one that names no span, or says nothing of its content.

    Attributes become those of the event, and so do the fields of the body. Raises `NotJoinable`.
    """
    name = _name(record)
    if name not in EVENT_NAMES and name != semconv.EVALUATION_RESULT:
        return None
    if not any(record.trace_id) or not any(record.span_id):
        return None
    if len(record.trace_id) != _TRACE_ID_BYTES or len(record.span_id) != _SPAN_ID_BYTES:
        raise NotJoinable("with a trace_id that is not 16 bytes or a span_id that is not 8")
    time_ns = record.time_unix_nano or record.observed_time_unix_nano
    try:
        span = Span(events=[_event(record, name, time_ns)])
        _parse_in_a_trace(span)
    except (DecodeError, EncodeError):
        raise NotJoinable("nested too deeply") from None
    event = record.span_id + time_ns.to_bytes(_TIME_BYTES, "big") + span.SerializeToString()
    if name in EVENT_NAMES:
        return Logged(record.trace_id, event, ())
    span.trace_id, span.span_id = record.trace_id, record.span_id
    labels = tuple(labels_on(span))
    return Logged(record.trace_id, event, labels) if labels else None


def joined(blocks: Sequence[SpanBlock], events: Iterable[SpanEvent]) -> tuple[Sequence[SpanBlock], int]:
    """The blocks of a trace with the events on their spans, and the number of events whose span is not there.

    Events of a span stand behind its own in order of time, those of equal time as given; one that the span holds
    already is not added again.
    """
    by_span: dict[bytes, list[bytes]] = {}
    for event in sorted(events, key=_place):
        by_span.setdefault(event[:_SPAN_ID_BYTES], []).append(event[_PLACE_BYTES:])
    if not by_span:
        return blocks, 0
    found: set[bytes] = set()

    def amended(data: bytes) -> bytes:
        span_id = Span.FromString(data).span_id
        fields = by_span.get(span_id)
        if fields is None:
            return data
        found.add(span_id)
        return b"".join((data, *(field for field in fields if field not in data)))

    made = [SpanBlock(origin, tuple(map(amended, spans))) for origin, spans in blocks]
    return made, sum(len(fields) for span_id, fields in by_span.items() if span_id not in found)


def _name(record: LogRecord) -> str:
    if record.event_name:
        return record.event_name
    return next((each.value.string_value for each in record.attributes if each.key == _OLDER_NAME), "")


def _event(record: LogRecord, name: str, time_ns: int) -> Span.Event:
    event = Span.Event(name=name, time_unix_nano=time_ns)
    event.attributes.extend(each for each in record.attributes if each.key != _OLDER_NAME)
    kind = record.body.WhichOneof("value")
    if kind == "kvlist_value":
        event.attributes.extend(record.body.kvlist_value.values)
    elif kind is not None:
        event.attributes.add(key=_text_key(record.body), value=record.body)
    return event


def _text_key(body: AnyValue) -> str:
    return _JSON_BODY if body.string_value.lstrip().startswith("{") else _TEXT_BODY


def _parse_in_a_trace(span: Span) -> None:
    """Fails where a trace with this span could not be parsed: attributes lie deeper there than in a log record."""
    scope_spans = ScopeSpans(spans=[span])
    TracesData.FromString(TracesData(resource_spans=[ResourceSpans(scope_spans=[scope_spans])]).SerializeToString())


def _place(event: SpanEvent) -> bytes:
    return event[:_PLACE_BYTES]
