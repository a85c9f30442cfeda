"""One line a span: how tools, the map and the whole rendering name it."""

from __future__ import annotations

from ... import dialects
from ...dialects.base import Role
from ...trace import Span
from .. import text
from .answer import cut

_NAME, _PREVIEW = 80, 80  # characters
_DEPTH = 20  # levels that are shown by indentation
_TELLING = ("status.message", "tool.result", "output", "tool.arguments", "input")


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
    indent = "  " * depth if depth <= _DEPTH else "  " * _DEPTH + f"(depth {depth}) "
    return indent + " · ".join(parts)


def duration(nanoseconds: int) -> str:
    """A duration in the unit that suits it."""
    if nanoseconds >= 1_000_000_000:
        return f"{nanoseconds / 1e9:.2f} s"
    return f"{nanoseconds / 1e6:.1f} ms" if nanoseconds >= 100_000 else f"{nanoseconds / 1e3:.0f} µs"


def _preview(span: Span) -> str:
    by_path = {field.path: field.text for field in reversed(text.fields(span))}
    return next((f"{path}: {cut(by_path[path], _PREVIEW)}" for path in _TELLING if path in by_path), "")
