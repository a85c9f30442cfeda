"""What a Feedback says about the span that it is about."""

from __future__ import annotations

from collections.abc import Callable

from .. import dialects
from ..dialects.base import Content, Role
from ..feedback import Target
from ..session import Session
from ..trace import Span, Trace


def target_of(trace: Trace, span: Span) -> Target:
    """The span as a target. What it does not say of agent, conversation and model is taken from the trace."""
    return trace.once((target_of, span.span_id), lambda: _target(trace, span))


def _target(trace: Trace, span: Span) -> Target:
    own = dialects.read(span)
    session = trace if isinstance(trace, Session) else None
    return Target(
        trace_id=trace.trace_id,
        span_id=span.span_id,
        start_ns=span.start_ns,
        end_ns=max(span.start_ns, span.end_ns),
        service=span.service,
        agent=own.agent or _first(trace, lambda content: content.agent if content.role is Role.AGENT else None),
        conversation_id=own.conversation_id or _first(trace, lambda content: content.conversation_id),
        model=own.model or _first(trace, lambda content: content.model if content.role is Role.MODEL else None),
        response_id=own.response_id,
        tenant=trace.tenant,
        trace_spans=len(trace.spans),
        completion_reason=str(trace.completion),
        resource=span.origin.raw.resource,
        turns=len(session.turns) if session else 0,
        missing_turns=session.missing.count if session else 0,
        links=session.links if session else (),
    )


def _first(trace: Trace, pick: Callable[[Content], str | None]) -> str | None:
    return next((value for span in trace.spans if (value := pick(dialects.read(span)))), None)
