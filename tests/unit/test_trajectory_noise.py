from __future__ import annotations

from shared_traces import recorded

from otel_judge.judge import tools
from otel_judge.testing.traces import TraceBuilder, text
from otel_judge.trace import Trace
from otel_judge.trajectory import Work, repeated, steps

HTTP = {"http.request.method": "POST", "http.response.status_code": 200, "url.full": "http://queue/"}


def works(trace: Trace) -> list[tuple[str, ...]]:
    return [tuple(span.name for span in step.spans) for step in steps(trace).steps if isinstance(step, Work)]


def agent(build: TraceBuilder, end: float = 100.0) -> str:
    root = build.span("POST /ask", kind="SERVER", end=end)
    return build.agent("shop", parent=root, end=end, answer="done")


def test_quiet_spans_between_two_steps_stand_together() -> None:
    build = TraceBuilder()
    shop = agent(build)
    for number, name in enumerate(("POST", "enqueue", "GET", "dequeue")):
        build.span(name, parent=shop, attributes=HTTP if name.isupper() else {}, start=1.0 + number, end=1.5 + number)
    build.chat("m", parent=shop, messages=[text("user", "hi")], output=[text("assistant", "ho")], start=10.0)
    build.span("POST", parent=shop, attributes=HTTP, start=20.0)
    build.span("flush", parent=shop, start=22.0)
    trace = build.trace()
    assert works(trace) == [("POST /ask",), ("POST", "enqueue", "GET", "dequeue"), ("POST", "flush")]
    told = tools.call("read_steps", trace, {})
    assert "4 other spans" in told
    assert "no error: 1x POST, 1x enqueue, 1x GET, 1x dequeue" in told
    assert "longest 500.0 ms" in told


def test_what_failed_was_slow_or_says_something_of_its_own_stands_alone() -> None:
    build = TraceBuilder()
    shop = agent(build)
    telling = {
        "failed": {"error": "refused"},
        "not found": {"attributes": {"http.response.status_code": 404}},
        "not found in text": {"attributes": {"http.status_code": "404"}},
        "slow": {"end": 60.0},
        "a fact": {"attributes": {"order.total": 7}},
        "content": {"attributes": {"acme.answer": "yes"}},
        "query": {"attributes": {"db.query.text": "SELECT 1"}},
        "other service": {"service": "payments"},
    }
    for name, options in telling.items():
        build.span("quiet", parent=shop, start=1.0)
        build.span(name, parent=shop, start=1.0, **options)
    with_event = build.span("event", parent=shop, start=2.0)
    build.event(with_event, "log", {"line": "out of stock"})
    found = works(build.trace())
    assert set(found) == {("POST /ask",), ("quiet",) * len(telling), ("event",), *((name,) for name in telling)}


def test_what_ran_below_a_tool_is_what_the_tool_did() -> None:
    build = TraceBuilder()
    pay = build.tool("pay", parent=agent(build), result="paid")
    build.span("POST", parent=build.span("charge", parent=pay), attributes=HTTP)
    assert works(build.trace()) == [("POST /ask",), ("charge",), ("POST",)]


def test_a_trace_without_an_agent_is_its_spans() -> None:
    build = TraceBuilder()
    root = build.span("POST /ask", kind="SERVER", end=9.0)
    build.span("POST", parent=root, attributes=HTTP, start=1.0)
    build.span("enqueue", parent=root, start=2.0)
    trace = build.trace()
    assert works(trace) == [("POST /ask",), ("POST",), ("enqueue",)]
    assert "url.full=http://queue/" in tools.call("read_steps", trace, {})


def test_what_baggage_puts_on_every_span_is_shown_once() -> None:
    build = TraceBuilder()
    root = build.span("a", attributes={"user": "u", "n": 1, "http.route": "/"}, end=9.0)
    first = build.span("b", parent=root, attributes={"user": "u", "n": 1, "run.id": "r"}, start=1.0)
    second = build.span("c", parent=root, attributes={"user": "x", "run.id": "r", "http.route": "/"}, start=2.0)
    trace = build.trace()
    assert repeated(trace) == {first: {"user"}, second: {"run.id"}}
    told = tools.call("read_steps", trace, {})
    assert (told.count("user=u"), told.count("run.id=r"), told.count("n=1")) == (1, 1, 2)
    assert "run.id: r" in tools.call("get_span", trace, {"span_id": second})


def test_a_deep_trace_of_baggage_takes_linear_time() -> None:
    build = TraceBuilder()
    parent: str | None = None
    for number in range(20_000):
        parent = build.span("level", parent=parent, attributes={"user": "u", "level": number}, end=1.0)
    assert len(repeated(build.trace())) == 19_999


def test_noise_does_not_drown_a_recorded_trace() -> None:
    trace = recorded("kagent-jaeger-helm")
    told = steps(trace).steps
    assert len(told) <= 20
    assert sum(len(step.spans) for step in told if isinstance(step, Work)) == 90  # none is lost
    text = tools.call("read_steps", trace, {"only": "errors"})
    assert "GET [1648021c0a3f968d] · ERROR" in text
    assert "http.status_code=404" in text
