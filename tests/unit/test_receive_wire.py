from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_judge.errors import MalformedRequest
from otel_judge.receive.decode import Intake, parse, split
from otel_judge.receive.origins import OriginTable
from otel_judge.receive.wire import cut_spans
from otel_judge.testing.traces import TraceBuilder

RESOURCE_SPANS, SCOPE_SPANS, SPANS = b"\x0a", b"\x12", b"\x12"


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def field(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content


spans = st.builds(
    Span,
    trace_id=st.sampled_from([b"a" * 16, b"b" * 16, b"bad"]),
    span_id=st.sampled_from([b"1" * 8, b"2" * 8, b"3" * 8, b""]),
    name=st.sampled_from(["", "short", "x" * 200, "y" * 20_000]),
).map(Span.SerializeToString)
plain = st.sampled_from([b"", field(b"\x1a", b"url"), field(b"\x7a", b"unknown")])
"""A schema URL, or an unknown field of a kind that the borders can be found around."""
strange = st.sampled_from([b"\x38\x05", b"\xfa\x3e\x02hi", b"\x39" + bytes(8), b"\x3b\x3c", b"\x12\x80\x00"])
"""Unknown fields of other wire types, a field of a two-byte tag, and an empty span whose length takes two bytes."""


def nest(tag: bytes, inner: st.SearchStrategy[bytes], other: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes of a message whose fields with this tag hold `inner`, with others between them in any order."""
    return st.lists(st.one_of(inner.map(lambda content: field(tag, content)), other), max_size=4).map(b"".join)


def bodies(other: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    top = other.filter(lambda data: not data.startswith(SPANS))
    return nest(RESOURCE_SPANS, nest(SCOPE_SPANS, nest(SPANS, spans, other), other), top)


def spans_of(request: ExportTraceServiceRequest) -> list[list[list[Span]]]:
    return [[list(ss.spans) for ss in rs.scope_spans] for rs in request.resource_spans]


def parsed(cuts: list[list[list[bytes]]]) -> list[list[list[Span]]]:
    return [[[Span.FromString(data) for data in ss] for ss in rs] for rs in cuts]


def content(intake: Intake) -> dict[bytes, object]:
    return {
        trace_id: (fragment.blocks, fragment.span_ids, fragment.size, fragment.ended_root)
        for trace_id, fragment in intake.fragments.items()
    }


@given(bodies(plain))
def test_every_span_is_cut_out_as_it_was_sent(body: bytes):
    cuts = cut_spans(body)

    assert cuts is not None
    assert parsed(cuts) == spans_of(parse(body))
    assert all(data in body for rs in cuts for ss in rs for data in ss)


@given(bodies(plain | strange))
def test_what_cannot_be_cut_is_serialised_instead(body: bytes):
    try:
        request = parse(body)
    except MalformedRequest:
        return
    cuts = cut_spans(body)

    assert cuts is None or parsed(cuts) == spans_of(request)
    assert content(split(request, OriginTable(), body=body)) == content(split(request, OriginTable()))


def test_an_unknown_field_beside_the_spans_costs_speed_and_no_span():
    build = TraceBuilder()
    build.agent("shop", user="hello", answer="hi")
    body = build.request().SerializeToString()

    assert cut_spans(body) is not None
    assert cut_spans(body + b"\x38\x05") is None
    assert split(parse(body + b"\x38\x05"), OriginTable(), body=body + b"\x38\x05").accepted == 1


@given(st.binary(max_size=100))
def test_arbitrary_bytes_that_parse_are_cut_or_left(body: bytes):
    try:
        request = parse(body)
    except MalformedRequest:
        return
    cuts = cut_spans(body)
    assert cuts is None or parsed(cuts) == spans_of(request)
