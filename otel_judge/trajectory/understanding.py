"""How much of what a trace's spans said was captured, and how much of that is in a form that a dialect reads."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Final, NamedTuple

from .. import dialects
from ..dialects.base import Content, Role
from ..trace import Trace

_SPEAKING: Final = frozenset({Role.AGENT, Role.MODEL, Role.TOOL})


class Understanding(StrEnum):
    """What came of a span's content."""

    READ = "read"  # a dialect read it; it may be empty
    UNKNOWN = "unknown"  # it has attributes that look like content, and no dialect knows them
    MISSING = "missing"  # an agent, a model or a tool of which no content was captured


class Understood(NamedTuple):
    """Spans of one kind."""

    role: Role
    dialect: str
    """That which read the content, else that which knew the span."""
    content: Understanding


def understanding_of(content: Content) -> Understanding | None:
    """None for a span that has nothing to say, such as an HTTP request."""
    if content.captured:
        return Understanding.READ
    if content.unread:
        return Understanding.UNKNOWN
    return Understanding.MISSING if content.role in _SPEAKING else None


def understood(trace: Trace) -> Counter[Understood]:
    """Number of spans of each kind."""
    contents = map(dialects.read, trace.spans)
    return Counter(
        Understood(content.role, content.read_by or content.dialect, how)
        for content in contents
        if (how := understanding_of(content)) is not None
    )
