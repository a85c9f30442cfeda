"""What is unusual about a trace: what a reader has to know before believing what it seems to say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ... import dialects
from ...dialects.base import Role
from ...feedback import SpanRef
from ...session import Session
from ...trace import CompletionReason, Span, Trace
from ...trajectory import Understanding, understanding_of
from .outline import duration

_NAMED = 5  # turns that are told by their ids
_WHY_UNFINISHED = {
    CompletionReason.IDLE: "no span came for a while, so some may be missing",
    CompletionReason.MAX_AGE: "it took too long to wait for, so spans may be missing",
    CompletionReason.MAX_SPANS: "it has too many spans to hold, so spans are missing",
    CompletionReason.MAX_TRACE_MIB: "it is too large to hold, so spans are missing",
    CompletionReason.SHUTDOWN: "the collection stopped, so spans may be missing",
}


def unusual(trace: Trace) -> Iterator[str]:
    """One sentence each."""
    if isinstance(trace, Session):
        yield from _turns(trace)
    elif (why := _WHY_UNFINISHED.get(trace.completion)) is not None:
        yield f"the trace was closed early: {why}"
    yield from _parents(trace)
    yield from _times(trace)
    yield from _silent(trace)
    yield from _dropped(trace)


def _turns(session: Session) -> Iterator[str]:
    """What is not there of a conversation, and which turns were closed early."""
    missing = session.missing
    if missing.gone or missing.forgotten:
        count = len(missing.gone) + missing.forgotten
        yield f"{count} turns of the conversation are missing: they are no longer held{_named(missing.gone)}"
    if missing.cut:
        yield f"the {len(missing.cut)} oldest turns are left out: all were too large{_named(missing.cut)}"
    early = [turn for turn in session.turns if turn.completion in _WHY_UNFINISHED]
    for turn in early[:_NAMED]:
        yield f"the trace {turn.trace_id} was closed early: {_WHY_UNFINISHED[turn.completion]}"
    if len(early) > _NAMED:
        yield f"{len(early) - _NAMED} more traces were closed early"
    if renamed := session.renamed:
        yield f"{renamed} spans have ids that spans of later turns have too; they go by other ids here"


def _named(turns: Sequence[SpanRef]) -> str:
    more = f" and {len(turns) - _NAMED} more" if len(turns) > _NAMED else ""
    return f" (traces {', '.join(turn.trace_id for turn in turns[:_NAMED])}{more})" if turns else ""


def _parents(trace: Trace) -> Iterator[str]:
    by_id = trace.by_id
    orphans = circles = 0
    for span in trace.roots:
        circles += span.parent_span_id in by_id
        orphans += bool(span.parent_span_id) and span.parent_span_id not in by_id and not span.has_remote_parent
    if orphans:
        yield f"{orphans} spans name a parent that is not in the trace"
    if circles:
        yield f"{circles} circles of spans that are each other's parents"
    if len(trace.roots) > len(trace.main_roots):
        of = f"{len(trace.main_roots)} turns have" if isinstance(trace, Session) else "trace has"
        yield f"the {of} {len(trace.roots)} roots"


def _silent(trace: Trace) -> Iterator[str]:
    silent, unknown = 0, list[Span]()
    for span in trace.spans:
        content = dialects.read(span)
        how = understanding_of(content)
        silent += how is Understanding.MISSING and content.role is not Role.TOOL
        if how is Understanding.UNKNOWN:
            unknown.append(span)
    if silent:
        yield f"{silent} model or agent spans have no captured content"
    if unknown:
        what = f"{len(unknown)} spans carry content in a form that is not known"
        yield f"{what}, the first {unknown[0].span_id}: read their attributes"


def _times(trace: Trace) -> Iterator[str]:
    unended = backwards = early = skew = 0
    by_id = trace.by_id
    for span in trace.spans:
        unended += not span.end_ns
        backwards += 0 < span.end_ns < span.start_ns
        parent: Span | None = by_id.get(span.parent_span_id)
        if parent is not None and span.start_ns < parent.start_ns:
            early += 1
            skew = max(skew, parent.start_ns - span.start_ns)
    if unended:
        yield f"{unended} spans have no end: they were still running, or their process died"
    if backwards:
        yield f"{backwards} spans end before their start"
    if early:
        yield f"{early} spans start before their parent, by up to {duration(skew)}: clocks differ"


def _dropped(trace: Trace) -> Iterator[str]:
    attributes = events = links = spans = 0
    for span in trace.spans:
        proto = span.proto
        # Counts by which SDKs say that their limits cut something (opentelemetry-proto, trace.proto).
        here = (proto.dropped_attributes_count, proto.dropped_events_count, proto.dropped_links_count)
        if any(here):
            spans += 1
            attributes, events, links = attributes + here[0], events + here[1], links + here[2]
    if spans:
        missing = f"{attributes} attributes, {events} events and {links} links are missing"
        yield f"limits of the SDK cut {spans} spans: {missing}"
