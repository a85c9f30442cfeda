"""A request, split by trace.

This is the hot path: it runs for every span that comes in. A span is parsed once, by upb, and read no further than
its ids, parent and flags; what is kept is its bytes. Columns are read with `map` and `attrgetter`, since a loop in
Python over spans costs about as much as parsing them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import attrgetter
from typing import TypeAlias

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from ..errors import MalformedRequest
from ..fragment import Fragment
from ..label import Label, is_label, labels_on, may_hold_label
from ..own_traces import is_emitter, is_own
from ..semconv import EMITTER
from ..trace import PARENT_IS_REMOTE, Origin
from .origins import OriginTable
from .salvage import NONE_UNREAD, Unread
from .wire import cut_spans

Request: TypeAlias = ExportTraceServiceRequest | TracesData
"""The two are the same on the wire; OTLP/JSON is read as the latter."""

_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)
_EMITTER_KEY = EMITTER.encode()

_trace_id = attrgetter("trace_id")
_span_id = attrgetter("span_id")
_parent_span_id = attrgetter("parent_span_id")
_flags = attrgetter("flags")


@dataclass(frozen=True, slots=True)
class Intake:
    """What one request brought."""

    fragments: dict[bytes, Fragment]
    """By trace id, 16 bytes."""
    accepted: int
    """Spans in the fragments."""
    rejected: int
    """Spans that cannot be kept; the client is told, and must not send them again."""
    error_message: str
    """How many spans were rejected and why; empty without any."""
    own: int
    """Spans of otel-judge's own making, dropped without a word to the client."""
    labels: tuple[Label, ...] = ()
    """What people said of traces. Spans that are nothing but a label are in no fragment: they make no trace."""
    tenant: str | None = None
    """Whose all of it is."""


def parse(body: bytes) -> ExportTraceServiceRequest:
    """The request in `body`; raises `MalformedRequest`."""
    try:
        return ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise MalformedRequest("the body is not a protobuf ExportTraceServiceRequest") from error


def split(
    request: Request,
    origins: OriginTable,
    *,
    body: bytes | None = None,
    unread: Unread = NONE_UNREAD,
    tenant: str | None = None,
) -> Intake:
    """Groups the spans of a request by trace. `body` is what the request was parsed from, if that was protobuf.

    `unread` are spans of the request that could not be read and are not in it: they are rejected.

    A span without a valid trace id or span id is rejected, and no other with it. Spans of otel-judge's own making
    are dropped: by the mark on their resource, or by their trace id.
    """
    fragments: dict[bytes, Fragment] = {}
    own_traces: set[bytes] = set()
    labels: list[Label] = []
    labelled = body is None or may_hold_label(body)  # as few requests are
    accepted = own = bad_trace_ids = bad_span_ids = 0
    cuts = None if body is None else cut_spans(body)
    for resource_index, resource_spans in enumerate(request.resource_spans):
        resource = resource_spans.resource.SerializeToString()
        # The bytes rule out nearly every resource without a look at its attributes.
        if _EMITTER_KEY in resource and is_emitter(resource_spans.resource):
            own += sum(len(scope_spans.spans) for scope_spans in resource_spans.scope_spans)
            continue
        for scope_index, scope_spans in enumerate(resource_spans.scope_spans):
            spans: Sequence[Span] = list(scope_spans.spans)
            encoded = list(map(Span.SerializeToString, spans)) if cuts is None else cuts[resource_index][scope_index]
            trace_ids = list(map(_trace_id, spans))
            span_ids = list(map(_span_id, spans))
            if not _all_valid(trace_ids, span_ids):
                valid = [_is_trace_id(span.trace_id) and _is_span_id(span.span_id) for span in spans]
                bad_traces = sum(not _is_trace_id(trace_id) for trace_id in trace_ids)
                bad_trace_ids += bad_traces
                bad_span_ids += valid.count(False) - bad_traces
                spans = list(compress(spans, valid))
                encoded = list(compress(encoded, valid))
                trace_ids = list(map(_trace_id, spans))
                span_ids = list(map(_span_id, spans))
            if labelled and any(marked := list(map(may_hold_label, encoded))):
                for span in compress(spans, marked):
                    labels += labels_on(span)
                kept = [not (mark and is_label(span)) for span, mark in zip(spans, marked, strict=True)]
                spans, encoded = list(compress(spans, kept)), list(compress(encoded, kept))
                trace_ids, span_ids = list(compress(trace_ids, kept)), list(compress(span_ids, kept))
            if not spans:
                continue
            origin = origins.intern(
                resource,
                resource_spans.schema_url,
                scope_spans.scope.SerializeToString(),
                scope_spans.schema_url,
            )
            parents = list(map(_parent_span_id, spans))
            if _NO_SPAN in parents:  # as some senders write a missing parent
                parents = [b"" if parent == _NO_SPAN else parent for parent in parents]
            some_remote = any(map(_says_remote, set(map(_flags, spans))))
            for start, end in _runs(trace_ids):
                trace_id = trace_ids[start]
                fragment = fragments.get(trace_id)
                if fragment is None:
                    if trace_id in own_traces or is_own(trace_id):
                        own_traces.add(trace_id)
                        own += end - start
                        continue
                    fragment = fragments[trace_id] = Fragment()
                accepted += end - start
                _add(fragment, origin, encoded[start:end], span_ids[start:end])
                if some_remote or b"" in parents[start:end]:
                    _find_roots(fragment, spans[start:end])
    return Intake(
        fragments,
        accepted,
        bad_trace_ids + bad_span_ids + unread.number,
        _why(bad_trace_ids, bad_span_ids, unread),
        own,
        tuple(labels),
        tenant,
    )


