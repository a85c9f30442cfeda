"""The recorded and labelled traces beside the repository, read by path. They are no part of the project."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanProto
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from otel_judge.testing.traces import encode_value
from otel_judge.trace import Origin, SpanBlock, Trace

SHARED = Path(__file__).parents[2].parent / "shared"


def any_value(v):
    ((kind, x),) = v.items() if v else (("none", None),)
    if kind == "intValue":
        return int(x)
    if kind == "arrayValue":
        return [any_value(i) for i in x.get("values", [])]
    if kind == "kvlistValue":
        return {i["key"]: any_value(i["value"]) for i in x.get("values", [])}
    return x


def decode(data, rename=lambda key: key):
    blocks = []
    trace_id = b""
    for rs in data.get("resourceSpans") or data.get("batches"):
        resource = Resource()
        for a in rs.get("resource", {}).get("attributes", []):
            resource.attributes.add(key=a["key"], value=encode_value(any_value(a["value"])))
        for ss in rs.get("scopeSpans") or rs.get("instrumentationLibrarySpans"):
            spans = []
            for s in ss["spans"]:
                trace_id = bytes.fromhex(s["traceId"]) if "traceId" in s and len(s["traceId"]) == 32 else b"x" * 16
                span = SpanProto(
                    span_id=bytes.fromhex(s["spanId"]),
                    parent_span_id=bytes.fromhex(s.get("parentSpanId") or ""),
                    name=s["name"],
                    start_time_unix_nano=int(s["startTimeUnixNano"]),
                    end_time_unix_nano=int(s["endTimeUnixNano"]),
                )
                code = s.get("status", {}).get("code", 0)
                span.status.CopyFrom(Status(code=code, message=s.get("status", {}).get("message", "")))
                for a in s.get("attributes", []):
                    span.attributes.add(key=rename(a["key"]), value=encode_value(any_value(a["value"])))
                spans.append(span.SerializeToString())
            scope = InstrumentationScope(name=ss.get("scope", {}).get("name", ""))
            blocks.append(SpanBlock(Origin(resource.SerializeToString(), "", scope.SerializeToString(), ""), spans))
    return Trace(trace_id, blocks)


def recorded(name: str, *, restore: bool = False) -> Trace:
    """A trace of `shared/traces`. `restore`: its content under the standard names again, from where it was moved to."""
    path = SHARED / "traces" / f"{name}.otlp.json"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    trace = decode(json.loads(path.read_bytes()))
    return restored(trace) if restore else trace


def restored(trace: Trace) -> Trace:
    blocks = []
    for origin, spans in trace.blocks:
        protos = [SpanProto.FromString(span) for span in spans]
        for proto in protos:
            is_tool = any(attribute.key == "gen_ai.tool.name" for attribute in proto.attributes)
            for attribute in proto.attributes:
                if attribute.key == "langfuse.observation.input":
                    attribute.key = "gen_ai.tool.call.arguments" if is_tool else "gen_ai.input.messages"
                elif attribute.key == "langfuse.observation.output":
                    attribute.key = "gen_ai.tool.call.result" if is_tool else "gen_ai.output.messages"
        blocks.append(SpanBlock(origin, [proto.SerializeToString() for proto in protos]))
    return Trace(trace.raw_trace_id, blocks)


def labelled() -> Iterator[Trace]:
    path = SHARED / "labelled" / "tau-retail" / "traces.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    for line in path.read_bytes().splitlines():
        yield decode(json.loads(line))
