"""Evidence: whether a quote stands in the span that it is said to come from, and a span that is named in the trace."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

from ..feedback import Evidence
from ..trace import Trace
from .grades import InvalidValue
from .text import HIDDEN, all_fields, clean
from .tools.answer import InvalidArguments, cut
from .tools.pattern import pattern_of
from .trace_text import text_of

_SHOWN = 80  # characters of a quote that are given back
_BEGINNING = 300  # characters of words that are looked for
_LONGEST = 1.0  # seconds of looking for a quote in other spans


def check(trace: Trace, span_id: str, quote: str, path: str | None) -> Evidence:
    """The evidence with `verified` set by code, and with the path where the quote was found.

    White space counts as one blank, whatever it is and however much, and what cannot be seen does not count; everything
    else must stand there as quoted.
    """
    span = trace.by_id.get(span_id.strip().lower())
    wanted = _normal(quote)
    if span is not None and wanted:
        ordered = sorted(all_fields(span), key=lambda field: field.path != path)
        for field in ordered:
            if wanted in _normal(field.text):
                return Evidence(span.span_id, quote, field.path, verified=True)
    return Evidence(span_id, quote, path, verified=False)


def check_spans(trace: Trace, span_ids: Iterable[str]) -> None:
    """Raises `InvalidValue` for the first that is not in the trace."""
    for span_id in span_ids:
        if span_id not in trace.by_id:
            raise InvalidValue(f"no span has the id {span_id[:40]!r}; copy the id from what you were shown")


def reason(trace: Trace, evidence: Evidence) -> str:
    """Why a piece of evidence was not verified, for the model."""
    if evidence.span_id not in trace.by_id:
        return f"no span has the id {evidence.span_id[:40]!r}"
    quote = evidence.quote if len(evidence.quote) <= _SHOWN else evidence.quote[:_SHOWN] + "…"
    missing = f"the quote {quote!r} does not stand in span {evidence.span_id}"
    if (elsewhere := _elsewhere(trace, evidence.quote)) is not None:
        return f"{missing}, but in span {elsewhere[0]} at {cut(elsewhere[1], _SHOWN)}"
    if "…" in evidence.quote:
        return f"{missing}; quote one piece of it, since … stands where a tool left something out"
    return missing


def stands(trace: Trace, words: str) -> bool:
    """Whether the words, or the beginning of long ones, stand anywhere in the trace."""
    return bool(words.strip()) and _elsewhere(trace, words.strip()[:_BEGINNING]) is not None


def _elsewhere(trace: Trace, quote: str) -> tuple[str, str] | None:
    """Span id and path of the first value in which the quote stands, however its words are spaced."""
    try:
        pattern = pattern_of(r"\s+".join(re.escape(word) for word in quote.split()))
    except InvalidArguments:  # too long to look for
        return None
    text, until = text_of(trace), time.monotonic() + _LONGEST
    for found in pattern.values(text):
        if found:
            return trace.spans[text.owners[found.start]].span_id, text.path(found.start)
        if time.monotonic() > until:
            break
    return None


def _normal(text: str) -> str:
    return " ".join(clean(text).replace(HIDDEN, "").split())
