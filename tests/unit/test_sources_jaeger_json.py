"""Traces as Jaeger's UI downloads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from otel_judge.sources import Skipped, read_traces, records
from otel_judge.trace import Trace

TRACE_ID = "7ae2c2a1b3d4e5f60718293a4b5c6d7e"


def tag(key: str, value: Any, kind: str = "string") -> dict[str, Any]:
    return {"key": key, "type": kind, "value": value}


def span(span_id: str, **fields: Any) -> dict[str, Any]:
    made = {"traceID": TRACE_ID, "spanID": span_id, "operationName": f"op {span_id}", "processID": "p1"}
    return {**made, "startTime": 1_700_000_000_000_000, "duration": 2_500, "tags": [], "logs": [], **fields}


def download(*spans: dict[str, Any]) -> dict[str, Any]:
    processes = {"p1": {"serviceName": "shop", "tags": [tag("host.name", "node-1")]}, "p2": {"serviceName": "bank"}}
    return {"data": [{"traceID": TRACE_ID, "spans": list(spans), "processes": processes, "warnings": None}]}


def read(document: dict[str, Any], folder: Path) -> tuple[Trace, Skipped]:
    path, skipped = folder / "trace.json", Skipped()
    path.write_text(json.dumps(document))
    (trace,) = read_traces(path, skipped=skipped)
    return trace, skipped


def test_tags_become_the_fields_that_they_were_made_of(tmp_path: Path) -> None:
    parent = {"refType": "CHILD_OF", "traceID": TRACE_ID, "spanID": "a1"}
    other = {"refType": "FOLLOWS_FROM", "traceID": "b2", "spanID": "c3"}
    tags = [
        tag("span.kind", "client"),
        tag("otel.status_code", "ERROR"),
        tag("otel.status_description", "declined"),
        tag("error", True, "bool"),
        tag("otel.scope.name", "payments"),
        tag("otel.scope.version", "1.2"),
        tag("http.status_code", 402, "int64"),
        tag("ratio", 0.5, "float64"),
        tag("cached", "true", "bool"),
        tag("raw", "aGk=", "binary"),
        tag("internal.span.format", "otlp"),
    ]
    logs = [{"timestamp": 1_700_000_000_000_100, "fields": [tag("event", "exception"), tag("exception.type", "E")]}]
    child = span("a2", processID="p2", references=[other, parent], tags=tags, logs=logs)
    trace, skipped = read(download(span("a1"), child), tmp_path)
    assert skipped.count == 0
    root, made = trace.by_id["00000000000000a1"], trace.by_id["00000000000000a2"]
    assert trace.trace_id == TRACE_ID
    assert (root.service, root.resource["host.name"], made.service) == ("shop", "node-1", "bank")
    assert (made.parent_span_id, root.parent_span_id) == (root.span_id, "")
    assert (made.kind, made.status_code, made.status_message) == ("CLIENT", "ERROR", "declined")
    assert (made.scope_name, root.scope_name) == ("payments", "")
    assert made.attributes == {"http.status_code": 402, "ratio": 0.5, "cached": True, "raw": b"hi"}
    assert (made.start_ns, made.duration_ns) == (1_700_000_000_000_000_000, 2_500_000)
    (event,) = made.events
    assert (event.name, event.attributes) == ("exception", {"exception.type": "E"})
    (link,) = made.links
    assert (link.trace_id, link.span_id) == (f"{'b2':0>32}", f"{'c3':0>16}")


def test_an_error_tag_alone_is_a_status(tmp_path: Path) -> None:
    trace, _ = read(download(span("a1", tags=[tag("error", True, "bool"), tag("http.route", "/")])), tmp_path)
    assert (trace.root.status_code, trace.root.attributes) == ("ERROR", {"http.route": "/"})


def test_a_span_that_is_none_is_named_and_left_out(tmp_path: Path) -> None:
    trace, skipped = read(download(span("a1"), {"spanID": 7}, span("zz"), span("a2")), tmp_path)
    assert sorted(trace.by_id) == ["00000000000000a1", "00000000000000a2"]
    assert [str(error).split(": ")[1:3] for error in skipped.first] == [
        ["[0]", "spans[1]"],
        ["[0]", "spans[2]"],
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(["traceID", "spanID", "startTime", "tags", "logs", "references", "processID", "process"])


@settings(deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=4), JSON)
def test_no_document_makes_it_raise(fields: dict[str, Any], processes: Any) -> None:
    document = download(span("a1", **fields))
    document["data"][0]["processes"] = processes
    list(records.read_bytes(json.dumps(document).encode(), "here", Skipped()))
