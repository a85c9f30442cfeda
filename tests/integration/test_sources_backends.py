"""Backends asked over HTTP: each answered by a server with bodies of the shapes that its API documents."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from otel_judge.errors import SourceError
from otel_judge.otlp_json import encode_traces
from otel_judge.sources import Skipped, read_traces
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace

Asked = list[tuple[str, dict[str, list[str]], Mapping[str, str]]]
Answer = tuple[int, bytes]


def a_trace(number: int) -> Trace:
    build = TraceBuilder(service="shop", trace_id=f"{number:032x}")
    build.span("child", parent=build.span("root", end=2.0), start=1.0)
    return build.trace()


ONE, TWO = a_trace(0x0A), a_trace(0x0B)


@contextmanager
def backend(answer: Callable[[str], Answer]) -> Iterator[tuple[str, Asked]]:
    """A server that answers a path; where it is, and what it was asked."""
    asked: Asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked.append((parts.path, parse_qs(parts.query), dict(self.headers)))
            status, body = answer(parts.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:  # type: ignore[override]
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def of_paths(answers: Mapping[str, bytes]) -> Callable[[str], Answer]:
    return lambda path: (200, answers[path]) if path in answers else (404, b"not found")


def spans_of(traces: list[Trace]) -> dict[str, set[str]]:
    return {trace.trace_id: {span.name for span in trace.spans} for trace in traces}


BOTH = {ONE.trace_id: {"root", "child"}, TWO.trace_id: {"root", "child"}}


def test_jaeger_merges_all_traces_of_a_search_in_one_body() -> None:
    merged = ONE.to_otlp()
    merged.MergeFrom(TWO.to_otlp())
    answers = {"/api/v3/traces": b'{"result":' + encode_traces(merged) + b"}"}
    with backend(of_paths(answers)) as (at, asked):
        found = list(read_traces(f"jaeger:http://{at}?service=shop&start=1000&end=2026-01-31T12:00:00Z&limit=7"))
    assert spans_of(found) == BOTH
    ((path, params, _),) = asked
    assert path == "/api/v3/traces"
    for name, value in {
        "service_name": "shop",
        "start_time_min": "1970-01-01T00:16:40Z",
        "start_time_max": "2026-01-31T12:00:00Z",
        "num_traces": "7",
        "raw_traces": "true",
    }.items():
        assert params[f"query.{name}"] == [value]
    assert params["query.serviceName"] == ["shop"]


def test_jaeger_is_asked_for_one_trace_alone() -> None:
    path = f"/api/v3/traces/{ONE.trace_id}"
    with backend(of_paths({path: b'{"result":' + encode_traces(ONE.to_otlp()) + b"}"})) as (at, asked):
        found = list(read_traces(f"jaeger:{at}", trace_id=ONE.trace_id))
        assert list(read_traces(f"jaeger:{at}", trace_id=TWO.trace_id)) == []
    assert spans_of(found) == {ONE.trace_id: {"root", "child"}}
    assert asked[0][0] == path


def answer_of(trace: Trace, *, status: int | None = None, message: str = "") -> bytes:
    """Tempo's TraceByIDResponse: the trace is field 1, its status 3, its message 4; 2, the metrics, is not read."""
    encoded = trace.to_otlp().SerializeToString()
    size = len(encoded)
    assert 128 <= size < 16_384
    body = b"\x0a" + bytes([size & 0x7F | 0x80, size >> 7]) + encoded + b"\x12\x02\x08\x05"
    return body + (
        b"" if status is None else b"\x18" + bytes([status]) + b"\x22" + bytes([len(message)]) + message.encode()
    )


def test_tempo_is_searched_and_each_trace_asked_for_as_protobuf() -> None:
    listed = {"traces": [{"traceID": "a", "rootServiceName": "shop"}, {"traceID": TWO.trace_id}], "metrics": {}}
    answers = {
        "/api/search": json.dumps(listed).encode(),
        f"/api/v2/traces/{ONE.trace_id}": answer_of(ONE),
        f"/api/v2/traces/{TWO.trace_id}": answer_of(TWO, status=1, message="over 50 MB"),
    }
    skipped = Skipped()
    with backend(of_paths(answers)) as (at, asked):
        source = f"tempo:http://{at}?q={{name%3D%22root%22}}&lookback=2h&limit=5&tenant=team-a"
        found = list(read_traces(source, skipped=skipped))
    assert spans_of(found) == BOTH
    (_, params, headers), *others = asked
    assert params["q"] == ['{name="root"}']
    assert params["limit"] == ["5"]
    assert int(params["end"][0]) - int(params["start"][0]) == pytest.approx(7200, abs=2)
    assert all(each["X-Scope-OrgID"] == "team-a" for _, _, each in asked)
    assert all(each["Accept"] == "application/protobuf" for _, _, each in others)
    assert headers["X-Scope-OrgID"] == "team-a"
    assert [error.problem for error in skipped.first] == [f"trace {TWO.trace_id} is partial: over 50 MB"]


def test_an_older_tempo_answers_the_trace_itself() -> None:
    answers = {f"/api/traces/{ONE.trace_id}": ONE.to_otlp().SerializeToString()}
    with backend(of_paths(answers)) as (at, _):
        assert spans_of(list(read_traces(f"tempo:{at}", trace_id=ONE.trace_id))) == {ONE.trace_id: {"root", "child"}}


def test_a_search_that_finds_nothing_gives_nothing() -> None:
    with backend(of_paths({"/api/search": b'{"metrics":{}}', "/api/v3/traces": b"{}"})) as (at, _):
        assert list(read_traces(f"tempo:{at}", f"jaeger:{at}?service=shop", strict=True)) == []


@pytest.mark.parametrize("source", ["jaeger:{}?service=shop", "tempo:{}", "live:{}"])
def test_a_backend_that_fails_is_an_error_with_what_it_said_and_no_password(source: str) -> None:
    with backend(lambda _: (500, b"out of\n  memory")) as (at, _), pytest.raises(SourceError) as raised:
        list(read_traces(source.format(f"http://me:hunter2@{at}")))
    assert "answered 500: out of memory" in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"traces":7}', b'{"traces":[7]}', b'{"traces":[{}]}', b"<html>"])
@pytest.mark.parametrize("source", ["jaeger:{}?service=shop", "tempo:{}", "live:{}"])
def test_whatever_a_backend_answers_is_an_error_or_nothing(source: str, body: bytes) -> None:
    with backend(lambda _: (200, body)) as (at, _), suppress(SourceError):  # any other error is a failure
        assert list(read_traces(source.format(at), skipped=Skipped())) == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("jaeger:http://h:1", "Jaeger searches by service; add ?service=NAME"),
        ("jaeger:http://h:1?servce=a", "no option is named 'servce'; there are service, operation"),
        ("jaeger:http://h:1?service=a&start=5&end=4", "start is not before end"),
        ("jaeger:http://h:1?service=a&start=yesterday", "start is 'yesterday'; write RFC 3339"),
        ("tempo:http://h:1?lookback=5", "lookback: '5' is not a duration"),
        ("tempo:http://h:1?limit=all", "limit is 'all'; write a whole number from 1"),
        ("tempo:ftp://h", "not a URL; write tempo:http://HOST:PORT"),
        ("live:http://h:x", "not a URL"),
    ],
)
def test_a_source_that_cannot_be_right_is_refused(source: str, said: str) -> None:
    with pytest.raises(SourceError) as raised:
        list(read_traces(source))
    assert said in str(raised.value)
