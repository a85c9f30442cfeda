import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_judge.errors import MalformedRequest
from otel_judge.own_traces import new_trace_id
from otel_judge.receive.decode import Intake, parse, split
from otel_judge.receive.origins import OriginTable

TRACE_A = bytes(range(16))
TRACE_B = bytes(range(16, 32))


def span(trace_id: bytes = TRACE_A, number: int = 1, **fields) -> Span:
    return Span(
        trace_id=trace_id, span_id=number.to_bytes(8), **{"end_time_unix_nano": 5, "parent_span_id": b"p" * 8, **fields}
    )


def request(
    *spans: Span, service: str = "shop", resource: dict[str, AnyValue] | None = None
) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    add(message, *spans, service=service, resource=resource)
    return message


def add(message: ExportTraceServiceRequest, *spans: Span, service="shop", scope="app", resource=None) -> None:
    resource_spans = message.resource_spans.add(schema_url="https://r")
    attributes = {"service.name": AnyValue(string_value=service), **(resource or {})}
    resource_spans.resource.attributes.extend(KeyValue(key=key, value=value) for key, value in attributes.items())
    scope_spans = resource_spans.scope_spans.add(schema_url="https://s")
    scope_spans.scope.name = scope
    scope_spans.spans.extend(spans)


def split_new(message: ExportTraceServiceRequest) -> Intake:
    return split(message, OriginTable())


def spans_of(intake: Intake, trace_id: bytes) -> list[bytes]:
    return [data for _, block in intake.fragments[trace_id].blocks for data in block]


def test_spans_are_grouped_by_trace_with_their_bytes_ids_and_size():
    first, other, second = span(number=1, name="one"), span(TRACE_B, 2), span(number=3, name="three")

    intake = split_new(request(first, other, second))

    fragment = intake.fragments[TRACE_A]
    assert spans_of(intake, TRACE_A) == [first.SerializeToString(), second.SerializeToString()]
    assert fragment.span_ids == [first.span_id, second.span_id]
    assert fragment.size == first.ByteSize() + second.ByteSize()
    assert len(fragment.blocks) == 1
    assert spans_of(intake, TRACE_B) == [other.SerializeToString()]
    assert (intake.accepted, intake.rejected, intake.own, intake.error_message) == (3, 0, 0, "")


def test_each_resource_and_scope_is_an_origin_of_its_own():
    message = request(span(number=1), service="shop")
    add(message, span(number=2), service="bank")
    add(message, span(number=3), service="bank", scope="other")

    origins = [origin for origin, _ in split_new(message).fragments[TRACE_A].blocks]

    assert len(set(origins)) == 3
    assert origins[0].resource == message.resource_spans[0].resource.SerializeToString()
    assert origins[0].resource_schema_url == "https://r"
    assert origins[0].scope == message.resource_spans[0].scope_spans[0].scope.SerializeToString()
    assert origins[0].scope_schema_url == "https://s"


def test_requests_share_their_origins():
    origins = OriginTable()

    first = split(request(span(number=1)), origins)
    second = split(request(span(number=2)), origins)

    assert first.fragments[TRACE_A].blocks[0][0] is second.fragments[TRACE_A].blocks[0][0]


def test_unknown_fields_of_a_span_are_kept():
    newer = span().SerializeToString() + b"\xfa\x3e\x02hi"  # field 1007, length-delimited
    message = request()
    message.resource_spans[0].scope_spans[0].spans.append(Span.FromString(newer))

    assert spans_of(split_new(message), TRACE_A) == [newer]


@pytest.mark.parametrize("parent", [b"", bytes(8)], ids=["absent", "zeros"])
def test_an_ended_span_without_parent_is_an_ended_root(parent: bytes):
    fragment = split_new(request(span(parent_span_id=parent))).fragments[TRACE_A]

    assert fragment.ended_root
    assert not fragment.remote_root


