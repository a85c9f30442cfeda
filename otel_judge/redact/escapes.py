r"""Escapes of JSON strings in bytes, undone: of one text with its places kept, and of many texts at once.

Escapes hide what a pattern looks for (`user\u0040example.com`), and touch it (`\nsk-…`, where `n` is no letter of the
token). What is no escape of JSON or Python stays as it is: nobody reads it otherwise.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\[\"'\\/bfnrt]"
)
_NUMBERED = re.compile(_ESCAPE.pattern.rpartition(b"|")[0])
_SIMPLE = {
    b"\\" + key: value
    for key, value in {
        b'"': b'"', b"'": b"'", b"/": b"/", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t",
    }.items()
}  # fmt: skip
_BACKSLASH = b"\xfe"  # stands for one that is text by now; never in UTF-8


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
        for piece in (data[last : match.start()], _unescape(match)):
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
    block = block.replace(b"\\\\", _BACKSLASH)
    for escape, meant in _SIMPLE.items():
        block = block.replace(escape, meant)
    if b"\\u" in block or b"\\x" in block:
        block = _NUMBERED.sub(_numbered(_BACKSLASH), block)
    return block.replace(_BACKSLASH, b"\\")


def _unescape(match: re.Match[bytes]) -> bytes:
    escape = match.group()
    return _SIMPLE.get(escape) or (b"\\" if escape == b"\\\\" else _numbered(b"\\")(match))


def _numbered(backslash: bytes) -> Callable[[re.Match[bytes]], bytes]:
    def meant(match: re.Match[bytes]) -> bytes:
        escape = match.group()
        if len(escape) == 12:  # a surrogate pair
            high, low = int(escape[2:6], 16), int(escape[8:], 16)
            return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)).encode()
        digits = escape.lstrip(b"\\ux")
        number = int(digits, 16)
        return backslash if number == 0x5C else chr(number).encode("utf-8", "replace")

    return meant
