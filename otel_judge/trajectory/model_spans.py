"""For each model call, the spans that describe it: where its messages were captured, and what went wrong."""

from __future__ import annotations

from .. import dialects
from ..dialects.base import Role
from ..trace import Span, Trace
from .model_calls import model_calls, same_call
from .nesting import enclosing
from .places import Place
from .tool_errors import span_error


class ModelSpans:
    """The model calls of a trace, each with what nested spans around or below it captured in its place."""

    def __init__(self, trace: Trace) -> None:
        self.chosen = {call.span.span_id for call in model_calls(trace)}
        """Spans that stand for a call."""
        self._inputs: dict[str, Span] = {}
        self._outputs: dict[str, Span] = {}
        self._errors: dict[str, tuple[str, Place]] = {}
        for chosen, others in _groups(trace, self.chosen):
            for span in chosen:
                self._take(span, span)
            if chosen:  # around several calls: what was given is the first's, what came of it the last's
                for other in others:
                    self._take(other, None, inputs=chosen[0], outputs=chosen[-1])

    def input_of(self, span: Span) -> Span | None:
        """The span that holds what the model was given; None where that was not captured."""
        return self._inputs.get(span.span_id)

    def output_of(self, span: Span) -> Span | None:
        """The span that holds what the model answered; None where that was not captured."""
        return self._outputs.get(span.span_id)

    def error_of(self, span: Span) -> tuple[str, Place] | None:
        return self._errors.get(span.span_id)

    def _take(self, source: Span, own: Span | None, *, inputs: Span | None = None, outputs: Span | None = None) -> None:
        first, last = own or inputs or source, own or outputs or source
        content = dialects.read(source)
        if content.input is not None:
            self._inputs.setdefault(first.span_id, source)
        if content.output is not None:
            self._outputs.setdefault(last.span_id, source)
        if (error := span_error(source)) is not None:
            self._errors.setdefault(last.span_id, error)


def _groups(trace: Trace, chosen: set[str]) -> list[tuple[list[Span], list[Span]]]:
    """Spans of the same call together: those that stand for it, and the others."""
    groups: dict[str, tuple[list[Span], list[Span]]] = {}
    for span_id, first in same_call(trace, enclosing(trace, {Role.MODEL}, walls=(Role.AGENT, Role.TOOL))).items():
        groups.setdefault(first, ([], []))[span_id not in chosen].append(trace.by_id[span_id])
    return list(groups.values())
