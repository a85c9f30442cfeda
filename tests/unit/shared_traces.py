"""The recorded and labelled traces beside the repository, read by path. They are no part of the project."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanProto

from otel_judge.otlp_json import decode_traces
from otel_judge.trace import Origin, SpanBlock, Trace

SHARED = Path(__file__).parents[2].parent / "shared"


def recorded(name: str, *, bare: bool = False) -> Trace:
    """A trace of `shared/traces`. `bare`: without the content that its recorder moved to attributes of Langfuse."""
    trace = _decode(_read("traces", f"{name}.json" if name == "mlflow_otlp" else f"{name}.otlp.json"))
    return _bare(trace) if bare else trace


def labelled() -> Iterator[Trace]:
    """The 50 runs of `shared/labelled/tau-retail`."""
    for line in _read("labelled", "tau-retail", "traces.jsonl").splitlines():
        yield _decode(line)


def _read(*path: str) -> bytes:
    found = SHARED.joinpath(*path)
    if not found.exists():
        pytest.skip(f"{found} is not here: it is no part of the project")
    return found.read_bytes()


def _decode(data: bytes) -> Trace:
    """The one trace in a file."""
    blocks: list[SpanBlock] = []
    ids: set[bytes] = set()
    for resource_spans in decode_traces(data, lenient=True).resource_spans:
        for scope_spans in resource_spans.scope_spans:
            origin = Origin(
                resource_spans.resource.SerializeToString(),
                resource_spans.schema_url,
                scope_spans.scope.SerializeToString(),
                scope_spans.schema_url,
            )
            blocks.append(SpanBlock(origin, [span.SerializeToString() for span in scope_spans.spans]))
            ids |= {span.trace_id for span in scope_spans.spans}
    (trace_id,) = ids
    return Trace(trace_id, blocks)


def _bare(trace: Trace) -> Trace:
    blocks: list[SpanBlock] = []
    for origin, spans in trace.blocks:
        protos = [SpanProto.FromString(span) for span in spans]
        for proto in protos:
            kept = [attribute for attribute in proto.attributes if not attribute.key.startswith("langfuse.")]
            del proto.attributes[:]
            proto.attributes.extend(kept)
        blocks.append(SpanBlock(origin, [proto.SerializeToString() for proto in protos]))
    return Trace(trace.raw_trace_id, blocks)
