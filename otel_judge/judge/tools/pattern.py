"""Patterns that a model writes, run by RE2: in linear time, whatever the pattern and the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import re2  # pyright: ignore[reportMissingTypeStubs]

from ..text import clean
from ..trace_text import TraceText
from .answer import InvalidArguments, cut

_LONGEST = 1_000  # characters
_FIRST_STEP, _STEP = 50_000, 4_000_000  # bytes that are searched between two looks at the clock
_LOOK = 512  # values between two looks at the clock
_re2 = cast("Any", re2)  # it comes without types

_ONE_BY_ONE = re.compile(r"\\[AzCQ]|\(\?[A-Za-z]*-")
"""What means something else in the middle of a block: ends of the text, single bytes, modes that are switched off.
`\\Q` also hides all of this from us."""

_CHARACTERS = r"[^\\\[\n^$(]|\((?!\?)|\(\?:|\\[][.+*?(){}|/dwb-]|\[[ -Z_-~]+\]"
_PLAIN = re.compile(rf"(?:\(\?i\))?(?:{_CHARACTERS})*")
"""Patterns that match no newline and know no edges, so that what they match stands within a value."""
_EDGED = re.compile(rf"(?:\(\?i\))?(?:{_CHARACTERS}|[\^$])*")
"""Patterns that match no newline but know edges. Within a block these are the edges of each line of a value, and of
the empty lines around it; where a pattern does not match an empty text, that only matters to values of many lines."""


class Pattern:
    """A compiled pattern."""

    def __init__(self, source: str, options: Any) -> None:
        self._exact = _re2.compile(source.encode(), options)
        self._plain = _PLAIN.fullmatch(source) is not None
        self._by_line = _EDGED.fullmatch(source) is not None and self._exact.search(b"") is None
        self._block: Any = None
        self._further: Any = None
        if not _ONE_BY_ONE.search(source):
            try:
                # A match goes on to the end of its value, and over the byte that ends it for as long as the next value
                # matches too: where many do, it takes one step for all of them.
                rest = rf"(?:{source})(?s:.*)"
                further = rf"(?:\C(?s:.*){rest})"
                self._block = _re2.compile(f"(?m){rest}{further}*".encode(), options)
                self._further = _re2.compile(f"(?m){further}+".encode(), options)
            except _re2.error:  # just too large with that
                self._block = self._further = None

    def search(self, data: bytes) -> tuple[int, int] | None:
        """Start and end of the first match anywhere in a value, in bytes."""
        match = self._exact.search(data)
        return None if match is None else (match.start(), match.end())

    def values(self, text: TraceText) -> Iterator[range]:
        """Values that match, in order, neighbours together; now and then an empty range, for who wants to stop."""
        return self._one_by_one(text, range(len(text))) if self._block is None else self._all_at_once(text)

    def _one_by_one(self, text: TraceText, values: range) -> Iterator[range]:
        for value in values:
            if value % _LOOK == 0:
                yield range(0)
            if self._matches(text.data(value)):
                yield range(value, value + 1)

    def _matches(self, data: bytes) -> bool:
        """Whether a value matches that does so within its block."""
        return (self._by_line and b"\n" not in data) or self._exact.search(data) is not None

    def _all_at_once(self, text: TraceText) -> Iterator[range]:
        position, following, end, step = 0, 0, len(text.block) - 2, _FIRST_STEP
        while position < end:
            until = text.starts[text.at(position + step) + 1] - 2  # up to the byte between two values
            goes_on = 0 < following == text.at(position)
            for start, stop in self._runs(text.block, position, until, goes_on=goes_on):
                found = range(max(text.at(start), following), text.at(max(start, stop - 1)) + 1)
                following = max(found.stop, following)
                if self._plain:
                    yield found
                else:
                    yield from self._one_by_one(text, found)
            position, step = until + 1, _STEP
            yield range(0)

    def _runs(self, block: bytes, position: int, until: int, *, goes_on: bool) -> Iterator[tuple[int, int]]:
        """Start and end of each run of values that match; `goes_on` where the value before them did."""
        if goes_on and (run := self._further.match(block, position - 1, until)) is not None:
            yield position, run.end()  # in half the time: to find where a match starts, RE2 reads it again
            position = run.end()
        for run in self._block.finditer(block, position, until):
            yield run.span()


def pattern_of(source: str) -> Pattern:
    """Raises `InvalidArguments` for a pattern that RE2 does not take."""
    if not source or len(source) > _LONGEST:
        raise InvalidArguments(f"pattern must have 1 to {_LONGEST} characters")
    options = _re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        return Pattern(clean(source), options)
    except _re2.error as error:
        said = error.args[0] if error.args else ""
        why = cut(said.decode(errors="replace") if isinstance(said, bytes) else str(said), 200)
        raise InvalidArguments(
            f"not a valid RE2 pattern: {why}. RE2 has no lookaround and no backreferences; "
            r"escape special characters with \, ignore case with (?i)"
        ) from None
