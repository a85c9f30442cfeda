"""Evidence: whether a quote stands in the span that it is said to come from."""

from __future__ import annotations

from ..feedback import Evidence
from ..trace import Trace
from .text import all_fields

_SHOWN = 80  # characters of a quote that are given back


def check(trace: Trace, span_id: str, quote: str, path: str | None) -> Evidence:
    """The evidence with `verified` set by code, and with the path where the quote was found.

    White space counts as one blank, whatever it is and however much; everything else must stand there as quoted.
    """
    span = trace.by_id.get(span_id.strip().lower())
    wanted = _normal(quote)
    if span is not None and wanted:
        ordered = sorted(all_fields(span), key=lambda field: field.path != path)
        for field in ordered:
            if wanted in _normal(field.text):
                return Evidence(span.span_id, quote, field.path, verified=True)
    return Evidence(span_id, quote, path, verified=False)


def reason(trace: Trace, evidence: Evidence) -> str:
    """Why a piece of evidence was not verified, for the model."""
    if evidence.span_id not in trace.by_id:
        return f"no span has the id {evidence.span_id[:40]!r}"
    quote = evidence.quote if len(evidence.quote) <= _SHOWN else evidence.quote[:_SHOWN] + "…"
    return f"the quote {quote!r} does not stand in span {evidence.span_id}"


def _normal(text: str) -> str:
    return " ".join(text.split())
