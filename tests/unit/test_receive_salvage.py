from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_judge.errors import MalformedRequest
from otel_judge.otlp_json import decode_traces
from otel_judge.receive.decode import parse
from otel_judge.receive.salvage import salvage_json, salvage_protobuf

NAMES = ("resourceSpans", "scopeSpans", "spans")
GOOD, BAD = "good", "bad here"


def request_of(groups: list[list[list[bool]]]) -> ExportTraceServiceRequest:
    """Spans by resource and scope: those that are True stay good."""
    request = ExportTraceServiceRequest()
    for scopes in groups:
        of_resource = request.resource_spans.add(schema_url="https://r" * 20)
        of_resource.resource.attributes.add(key="service.name").value.string_value = "shop"
        for spans in scopes:
            of_scope = of_resource.scope_spans.add()
            of_scope.scope.name = "app"
            for number, good in enumerate(spans):
                span = of_scope.spans.add(span_id=number.to_bytes(8), name=GOOD if good else BAD)
                span.events.add(name="x" * 200)
    return request


def without_bad(request: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    for of_resource in request.resource_spans:
        for of_scope in of_resource.scope_spans:
            kept = [span for span in of_scope.spans if span.name == GOOD]
            del of_scope.spans[:]
            of_scope.spans.extend(kept)
    return request


groups = st.lists(st.lists(st.lists(st.booleans(), max_size=4), max_size=3), max_size=3)


@given(groups)
def test_what_is_left_of_protobuf_is_all_but_the_bad_spans(given_groups: list[list[list[bool]]]) -> None:
    request = request_of(given_groups)
    bad = sum(not good for scopes in given_groups for spans in scopes for good in spans)
    body = request.SerializeToString().replace(BAD.encode(), b"bad h\xffre")
    if not bad:
        with pytest.raises(MalformedRequest):
            salvage_protobuf(body, Span)
        return
    with pytest.raises(MalformedRequest):
        parse(body)
    cleaned, unread = salvage_protobuf(body, Span)
    assert parse(cleaned) == without_bad(request)
    assert unread.number == bad


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_read_or_refused(body: bytes) -> None:
    try:
        cleaned, unread = salvage_protobuf(body, Span)
    except MalformedRequest:
        return
    assert unread.number > 0
    assert len(cleaned) <= len(body) + 10


def test_fields_of_other_kinds_stay_as_they_are() -> None:
    odd = b"\x98\x06\x07" + b"\x99\x06" + bytes(8) + b"\x9d\x06" + bytes(4) + b"\x9a\x06\x01x"  # field 99, four times
    body = request_of([[[True, False]]]).SerializeToString().replace(BAD.encode(), b"bad h\xffre")
    cleaned, _ = salvage_protobuf(odd + body, Span)
    assert cleaned.startswith(odd)


def test_a_request_that_is_all_small_fields_is_not_looked_through_for_ever() -> None:
    with pytest.raises(MalformedRequest, match="too many fields"):
        salvage_protobuf(b"\x0a\x00" * 300_000 + b"\xff", Span)


def json_of(*spans: Any, snake: bool = False) -> bytes:
    outer, middle = ("resource_spans", "scope_spans") if snake else NAMES[:2]
    return orjson.dumps({outer: [{middle: [{"spans": list(spans)}]}]})


@pytest.mark.parametrize("snake", [False, True])
def test_what_is_left_of_json_is_all_but_the_bad_spans(snake: bool) -> None:
    body = json_of({"name": GOOD}, {"name": 7}, None, {"traceId": "xyz"}, {"name": GOOD}, snake=snake)
    message, unread = salvage_json(body, NAMES, decode_traces)
    assert [span.name for span in message.resource_spans[0].scope_spans[0].spans] == [GOOD, GOOD]
    assert str(unread) == "3 that cannot be read (name: not a string)"


@pytest.mark.parametrize(
    "body",
    [
        json_of({"name": GOOD}),
        b'{"resourceSpans": 7}',
        b'{"resourceSpans": [{"resource": 7, "scopeSpans": [{"spans": [{"name": 7}]}]}]}',
        b"[" * 100_000,
        b'{"resourceSpans": NaN}',
        b"\xff",
        b'"resourceSpans"',
    ],
)
def test_what_is_wrong_elsewhere_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        salvage_json(body, NAMES, decode_traces)
