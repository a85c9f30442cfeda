"""One line a span: how tools, the map and the whole rendering name it."""

from __future__ import annotations

from ... import dialects
from ...dialects.base import Role
from ...trace import Span
from .. import text
from .answer import cut

_NAME, _PREVIEW = 80, 80  # characters
_DEPTH = 20  # levels that are shown by indentation
_READ = 5_000  # characters of a value that are read for it


def outline(span: Span, depth: int) -> str:
    """`id name · role · duration · status · preview`, indented by depth."""
    parts = [f"{span.span_id} {cut(span.name, _NAME) or '(no name)'}"]
    role = dialects.read(span).role
    if role is not Role.OTHER:
        parts.append(role.value)
    parts.append(duration(span.duration_ns))
    if span.status_code == "ERROR":
        parts.append("ERROR")
    if telling := _preview(span):
        parts.append(telling)
    return indent(depth) + " · ".join(parts)


def indent(depth: int) -> str:
    """What stands before a line at this depth."""
    return "  " * depth if depth <= _DEPTH else "  " * _DEPTH + f"(depth {depth}) "


def duration(nanoseconds: int) -> str:
    """A duration in the unit that suits it."""
    if nanoseconds >= 1_000_000_000:
        return f"{nanoseconds / 1e9:.2f} s"
    return f"{nanoseconds / 1e6:.1f} ms" if nanoseconds >= 100_000 else f"{nanoseconds / 1e3:.0f} µs"


def _preview(span: Span) -> str:
    """The most telling value, and no more of the span is decoded for it."""
    content, tool = dialects.read(span), dialects.read(span).tool
    said: str | None
    if span.status_code != "UNSET" and (said := span.status_message):
        path = "status.message"
    elif tool is not None and (said := tool.result):
        path = "tool.result"
    elif content.output and (said := text.start_of_messages(content.output, _READ)):
        path = "output"
    elif tool is not None and (said := tool.arguments):
        path = "tool.arguments"
    elif content.input and (said := text.start_of_messages(content.input, _READ)):
        path = "input"
    else:
        return ""
    return f"{path}: {cut(text.clean(text.readable(said) if len(said) <= _READ else said[:_READ]), _PREVIEW)}"
