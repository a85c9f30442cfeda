import pytest

from otel_judge.attributes import decode_value, encode_value
from otel_judge.dialects import read
from otel_judge.testing.traces import BASE_NS, TraceBuilder


def small(seed: int = 0) -> TraceBuilder:
    build = TraceBuilder("shop", seed=seed, resource={"host.name": "h"})
    root = build.span("root", start=0.0, end=2.0, attributes={"a": 1})
    child = build.span("child", parent=root, start=0.5, end=1.5, error="broken", scope="other")
    build.span("far", parent=child, service="payments", kind="SERVER", remote_parent=True, ended=False)
    build.event(child, "exception", {"exception.type": "ValueError"}, at=1.0)
    build.link(child, "ab" * 16, "cd" * 8, {"why": "cause"})
    return build


def test_same_calls_give_same_bytes_and_seeds_tell_traces_apart():
    assert small().request().SerializeToString() == small().request().SerializeToString()
    assert small().trace_id != small(seed=1).trace_id
    assert {span.span_id for span in small().trace().spans}.isdisjoint(
        span.span_id for span in small(seed=1).trace().spans
    )


def test_trace_holds_what_was_written():
    trace = small().trace()
    root, far, child = trace.spans
    assert [span.name for span in trace.spans] == ["root", "far", "child"]
    assert (root.start_ns, root.end_ns) == (BASE_NS, BASE_NS + 2_000_000_000)
    assert root.resource == {"service.name": "shop", "host.name": "h"}
    assert root.status_code == "UNSET"
    assert child.parent_span_id == root.span_id
    assert (child.status_code, child.status_message, child.scope_name) == ("ERROR", "broken", "other")
    assert child.events[0].attributes == {"exception.type": "ValueError"}
    assert child.links[0].trace_id == "ab" * 16
    assert (far.service, far.kind, far.has_remote_parent, far.end_ns) == ("payments", "SERVER", True, 0)


def test_request_holds_the_same_spans_as_the_trace():
    build = small()
    sent = {
        span.span_id.hex()
        for resource_spans in build.request().resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    }
    assert sent == set(build.trace().by_id)


def test_same_span_id_twice_makes_a_duplicate():
    build = TraceBuilder()
    first = build.span("first")
    build.span("again", span_id=first)
    assert build.trace().span_count == 2
    assert [span.name for span in build.trace().spans] == ["first"]


def test_gen_ai_spans_read_back():
    build = TraceBuilder()
    root = build.agent("shop", user="hi", answer="bye")
    build.chat("m-1", parent=root, tokens=(3, 4), finish="stop")
    build.tool("find", parent=root, arguments={"id": 7}, result="none", call_id="c1")
    agent, chat, tool = (read(span) for span in build.trace().spans)
    assert agent.output is not None
    assert agent.output[0].text == "bye"
    assert chat.usage is not None
    assert (chat.model, chat.usage.output_tokens) == ("m-1", 4)
    assert tool.tool is not None
    assert (tool.tool.name, tool.tool.arguments, tool.tool.result) == ("find", '{"id": 7}', "none")


@pytest.mark.parametrize(
    "value", [None, True, 3, 1.5, "é", b"\x00", [1, "a", [None]], {"a": {"b": [1]}, "c": False}], ids=repr
)
def test_values_survive_the_wire(value):
    assert decode_value(encode_value(value)) == value
