"""Patterns that a model writes, run by RE2: in linear time, whatever the pattern and the text."""

from __future__ import annotations

from typing import Any, cast

import re2  # pyright: ignore[reportMissingTypeStubs]

from ..text import clean
from .answer import InvalidArguments, cut

_LONGEST = 1_000  # characters
_re2 = cast("Any", re2)  # it comes without types


class Pattern:
    """A compiled pattern."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def search(self, text: str) -> tuple[int, int] | None:
        """Start and end of the first match anywhere in the text, in characters."""
        match = self._compiled.search(text)
        return None if match is None else (match.start(), match.end())


def pattern_of(source: str) -> Pattern:
    """Raises `InvalidArguments` for a pattern that RE2 does not take."""
    if not source or len(source) > _LONGEST:
        raise InvalidArguments(f"pattern must have 1 to {_LONGEST} characters")
    options = _re2.Options()
    options.log_errors = False
    try:
        return Pattern(_re2.compile(clean(source), options))
    except _re2.error as error:
        said = error.args[0] if error.args else ""
        why = cut(said.decode(errors="replace") if isinstance(said, bytes) else str(said), 200)
        raise InvalidArguments(
            f"not a valid RE2 pattern: {why}. RE2 has no lookaround and no backreferences; "
            r"escape special characters with \, ignore case with (?i)"
        ) from None
