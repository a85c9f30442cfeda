"""get_trace_info: what the trace is, in a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ... import dialects
from ...dialects.base import Role
from ...trace import CompletionReason, Span, Trace
from .answer import Answer, Arguments, Tool, cut
from .outline import duration, outline

_MOST = 12  # names, services or errors that are listed
_WHY_UNFINISHED = {
    CompletionReason.IDLE: "no span came for a while, so some may be missing",
    CompletionReason.MAX_AGE: "it took too long to wait for, so spans may be missing",
    CompletionReason.MAX_SPANS: "it has too many spans to hold, so spans are missing",
    CompletionReason.MAX_TRACE_MIB: "it is too large to hold, so spans are missing",
    CompletionReason.SHUTDOWN: "the collection stopped, so spans may be missing",
}


def _run(trace: Trace, _: Arguments) -> Answer:
    errors = [span for span in trace.spans if span.status_code == "ERROR"]
    contents = [dialects.read(span) for span in trace.spans]
    lines = [
        f"trace {trace.trace_id}",
        f"spans: {len(trace)}, over {duration(trace.duration_ns)}",
        f"services: {_counts(span.service or 'unknown' for span in trace.spans)}",
        f"roles: {_counts(content.role.value for content in contents)}",
        f"names: {_counts(span.name for span in trace.spans)}",
    ]
    models = _counts(content.model for content in contents if content.role is Role.MODEL and content.model)
    if models:
        lines.append(f"models: {models}")
    lines.append(f"roots: {len(trace.roots)}")
    lines += [f"  {outline(span, 0)}" for span in trace.roots[:_MOST]]
    lines.append(f"spans with status ERROR: {len(errors)}")
    lines += [f"  {outline(span, 0)}" for span in errors[:_MOST]]
    if len(errors) > _MOST:
        lines.append(f"  … {len(errors) - _MOST} more: list_spans with status=ERROR")
    lines += _unusual(trace)
    return Answer("\n".join(lines))


def _counts(names: Iterable[str]) -> str:
    counted = Counter(names).most_common()
    shown = ", ".join(f"{cut(name, 80)} {count}" for name, count in counted[:_MOST])
    return shown + (f", and {len(counted) - _MOST} more" if len(counted) > _MOST else "")


def _unusual(trace: Trace) -> list[str]:
    unusual = list[str]()
    if (why := _WHY_UNFINISHED.get(trace.completion)) is not None:
        unusual.append(f"the trace was closed early: {why}")
    orphans = [span for span in trace.roots if _is_orphan(span)]
    if orphans:
        unusual.append(f"{len(orphans)} spans name a parent that is not in the trace")
    unended = sum(span.end_ns < span.start_ns for span in trace.spans)
    if unended:
        unusual.append(f"{unended} spans have no end, or one before their start")
    capturing = (Role.MODEL, Role.AGENT)
    silent = [
        content
        for content in map(dialects.read, trace.spans)
        if content.role in capturing and content.input is None and content.output is None
    ]
    if silent:
        unusual.append(f"{len(silent)} model or agent spans have no captured content")
    return [f"unusual: {each}" for each in unusual]


def _is_orphan(span: Span) -> bool:
    return bool(span.parent_span_id) and not span.has_remote_parent


TOOL = Tool(
    name="get_trace_info",
    description="Says what the trace is: services, duration, counts by role and name, roots, errors, what is unusual.",
    parameters=(),
    run=_run,
)
