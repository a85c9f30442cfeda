from __future__ import annotations

from otel_judge.feedback import Coverage
from otel_judge.judge import prompt, tools
from otel_judge.judge.reading import WHOLE_BYTES, Record, open_trace
from otel_judge.judge.text import fields
from otel_judge.judge.tools.answer import Seen
from otel_judge.testing.traces import TraceBuilder, text
from otel_judge.trace import Trace


def a_trace(spans: int, size: int) -> Trace:
    build = TraceBuilder(service="shop")
    for number in range(spans):
        build.tool("find", result=f"order {number} " + "x" * size, start=number)
    return build.trace()


def test_a_small_trace_is_shown_whole() -> None:
    trace = a_trace(3, 100)
    opening = open_trace(trace, "auto")
    assert opening.whole
    for span in trace.spans:
        assert span.span_id in opening.text
    assert "order 2 " in opening.text
    assert tools.call("get_trace_info", trace, {}) in opening.text


def test_a_large_trace_is_shown_as_a_map() -> None:
    for trace in (a_trace(3, WHOLE_BYTES), a_trace(2_000, 1)):
        opening = open_trace(trace, "auto")
        assert not opening.whole
        assert tools.call("get_trace_info", trace, {}) in opening.text
        assert tools.call("list_spans", trace, {}) in opening.text
        assert len(opening.text.encode()) < 4 * tools.CAP_BYTES


def test_a_map_shows_how_it_began_how_it_ended_and_every_error_between() -> None:
    build = TraceBuilder()
    agent = build.agent("shop", user="Where is my order?", answer="It ships today.", end=3_000.0)
    failed: list[str] = []
    for number in range(1_000):
        error = f"no stock {number}" if number in (400, 700) else None
        span = build.tool("find", parent=agent, arguments={"id": number}, result="x" * 100, start=number, error=error)
        failed += [span] if error else []
    opening = open_trace(build.trace(), "auto")
    assert not opening.whole
    told = opening.text.partition("read_steps: ")[2]
    assert told.index("Where is my order?") < told.index("It ships today.")
    assert "Steps left out above at which something went wrong: 2" in opening.text
    for span, words in zip(failed, ("no stock 400", "no stock 700"), strict=True):
        assert f"[{span}]" in opening.text
        assert words in opening.text
        assert any(seen.span_id == span for seen in opening.seen)


def a_conversation() -> Trace:
    build = TraceBuilder()
    first = [text("system", "Be kind. " * 20), text("user", "Hello, who are you?")]
    said = text("assistant", "A helper of the shop.")
    build.chat("m", messages=first, output=[said], start=0.0)
    build.chat("m", messages=[*first, said, text("user", "Thank you!")], output=[text("assistant", "Bye")], start=2.0)
    return build.trace()


def test_a_message_that_was_shown_counts_as_seen_wherever_it_is_repeated() -> None:
    trace = a_conversation()
    opening = open_trace(trace, "whole")
    assert opening.text.count("Be kind. " * 20) == opening.text.count("Hello, who are you?") == 1
    record = Record()
    record.add(opening.seen)
    assert record.coverage(trace) == Coverage(1.0, 1.0)


def test_a_longer_trace_is_shown_whole_without_the_attributes_of_its_spans() -> None:
    opening = open_trace(a_trace(20, 1_200), "auto")
    assert opening.whole
    assert "gen_ai.tool.name=" not in opening.text
    assert "gen_ai.tool.name=find" in open_trace(a_trace(3, 100), "auto").text


def test_what_was_only_shown_in_part_is_not_seen_elsewhere() -> None:
    trace = a_conversation()
    first, second = trace.spans
    record = Record()
    record.add((Seen(first.span_id, "input", 0, 20),))
    coverage = record.coverage(trace)
    assert coverage.spans == 0.5
    whole = sum(len(said) for span in trace.spans for _, said in fields(span)) - 4
    assert coverage.bytes == 20 / whole
    record.add((Seen(second.span_id, "output", 0, 3),))
    assert record.coverage(trace).bytes == 23 / whole


def test_images_are_never_seen() -> None:
    build = TraceBuilder()
    image = {"type": "blob", "mime_type": "image/png", "content": "A" * 4_000}
    build.chat("m", messages=[text("user", "What is this?"), {"role": "user", "parts": [image]}])
    trace = build.trace()
    opening = open_trace(trace, "whole")
    assert "<image/png, 3000 bytes: not shown>" in opening.text
    record = Record()
    record.add(opening.seen)
    assert record.coverage(trace).bytes < 0.01


def test_the_mode_can_be_forced() -> None:
    assert not open_trace(a_trace(1, 1), "explore").whole
    assert open_trace(a_trace(3, WHOLE_BYTES), "whole").whole


def test_coverage_counts_what_was_shown_once() -> None:
    build = TraceBuilder(service="shop")
    first = build.span("abcde", attributes={"k": "0123456789"})
    build.span("fghij", attributes={"k": "0123456789"}, start=1.0)
    trace = build.trace()
    record = Record()
    assert record.coverage(trace) == Coverage(0.0, 0.0)
    record.add((Seen(first, "attributes.k", 0, 4), Seen(first, "attributes.k", 2, 6)))
    record.add((Seen(first, "attributes.k", 8, 10), Seen(first, "resource.service.name", 0, 4)))
    assert record.coverage(trace) == Coverage(0.5, 8 / 30)


def test_the_fence_holds_a_key_that_the_trace_cannot_know_and_is_the_same_for_all_its_judges() -> None:
    one, again, other = (prompt.fence(trace_id, "text") for trace_id in ("a" * 32, "a" * 32, "b" * 32))
    assert one == again
    assert one != other
    key = one.splitlines()[0].split()[-1]
    assert len(key) == 24
    assert one.splitlines()[-1] == f"record {key} >>>"
