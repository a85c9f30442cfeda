"""Dialects: how an instrumentation records inputs and outputs. One module each.

Spans of several dialects in one trace are normal, and one span is often written by several: an instrumentation, a
framework around it, a processor on the way. The most specific one that knows what a span did decides that; what it
lacks is taken from the others.
"""

from __future__ import annotations

from threading import Lock
from typing import Final

from ..trace import Span
from . import (
    claude_code,
    gen_ai,
    generic,
    google_adk,
    langfuse,
    langsmith,
    mlflow,
    openinference,
    openllmetry,
    pydantic_ai,
    unread,
    vercel,
)
from .base import Content, Dialect, Role
from .merging import merged

DIALECTS: Final[tuple[Dialect, ...]] = (
    pydantic_ai.DIALECT,
    google_adk.DIALECT,
    claude_code.DIALECT,
    vercel.DIALECT,
    mlflow.DIALECT,
    openinference.DIALECT,
    openllmetry.DIALECT,
    langsmith.DIALECT,
    gen_ai.DIALECT,
    langfuse.DIALECT,
    generic.DIALECT,
)
"""In order of specificity."""

_SUSPECT: Final = 1 << len(DIALECTS)  # the bit of a name that looks like content
_MOST_NAMES: Final = 10_000  # that are remembered; traffic may bring any number
_LONGEST_NAME: Final = 200  # characters of one that is remembered
_EMPTY: Final = Content(generic.DIALECT.name, Role.OTHER)


class _Marks(dict[str, int]):
    """For each name of an attribute or event, the dialects that it is a mark of: one bit each.

    So a span is looked through once, whatever the number of dialects.
    """

    def __missing__(self, name: str) -> int:
        bits = _SUSPECT if unread.looks_like_content(name) else 0
        for number, dialect in enumerate(DIALECTS):
            if any(name.startswith(mark) if mark.endswith(".") else name == mark for mark in dialect.marks):
                bits |= 1 << number
        if len(self) >= _MOST_NAMES:
            self.clear()
        if len(name) <= _LONGEST_NAME:
            self[name] = bits
        return bits


class _Asked(dict[int, tuple[Dialect, ...]]):
    """For the bits of a span, the dialects that are asked about it, in order."""

    def __missing__(self, bits: int) -> tuple[Dialect, ...]:
        asked = self[bits] = tuple(dialect for number, dialect in enumerate(DIALECTS) if bits >> number & 1)
        return asked


_marks: Final = _Marks()
_asked: Final = _Asked()


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
    bits = 0
    for name in span.attributes:
        bits |= _marks[name]
    has_events = bool(span.proto.events)
    if has_events:
        for event in span.proto.events:
            bits |= _marks[event.name]
    if not bits and not has_events:  # as with most spans
        return _EMPTY
    return _with_unread(span, _as_one(span, bits), bits, events=has_events)


def _as_one(span: Span, bits: int) -> Content:
    contents: list[Content] = []
    role: Role | None = None
    for dialect in _asked[bits & ~_SUSPECT]:
        if (content := dialect.read(span, role)) is not None:
            contents.append(content)
            if role is None and content.role is not Role.OTHER:
                role = content.role
    if not contents:
        return _EMPTY
    content = merged(contents) if len(contents) > 1 else contents[0]
    tool = content.tool
    if tool is not None and not tool.name:
        content = content._replace(tool=tool._replace(name=span.name.removeprefix("execute_tool ")))
    return content


def _with_unread(span: Span, content: Content, bits: int, *, events: bool) -> Content:
    """With the attributes that may hold what is missing."""
    tool = content.tool
    if content.role is Role.TOOL:
        is_whole = tool is not None and tool.arguments is not None and tool.result is not None
    else:
        is_whole = content.input is not None and content.output is not None
    if is_whole or not (bits & _SUSPECT or events):
        return content
    keys = frozenset(name for name in span.attributes if _marks[name] & _SUSPECT)
    found = tuple(unread.paths(span, keys, content.content_keys, events=events))
    return content._replace(unread=found) if found else content
