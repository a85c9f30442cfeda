"""Model calls, each once, and their tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from .. import dialects
from ..dialects.base import Content, Role, TokenUsage
from ..trace import Span, Trace
from .nesting import enclosing

_WALLS: Final = frozenset({Role.AGENT, Role.TOOL})


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model, as the span that describes it best."""

    span: Span
    content: Content


@dataclass(frozen=True, slots=True)
class TokenTotals:
    """Tokens of a whole trace."""

    input_tokens: int
    output_tokens: int
    counted: tuple[ModelCall, ...]
    """What the sums are of: model calls and embeddings, or an agent's own sum where nothing below it says more."""
    uncounted: tuple[ModelCall, ...]
    """Model calls that ended without an error and report no tokens, nor does an agent around them."""

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


def model_calls(trace: Trace) -> tuple[ModelCall, ...]:
    """Each model call once, by start time.

    Frameworks, provider SDKs and gateways may each write a span for the same call, nested. Of those the innermost
    with usage stands for the call, or the innermost where none has any. Side by side they are known by the id of the
    response, and the one that captured most stands for the call. A tool or an agent that runs below a model span makes
    calls of its own: those are not the same call, and the outer one counts as well.
    """
    return trace.once(model_calls, lambda: _calls(trace, enclosing(trace, {Role.MODEL}, walls=_WALLS)))


def token_totals(trace: Trace) -> TokenTotals:
    """Tokens of the trace, each once.

    Embeddings count as model calls do. An agent or workflow span that reports tokens reports the sum of what is
    below it: it counts only where nothing below it reports any.
    """
    calls = _calls(trace, enclosing(trace, {Role.MODEL, Role.EMBEDDING}, walls=_WALLS))
    everything = enclosing(trace, frozenset({Role.MODEL, Role.EMBEDDING, Role.AGENT, Role.WORKFLOW}))
    below = _with_usage_below(trace, everything)
    sums = [
        ModelCall(span, content)
        for span_id in everything
        if span_id not in below
        and (content := dialects.read(span := trace.by_id[span_id])).role in (Role.AGENT, Role.WORKFLOW)
        and content.usage is not None
    ]
    counted = (*(call for call in calls if call.content.usage is not None), *sums)
    return TokenTotals(
        input_tokens=sum(_usage(call).input_tokens or 0 for call in counted),
        output_tokens=sum(_usage(call).output_tokens or 0 for call in counted),
        counted=counted,
        uncounted=_uncounted(calls, everything, {call.span.span_id for call in sums}),
    )


def _calls(trace: Trace, outer: dict[str, Span | None]) -> tuple[ModelCall, ...]:
    usage_below = _with_usage_below(trace, outer)
    encloses = {span.span_id for span in outer.values() if span is not None}
    spoken_for: set[str] = set()  # spans without usage below one that has it and stands for them
    chosen: set[str] = set()
    for span_id, around in outer.items():
        if _has_usage(trace, span_id):
            if span_id not in usage_below:
                chosen.add(span_id)
                spoken_for.add(span_id)
        elif around is not None and around.span_id in spoken_for:
            spoken_for.add(span_id)
        elif span_id not in encloses:
            chosen.add(span_id)
    return _each_response_once(ModelCall(span, dialects.read(span)) for span in trace.spans if span.span_id in chosen)


def _each_response_once(calls: Iterable[ModelCall]) -> tuple[ModelCall, ...]:
    kept: dict[tuple[bytes, str], ModelCall] = {}
    for call in calls:
        key = _response(call.span) or (b"", call.span.span_id)
        if key not in kept or _captured(call) > _captured(kept[key]):
            kept[key] = call
    return tuple(kept.values())


def _captured(call: ModelCall) -> tuple[int, bool]:
    content = call.content
    return (content.input is not None) + (content.output is not None), content.usage is not None


def same_call(trace: Trace, outer: dict[str, Span | None]) -> dict[str, str]:
    """For each model span, by id, the id of the first of those that describe the same call.

    `outer` is what `enclosing` gives: nested spans describe one call, and so do those that name the same response.
    """
    firsts: dict[str, str] = {}
    by_response: dict[tuple[bytes, str], str] = {}
    for span_id, around in outer.items():  # parents before children
        first = span_id if around is None else firsts[around.span_id]
        response = _response(trace.by_id[span_id])
        firsts[span_id] = first if response is None else by_response.setdefault(response, first)
    return firsts


def _response(span: Span) -> tuple[bytes, str] | None:
    """The id of the response within the span's own trace: stand-ins of models give each turn of a session the same."""
    response_id = dialects.read(span).response_id
    return None if response_id is None else (span.proto.trace_id, response_id)


def _with_usage_below(trace: Trace, outer: dict[str, Span | None]) -> Collection[str]:
    below: set[str] = set()
    for span_id, around in reversed(outer.items()):  # children before parents
        if around is not None and (span_id in below or _has_usage(trace, span_id)):
            below.add(around.span_id)
    return below


def _uncounted(
    calls: tuple[ModelCall, ...], outer: dict[str, Span | None], sums: Collection[str]
) -> tuple[ModelCall, ...]:
    covered: set[str] = set()
    for span_id, around in outer.items():  # parents before children
        if span_id in sums or (around is not None and around.span_id in covered):
            covered.add(span_id)
    return tuple(
        call
        for call in calls
        if call.content.usage is None
        and call.content.role is Role.MODEL
        and call.span.span_id not in covered
        and call.span.status_code != "ERROR"
        and call.content.error is None
    )


def _has_usage(trace: Trace, span_id: str) -> bool:
    return dialects.read(trace.by_id[span_id]).usage is not None


def _usage(call: ModelCall) -> TokenUsage:
    return call.content.usage or TokenUsage()
