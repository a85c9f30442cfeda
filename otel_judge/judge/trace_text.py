"""The text of a whole trace in one piece, so that one pass of a pattern searches it all.

All values stand in one block of UTF-8, each between newlines, with a byte between them that never stands in UTF-8.
RE2 matches characters, so no pattern matches across that byte, and none spans two values; the newlines let `^` and
`$` in multi-line mode find the edges of a value. Offsets and owners are arrays of numbers: a trace of 100,000 spans
would otherwise be millions of small objects, which the garbage collector walks again and again.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, cast

import re2  # pyright: ignore[reportMissingTypeStubs]

from ..trace import OriginView, Trace
from .text import ODD, clean, collect, collect_resource

EDGE = b"\n\xff\n"
_ODD = cast("Any", re2).compile(re.sub(r"\\[uU]([0-9a-f]{4,8})", r"\\x{\1}", ODD).encode())
_VALUES_A_CHUNK = 10_000  # that are held as objects of their own at a time


class TraceText:
    """Every value of a trace, in the order of its spans. A resource stands once, with the first span of its origin."""

    def __init__(self, trace: Trace) -> None:
        self.starts = array("Q", [1])
        """Byte at which each value starts, and where one more would."""
        self.owners = array("I")
        """Index in `trace.spans` for each value."""
        self.ends = array("I")
        """For each span, the number of its last value and one."""
        self.characters = array("Q")
        """Characters of all values of each span, without its resource."""
        self._path_ids = array("I")
        self._paths: dict[str, int] = {}
        self.block = self._encode(trace)
        self._path_names = list(self._paths)

    def __len__(self) -> int:
        return len(self.owners)

    def path(self, value: int) -> str:
        """Path of a value in its span."""
        return self._path_names[self._path_ids[value]]

    def data(self, value: int) -> bytes:
        """A value, encoded."""
        return self.block[self.starts[value] : self.starts[value + 1] - len(EDGE)]

    def at(self, position: int) -> int:
        """The value that the byte belongs to, or whose edge it is."""
        return bisect_right(self.starts, position + 1, hi=len(self.owners)) - 1

    def _encode(self, trace: Trace) -> bytes:
        chunks = [b"\n"]
        origins: set[OriginView] = set()
        paths, texts = list[str](), list[str]()
        for index, span in enumerate(trace.spans):
            before = len(texts)
            collect(span, paths, texts)
            self.characters.append(sum(map(len, texts[before:])))
            if span.origin not in origins:
                origins.add(span.origin)
                collect_resource(span, paths, texts)
            self.owners.extend([index] * (len(texts) - before))
            self.ends.append(len(self.owners))
            if len(texts) >= _VALUES_A_CHUNK:
                chunks.append(self._add(paths, texts))
                paths.clear()
                texts.clear()
        chunks.append(self._add(paths, texts))
        return b"".join(chunks)

    def _add(self, paths: Sequence[str], texts: Sequence[str]) -> bytes:
        try:
            encoded = [text.encode() for text in texts]
        except UnicodeEncodeError:  # lone surrogates
            encoded = [clean(text).encode() for text in texts]
        block = EDGE.join([*encoded, b""])
        if _ODD.search(block) is not None:
            encoded = [clean(text).encode() for text in texts]
            block = EDGE.join([*encoded, b""])
        end = self.starts.pop()
        self.starts.extend(accumulate([len(data) + len(EDGE) for data in encoded], initial=end))
        ids = self._paths
        self._path_ids.extend([ids.setdefault(path, len(ids)) for path in paths])
        return block


def text_of(trace: Trace) -> TraceText:
    """The text of a trace. Worked out once a trace."""
    return trace.once(text_of, lambda: TraceText(trace))