def test_a_span_that_has_not_ended_is_no_root():
    message = request(
        span(number=1, parent_span_id=b"", end_time_unix_nano=0), span(number=2, flags=0x301, end_time_unix_nano=0)
    )

    fragment = split_new(message).fragments[TRACE_A]

    assert not fragment.ended_root
    assert not fragment.remote_root


@pytest.mark.parametrize(
    ("flags", "remote"), [(0x301, True), (0x300, True), (0x100, False), (0x200, False), (1, False)]
)
def test_a_remote_root_needs_both_flags(flags: int, remote: bool):
    fragment = split_new(request(span(flags=flags))).fragments[TRACE_A]

    assert fragment.remote_root is remote
    assert not fragment.ended_root


@pytest.mark.parametrize("bad", [b"", b"short", bytes(16), b"x" * 17], ids=["none", "short", "zeros", "long"])
def test_a_bad_trace_id_rejects_its_span_alone(bad: bytes):
    intake = split_new(request(span(number=1), span(bad, 2), span(number=3)))

    assert list(intake.fragments) == [TRACE_A]
    assert intake.fragments[TRACE_A].span_ids == [(1).to_bytes(8), (3).to_bytes(8)]
    assert (intake.accepted, intake.rejected) == (2, 1)
    assert intake.error_message == "spans rejected: 1 with a trace_id that is not 16 bytes or is all zeros"


@pytest.mark.parametrize("bad", [b"", b"short", bytes(8), b"x" * 9], ids=["none", "short", "zeros", "long"])
def test_a_bad_span_id_rejects_its_span_alone(bad: bytes):
    intake = split_new(request(span(number=1), Span(trace_id=TRACE_A, span_id=bad), span(b"", 3)))

    assert intake.fragments[TRACE_A].span_ids == [(1).to_bytes(8)]
    assert (intake.accepted, intake.rejected) == (1, 2)
    assert "1 with a trace_id" in intake.error_message
    assert "1 with a span_id" in intake.error_message


@pytest.mark.parametrize("mark", [AnyValue(bool_value=True), AnyValue(string_value="True")], ids=["bool", "text"])
def test_what_an_otel_judge_emitted_is_dropped_without_rejection(mark: AnyValue):
    message = request(span(number=1), span(TRACE_B, 2), resource={"otel_judge.emitter": mark})
    add(message, span(number=3))

    intake = split_new(message)

    assert intake.fragments[TRACE_A].span_ids == [(3).to_bytes(8)]
    assert (intake.accepted, intake.rejected, intake.own) == (1, 0, 2)


def test_a_resource_that_only_mentions_the_mark_is_kept():
    message = request(
        span(number=1),
        resource={
            "otel_judge.emitter": AnyValue(bool_value=False),
            "note": AnyValue(string_value="otel_judge.emitter"),
        },
    )

    assert split_new(message).accepted == 1


def test_traces_that_a_judge_opened_are_dropped_by_their_id():
    own = new_trace_id()

    intake = split_new(request(span(own, 1), span(own, 2), span(number=3), span(own, 4)))

    assert list(intake.fragments) == [TRACE_A]
    assert (intake.accepted, intake.rejected, intake.own) == (1, 0, 3)


def test_empty_requests_and_empty_parts_bring_nothing():
    message = request()
    message.resource_spans.add()

    intake = split_new(message)

    assert (intake.fragments, intake.accepted, intake.rejected, intake.own) == ({}, 0, 0, 0)


trace_ids = st.sampled_from([TRACE_A, TRACE_B, b"c" * 16, bytes(16), b"bad"])
any_spans = st.lists(
    st.builds(
        Span,
        trace_id=trace_ids,
        span_id=st.sampled_from([b"a" * 8, b"b" * 8, b"c" * 8, bytes(8), b""]),
        parent_span_id=st.sampled_from([b"", b"p" * 8, bytes(8)]),
        flags=st.sampled_from([0, 0x100, 0x300]),
        end_time_unix_nano=st.sampled_from([0, 9]),
        name=st.text(max_size=3),
    ),
    max_size=12,
)


