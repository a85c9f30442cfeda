r"""Escapes of JSON strings in bytes, undone: of one text with its places kept, and of many texts at once.

Escapes hide what a pattern looks for (`user\u0040example.com`), and touch it (`\nsk-…`, where `n` is no letter of the
token). What is no escape of JSON or Python stays as it is: nobody reads it otherwise.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[\"'\\/bfnrt]"
)
_NUMBER = re.compile(rb"u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}")
_HIGH = re.compile(rb"u[dD][89abAB][0-9a-fA-F]{2}\Z")
_LOW = re.compile(rb"u[dD][c-fC-F][0-9a-fA-F]{2}")
_SIMPLE = {b'"': b'"', b"'": b"'", b"/": b"/", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


@dataclass(frozen=True, slots=True)
class Unescaped:
    """A text with its escapes undone."""

    data: bytes
    _ends: list[int]
    """Where the stretches between escapes, and the escapes, end in `data`."""
    _raw_ends: list[int]
    """Likewise in the text as it was."""

    def start(self, position: int) -> int:
        """Where the byte at `position` comes from in the text as it was: within an escape, the escape's start."""
        return self._raw(position, end=False)

    def end(self, position: int) -> int:
        """Where what ends before `position` ends in the text as it was."""
        return self._raw(position - 1, end=True)

    def _raw(self, position: int, *, end: bool) -> int:
        index = bisect_right(self._ends, position)
        first = self._ends[index - 1] if index else 0
        raw_first, raw_last = self._raw_ends[index - 1] if index else 0, self._raw_ends[index]
        if index % 2:  # an escape
            return raw_last if end else raw_first
        return raw_first + position - first + end


def unescaped(data: bytes) -> Unescaped | None:
    """None for a text without escapes."""
    pieces, ends, raw_ends, length, last = list[bytes](), list[int](), list[int](), 0, 0
    for match in _ESCAPE.finditer(data):
        for piece in (data[last : match.start()], _unescape(match.group())):
            pieces.append(piece)
            length += len(piece)
            ends.append(length)
        raw_ends += (match.start(), match.end())
        last = match.end()
    if not pieces:
        return None
    pieces.append(data[last:])
    return Unescaped(b"".join(pieces), [*ends, length + len(pieces[-1])], [*raw_ends, len(data)])


def unescape_all(block: bytes) -> bytes:
    """Many texts, with bytes between them that are not UTF-8, as `unescaped` makes each."""
    parts = block.split(b"\\")  # at the speed of C; what is done here costs by the escape
    made, place = [parts[0]], 1
    while place < len(parts):
        part = parts[place]
        place += 1
        if not part:  # an escaped backslash; what follows it is text
            made += (b"\\", *parts[place : place + 1])
            place += 1
        elif (meant := _SIMPLE.get(part[:1])) is not None:
            made += (meant, part[1:])
        elif (match := _NUMBER.match(part)) is not None:
            low = _LOW.match(parts[place]) if place < len(parts) and _HIGH.match(part) else None
            if low is not None:
                made += (_pair(match.group(), low.group()), parts[place][low.end() :])
                place += 1
            else:
                made += (_numbered(match.group()), part[match.end() :])
        else:
            made += (b"\\", part)
    return b"".join(made)


def _unescape(escape: bytes) -> bytes:
    if len(escape) == 12:
        return _pair(escape[1:6], escape[7:])
    simple = _SIMPLE.get(escape[1:])
    return simple if simple is not None else b"\\" if escape == b"\\\\" else _numbered(escape[1:])


def _numbered(escape: bytes) -> bytes:
    return chr(int(escape[1:], 16)).encode("utf-8", "replace")


def _pair(high: bytes, low: bytes) -> bytes:
    """The character of a surrogate pair, each as `ud83d`."""
    return chr(0x10000 + ((int(high[1:], 16) - 0xD800) << 10) + (int(low[1:], 16) - 0xDC00)).encode()
