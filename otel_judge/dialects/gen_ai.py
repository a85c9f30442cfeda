"""OpenTelemetry semantic conventions for generative AI."""

from __future__ import annotations

from ..trace import Span
from .base import Content, Dialect


class _GenAi:
    name = "gen_ai"

    def read(self, span: Span) -> Content | None:
        return None


DIALECT: Dialect = _GenAi()
