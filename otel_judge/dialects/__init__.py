"""Dialects: how an instrumentation records inputs and outputs. One module each; the first that knows a span wins."""

from __future__ import annotations

from threading import Lock

from ..trace import Span
from . import gen_ai, generic
from .base import Content, Dialect

DIALECTS: tuple[Dialect, ...] = (gen_ai.DIALECT, generic.DIALECT)
"""In order of specificity. The last one reads every span."""


_FIRST = Lock()  # held while a span is read


def read(span: Span) -> Content:
    """What the span says, in the vocabulary of `otel_judge.dialects.base`. Worked out once a span."""
    content = span.content
    if not isinstance(content, Content):
        with _FIRST:  # of two threads that ask, the second gets what the first has read: parts are known by identity
            content = span.content
            if not isinstance(content, Content):
                content = span.content = _read(span)
    return content


def _read(span: Span) -> Content:
    for dialect in DIALECTS:
        content = dialect.read(span)
        if content is not None:
            return content
    raise LookupError("the last dialect reads every span")