@given(st.lists(any_spans, max_size=4))
def test_every_span_is_kept_once_or_rejected(batches: list[list[Span]]):
    message = ExportTraceServiceRequest()
    for number, batch in enumerate(batches):
        add(message, *batch, service=f"s{number % 2}")

    intake = split_new(message)

    valid = [
        item
        for batch in batches
        for item in batch
        if len(item.trace_id) == 16 and any(item.trace_id) and len(item.span_id) == 8 and any(item.span_id)
    ]
    assert intake.accepted == len(valid)
    assert intake.rejected == sum(map(len, batches)) - len(valid)
    assert bool(intake.error_message) is bool(intake.rejected)
    for trace_id, fragment in intake.fragments.items():
        mine = [item for item in valid if item.trace_id == trace_id]
        assert spans_of(intake, trace_id) == [item.SerializeToString() for item in mine]
        assert fragment.span_ids == [item.span_id for item in mine]
        assert fragment.size == sum(item.ByteSize() for item in mine)
        parentless = [item for item in mine if not any(item.parent_span_id)]
        assert fragment.ended_root is any(item.end_time_unix_nano for item in parentless)
        assert fragment.remote_root is any(
            item.flags == 0x300 and item.end_time_unix_nano for item in mine if item not in parentless
        )
    assert sum(len(fragment.span_ids) for fragment in intake.fragments.values()) == intake.accepted


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused(body: bytes):
    try:
        message = parse(body)
    except MalformedRequest:
        return
    split_new(message)


@given(st.data())
def test_damaged_requests_are_read_or_refused(data: st.DataObject):
    body = bytearray(request(span(number=1, name="name"), span(TRACE_B, 2)).SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = parse(bytes(body))
    except MalformedRequest:
        return
    split_new(message)


HUMAN = [
    KeyValue(key="gen_ai.evaluation.name", value=AnyValue(string_value="task")),
    KeyValue(key="gen_ai.evaluation.score.label", value=AnyValue(string_value="fail")),
    KeyValue(key="gen_ai.evaluation.evaluator.type", value=AnyValue(string_value="human")),
]


ANNOTATION = [
    KeyValue(key=f"annotations.0.annotation.{key}", value=AnyValue(string_value=value))
    for key, value in (("name", "task"), ("label", "pass"), ("annotator_kind", "HUMAN"))
]


@pytest.mark.parametrize("as_bytes", [True, False])
def test_what_people_said_is_a_label_and_no_span(as_bytes: bool) -> None:
    judged = span(number=1, events=[Span.Event(name="gen_ai.evaluation.result", attributes=HUMAN)])
    late = span(TRACE_B, 2, attributes=HUMAN)
    carrier = span(TRACE_B, 4, attributes=ANNOTATION, links=[Span.Link(trace_id=TRACE_A, span_id=judged.span_id)])
    message = request(judged, late, span(number=3), carrier)
    if as_bytes:
        body = message.SerializeToString()
        intake = split(parse(body), OriginTable(), body=body)
    else:
        intake = split_new(message)
    assert [(label.trace_id, label.span_id, label.name, label.label) for label in intake.labels] == [
        (TRACE_A.hex(), judged.span_id.hex(), "task", "fail"),
        (TRACE_B.hex(), late.parent_span_id.hex(), "task", "fail"),
        (TRACE_A.hex(), judged.span_id.hex(), "task", "pass"),
    ]
    assert (set(intake.fragments), intake.accepted, intake.rejected) == ({TRACE_A}, 2, 0)
    fragment = intake.fragments[TRACE_A]
    assert fragment.span_ids == [judged.span_id, (3).to_bytes(8)]
    assert [Span.FromString(data) for data in spans_of(intake, TRACE_A)] == [judged, span(number=3)]


def test_labels_about_what_otel_judge_emitted_are_none() -> None:
    own = request(span(attributes=HUMAN), resource={"otel_judge.emitter": AnyValue(bool_value=True)})
    assert split_new(own).labels == ()