def _add(fragment: Fragment, origin: Origin, encoded: list[bytes], span_ids: list[bytes]) -> None:
    blocks = fragment.blocks
    if blocks and blocks[-1][0] is origin:
        blocks[-1][1].extend(encoded)
    else:
        blocks.append((origin, encoded))
    fragment.span_ids.extend(span_ids)
    fragment.size += sum(map(len, encoded))


def _find_roots(fragment: Fragment, spans: Sequence[Span]) -> None:
    for span in spans:
        parent = span.parent_span_id
        if not parent or parent == _NO_SPAN:
            fragment.ended_root = fragment.ended_root or span.end_time_unix_nano > 0
        elif _says_remote(span.flags):
            fragment.remote_root = fragment.remote_root or span.end_time_unix_nano > 0


def _says_remote(flags: int) -> bool:
    return flags & PARENT_IS_REMOTE == PARENT_IS_REMOTE


def _runs(trace_ids: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Start and end of each stretch of equal ids: exporters send the spans of a trace mostly side by side."""
    start = 0
    current = trace_ids[0]
    for index, trace_id in enumerate(trace_ids):
        if trace_id != current:
            yield start, index
            start = index
            current = trace_id
    yield start, len(trace_ids)


def _all_valid(trace_ids: Sequence[bytes], span_ids: Sequence[bytes]) -> bool:
    return (
        set(map(len, trace_ids)) <= {16}
        and set(map(len, span_ids)) <= {8}
        and _NO_TRACE not in trace_ids
        and _NO_SPAN not in span_ids
    )


def _is_trace_id(value: bytes) -> bool:
    return len(value) == 16 and value != _NO_TRACE


def _is_span_id(value: bytes) -> bool:
    return len(value) == 8 and value != _NO_SPAN


def _why(bad_trace_ids: int, bad_span_ids: int, unread: Unread) -> str:
    reasons: list[str] = []
    if bad_trace_ids:
        reasons.append(f"{bad_trace_ids} with a trace_id that is not 16 bytes or is all zeros")
    if bad_span_ids:
        reasons.append(f"{bad_span_ids} with a span_id that is not 8 bytes or is all zeros")
    if unread.number:
        reasons.append(str(unread))
    return f"spans rejected: {', '.join(reasons)}" if reasons else ""
