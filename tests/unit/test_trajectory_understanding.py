"""What was captured and understood, what was captured in no known form, and what was not captured: told apart."""

from __future__ import annotations

from otel_judge.dialects.base import Role
from otel_judge.judge import tools
from otel_judge.judge.reading import open_trace
from otel_judge.testing.traces import TraceBuilder, text
from otel_judge.trace import Trace
from otel_judge.trajectory import Understanding, understood


def a_trace() -> Trace:
    build = TraceBuilder()
    root = build.span("acme.run", attributes={"acme.question": "where is it?"}, end=9.0)
    build.chat("m", parent=root, messages=[text("user", "hi")], output=[], start=1.0)
    build.chat("m", parent=root, start=2.0)
    build.chat("m", parent=root, start=3.0, attributes={"acme.reply": "It is\nthere. " * 200})
    build.tool("find", parent=root, arguments={"id": 7}, start=4.0, attributes={"acme.tool.output": "shelf 3"})
    build.span("POST", parent=root, attributes={"http.request.method": "POST"}, start=5.0)
    return build.trace()


def test_spans_are_counted_by_what_came_of_their_content() -> None:
    assert understood(a_trace()) == {
        (Role.OTHER, "generic", Understanding.UNKNOWN): 1,
        (Role.MODEL, "gen_ai", Understanding.READ): 1,
        (Role.MODEL, "gen_ai", Understanding.MISSING): 1,
        (Role.MODEL, "gen_ai", Understanding.UNKNOWN): 1,
        (Role.TOOL, "gen_ai", Understanding.READ): 1,
    }


def test_trace_info_says_what_share_was_understood() -> None:
    told = tools.call("get_trace_info", a_trace(), {}).splitlines()
    assert "content of model spans: captured in 2 of 3; 1 not understood" in told
    assert "content understood: 50% of 4 spans that carry any, by gen_ai 2" in told
    assert "unusual: 1 model or agent spans have no captured content" in told
    first = a_trace().root.span_id
    assert (
        f"unusual: 2 spans carry content in a form that is not known, the first {first}: read their attributes" in told
    )
    assert not any("content" in line for line in tools.call("get_trace_info", plain(), {}).splitlines())


def plain() -> Trace:
    build = TraceBuilder()
    build.span("POST", attributes={"http.request.method": "POST"})
    return build.trace()


def test_steps_show_content_of_no_known_form_as_it_stands() -> None:
    told = tools.call("read_steps", a_trace(), {}).splitlines()
    of_root = told.index("    attributes.acme.question (content of a form that is not known): where is it?")
    assert told[of_root - 1].startswith("1. span acme.run ")
    empty, missing, unknown = (line for line in told if " model m " in line)
    assert "not captured" not in empty
    assert "not understood" not in empty
    assert "input not captured · output not captured" in missing
    assert "input not understood · output not understood" in unknown
    assert "    output (empty)" in told
    reply = told.index("    attributes.acme.reply (content of a form that is not known):")
    assert told[reply + 1].strip() == "It is"
    assert any(
        "characters left out: get_span span_id=" in line and "path=attributes.acme.reply" in line for line in told
    )
    assert "    result not understood" in told
    assert "    attributes.acme.tool.output (content of a form that is not known): shelf 3" in told


def test_a_trace_that_is_read_whole_holds_it_too() -> None:
    opening = open_trace(a_trace(), "auto")
    assert opening.whole
    for words in ("where is it?", "It is there.", "shelf 3"):
        assert words in opening.text
