"""What could not be read: one broken line does not cost the others, and none goes unsaid."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeAlias

from ..errors import SourceError

logger = logging.getLogger(__name__)

Skip: TypeAlias = Callable[[SourceError], None]
"""Takes what could not be read, and returns; or raises it, where reading is strict."""

_NAMED = 10  # problems that are told one by one


class Skipped:
    """Counts what could not be read and keeps the first of it."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[SourceError] = []
        """The first ten."""

    def __call__(self, error: SourceError) -> None:
        self.count += 1
        if len(self.first) < _NAMED:
            self.first.append(error)

    def lines(self) -> list[str]:
        """In words, one line each, and a last one for those that are only counted."""
        told = [f"skipped {error}" for error in self.first]
        return [*told, f"skipped {self.count - len(told)} more"] if self.count > len(told) else told

    def nothing(self, source: str) -> SourceError:
        """Why a source gave no traces at all."""
        return self.first[0] if self.first else SourceError(source, "no traces", "are they OTLP?")


def stop(error: SourceError) -> None:
    """The `Skip` of strict reading."""
    raise error
