from __future__ import annotations

from otel_judge.feedback import Coverage
from otel_judge.judge import prompt, tools
from otel_judge.judge.reading import WHOLE_BYTES, Record, open_trace
from otel_judge.judge.tools.answer import Seen
from otel_judge.testing.traces import TraceBuilder
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
    assert opening.text.count("resource.service.name: shop") == 1


def test_a_large_trace_is_shown_as_the_answers_of_the_tools() -> None:
    for trace in (a_trace(3, WHOLE_BYTES), a_trace(2_000, 1)):
        opening = open_trace(trace, "auto")
        assert not opening.whole
        assert tools.call("get_trace_info", trace, {}) in opening.text
        assert tools.call("list_spans", trace, {}) in opening.text
        assert len(opening.text.encode()) < 2 * tools.CAP_BYTES + 100


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
