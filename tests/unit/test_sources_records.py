"""Files in every form that OTLP is stored in, and in every state that a file can be in."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_judge.errors import SourceError
from otel_judge.otlp_json import encode_traces
from otel_judge.sources import Skipped, read_traces, records
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace


def a_trace(number: int = 1) -> Trace:
    build = TraceBuilder(service="shop", trace_id=f"{number:032x}")
    root = build.span("root", attributes={"note": "café\nsaid"}, end=2.0)
    build.span("child", parent=root, start=1.0)
    return build.trace()


def otlp(number: int) -> bytes:
    return a_trace(number).to_otlp().SerializeToString()


def prefixed(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


ONE, TWO = encode_traces(a_trace(1).to_otlp()), encode_traces(a_trace(2).to_otlp())
FORMS = {
    "one document": ONE,
    "one a line": ONE + b"\n" + TWO + b"\n",
    "one a line, blank lines between": b"\n\n" + ONE + b"\n\n" + TWO,
    "printed over lines": json.dumps(json.loads(ONE), indent=2).encode(),
    "an array": b"[" + ONE + b"," + TWO + b"]",
    "with a byte order mark": b"\xef\xbb\xbf" + ONE,
    "protobuf": otlp(1),
    "protobuf, one message after another": otlp(1) + otlp(2),
    "protobuf with lengths": prefixed(otlp(1)) + prefixed(otlp(2)),
    "one wrapped by Jaeger's API": b'{"result":' + ONE + b"}",
    "one wrapped by Tempo's API": b'{"trace":' + ONE.replace(b"resourceSpans", b"batches") + b"}",
}


def read(data: bytes, folder: Path, name: str = "traces", **options: bool) -> tuple[list[Trace], Skipped]:
    path, skipped = folder / name, Skipped()
    path.write_bytes(data)
    return list(read_traces(path, skipped=skipped, **options)), skipped


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_whole(form: str, zipped: bool, tmp_path: Path) -> None:
    data = gzip.compress(FORMS[form]) if zipped else FORMS[form]
    traces, skipped = read(data, tmp_path)
    expected = [a_trace(1), a_trace(2)] if FORMS[form].count(b"root") == 2 else [a_trace(1)]
    assert [trace.to_otlp() for trace in traces] == [trace.to_otlp() for trace in expected]
    assert skipped.count == 0


BROKEN = {
    "a line": (ONE + b"\n{cut\n" + TWO, ":2: not JSON", 2),
    "the first line": (b'{"resourceSp\n' + ONE + b"\n" + TWO, ":1: not JSON", 2),
    "the end of the last line": (ONE + b"\n" + TWO[:-9], ":2: not JSON", 1),
    "a line of another kind": (ONE + b'\n{"level":"info"}\n' + TWO, ":2: not OTLP/JSON: an object of level", 2),
    "a line of metrics": (ONE + b'\n{"resourceMetrics":[]}\n', ":2: holds metrics, no spans", 1),
    "a line of logs": (ONE + b'\n{"resourceLogs":7}\n', ":2: not OTLP/JSON: resourceLogs: not an array", 1),
    "a number": (ONE + b"\n7\n", ":2: not OTLP/JSON: a number", 1),
    "the end of a document": (json.dumps(json.loads(ONE), indent=2).encode()[:-20], "not JSON", 0),
    "the end of a message": (otlp(1) + otlp(2)[:-3], "protobuf is cut off in part 2", 1),
    "the end of a message with its length": (prefixed(otlp(1)) + prefixed(otlp(2))[:-3], "cut off in message 2", 1),
    "a message between": (prefixed(otlp(1)) + prefixed(b"\xff\xff") + prefixed(otlp(2)), "message 2: not OTLP", 2),
    "all": (b"\x89PNG\r\n\x1a\n" * 9, "neither OTLP/JSON nor OTLP protobuf", 0),
    "the end of the gzip": (gzip.compress(ONE + b"\n" + TWO * 40)[:-30], "broken gzip", 1),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_named_and_the_rest_is_read(what: str, tmp_path: Path) -> None:
    data, said, whole = BROKEN[what]
    traces, skipped = read(data, tmp_path)
    assert len(traces) == whole
    (error,) = skipped.first
    assert said in str(error)
    assert str(error).startswith(str(tmp_path / "traces"))
    with pytest.raises(SourceError) as raised:
        read(data, tmp_path, strict=True)
    assert str(raised.value) == str(error)


def test_one_bad_span_does_not_cost_those_beside_it(tmp_path: Path) -> None:
    document = json.loads(ONE)
    spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans.insert(1, {**spans[1], "spanId": "not hex", "name": "bad"})
    traces, skipped = read(json.dumps(document).encode(), tmp_path)
    assert [span.name for span in traces[0].spans] == ["root", "child"]
    assert traces[0].spans[0].service == "shop"
    (error,) = skipped.first
    assert "resourceSpans[0].scopeSpans[0].spans[1].spanId: not a hex id" in str(error)


def test_spans_without_valid_ids_are_counted_with_their_file(tmp_path: Path) -> None:
    document = json.loads(ONE)
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][1]["spanId"] = "00" * 8
    traces, skipped = read(json.dumps(document).encode(), tmp_path)
    assert len(traces[0]) == 1
    assert str(skipped.first[0]) == f"{tmp_path / 'traces'}: 1 spans have no valid trace or span id"


def test_a_partial_trace_is_said_and_read(tmp_path: Path) -> None:
    data = b'{"status":"PARTIAL","message":"too large","trace":' + ONE + b"}"
    traces, skipped = read(data, tmp_path)
    assert len(traces) == 1
    assert "a partial trace: too large" in str(skipped.first[0])


def test_the_first_ten_problems_are_named_and_all_counted(tmp_path: Path) -> None:
    _, skipped = read(ONE + b"\n" + b"{\n" * 25, tmp_path)
    assert skipped.count == 25
    assert len(skipped.lines()) == 11
    assert skipped.lines()[-1] == "skipped 15 more"


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.sampled_from(sorted(FORMS.values())).flatmap(
            lambda data: st.tuples(st.integers(0, len(data)), st.binary(max_size=8)).map(
                lambda cut: data[: cut[0]] + cut[1] + data[cut[0] + len(cut[1]) :]
            )
        ),
    )
)
def test_no_bytes_make_it_raise(data: bytes) -> None:
    skipped = Skipped()
    for message in records.read_bytes(data, "here", skipped):
        message.SerializeToString()


def test_a_stream_is_read_a_line_at_a_time() -> None:
    """What came before is given before what comes later is asked for."""
    lines = iter([ONE + b"\n", TWO + b"\n"])
    asked = list[int]()

    class Slow(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            asked.append(1)
            data = next(lines, b"")
            buffer[: len(data)] = data
            return len(data)

    messages = records.read(io.BufferedReader(Slow(), buffer_size=1 << 16), "here", Skipped())
    next(messages)
    assert len(asked) <= 2
    assert len(list(messages)) == 1


def test_lines_of_logs_are_joined_to_spans_of_any_line_and_file(tmp_path: Path) -> None:
    """As the Collector's file exporter writes them where a logs pipeline has it too."""
    span_id = a_trace(1).root.span_id
    said = {"traceId": f"{1:032x}", "spanId": span_id, "eventName": "gen_ai.choice", "timeUnixNano": "5"}
    records = [said | {"body": {"stringValue": "first"}}, {"body": {"stringValue": "ordinary"}}]
    line = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
    other = json.dumps(
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [said | {"body": 7}, said | {"body": {"stringValue": "b"}}]}]}]}
    ).encode()
    (tmp_path / "a.jsonl").write_bytes(line + b"\n" + ONE + b"\n")
    (tmp_path / "b.jsonl").write_bytes(other)
    skipped = Skipped()
    (trace,) = read_traces(tmp_path, skipped=skipped)
    assert [event.attributes["content"] for event in trace.root.events] == ["first", "b"]
    (error,) = skipped.first
    assert "logRecords[0].body: not an object; the log records beside it are read" in str(error)
