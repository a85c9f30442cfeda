"""The trace without what others have said of it: a judge forms its own view.

Scores that stand in a trace follow the GenAI semantic conventions (`gen_ai.evaluation.*` attributes on a span or an
event, or a span of their own) or OpenInference (`otel_judge.annotations`). What this service emits itself is left out
before, by its resource; its names without that are no better than any other score.
"""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanProto

from .. import semconv
from ..annotations import MARKS, is_annotation, is_carrier
from ..trace import SpanBlock, Trace

_PREFIXES = ("gen_ai.evaluation.", "otel_judge.")
_MARKS = (*(prefix.encode() for prefix in _PREFIXES), *MARKS)


def blind(trace: Trace) -> Trace:
    """The trace without earlier feedback; the same one where it holds none. Worked out once a trace."""
    made = trace.once(blind, lambda: _blind(trace))
    return trace if made is None else made


def _blind(trace: Trace) -> Trace | None:
    """None for the trace itself, which would hold itself for ever."""
    if not any(_is_marked(data) for block in trace.blocks for data in block.spans):
        return None
    blocks = [SpanBlock(origin, list(_kept(spans))) for origin, spans in trace.blocks]
    return trace.remade(blocks)


def _kept(spans: Iterable[bytes]) -> Iterable[bytes]:
    for data in spans:
        if not _is_marked(data):
            yield data
            continue
        span = SpanProto.FromString(data)
        if _is_nothing_else(span):
            continue
        attributes = _unmarked(span.attributes)
        events = [event for event in span.events if not _is_score(event)]
        del span.attributes[:], span.events[:]
        span.attributes.extend(attributes)
        span.events.extend(events)
        yield span.SerializeToString()


def _is_nothing_else(span: SpanProto) -> bool:
    """Whether the span is a score of this trace."""
    keys = {attribute.key for attribute in span.attributes}
    if semconv.EVALUATION_NAME in keys:
        return semconv.OPERATION_NAME not in keys
    return is_carrier(span) and span.links[0].trace_id == span.trace_id


def _is_marked(data: bytes) -> bool:
    return any(mark in data for mark in _MARKS)


def _is_score(event: SpanProto.Event) -> bool:
    return event.name.startswith(_PREFIXES) or len(_unmarked(event.attributes)) < len(event.attributes)


def _unmarked(attributes: Iterable[KeyValue]) -> list[KeyValue]:
    return [each for each in attributes if not each.key.startswith(_PREFIXES) and not is_annotation(each.key)]
