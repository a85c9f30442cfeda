"""Spans of no known dialect."""

from __future__ import annotations

from ..trace import Span
from .base import Content, Dialect, Role


class _Generic:
    name = "generic"

    def read(self, span: Span) -> Content:
        return Content(dialect=self.name, role=Role.OTHER)


DIALECT: Dialect = _Generic()
