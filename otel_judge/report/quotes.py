"""Where a quote stands in the text of a step, so that it can be marked there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from ..judge.text import HIDDEN

_LONGEST = 4_000  # characters of a quote that is looked for
_LABELS = {"tool.arguments": "\n    arguments", "tool.result": "\n    result", "output": "\n    output"}


def find(quote: str, path: str | None, text: str) -> tuple[int, int] | None:
    """Start and end of the quote; white space may differ, as it may where evidence is verified.

    It is looked for below the label of its path first, then after the title of the step; a name, in the title.
    """
    words = quote.replace(HIDDEN, " ").split()
    if not words or len(quote) > _LONGEST:
        return None
    pattern = re.compile(rf"[\s{HIDDEN}]+".join(map(re.escape, words)))
    starts = [text.find(_LABELS[path])] if path in _LABELS else []
    starts.append(text.find(".") if path == "name" else text.find("]"))  # the title begins with a number and `.`
    for start in starts:
        if start >= 0 and (found := pattern.search(text, start + 1)) is not None:
            return found.span()
    return None


def mark(text: str, stretches: Sequence[tuple[int, int, int]]) -> list[str | list[str | int]]:
    """The text in pieces: plain ones, and `[text, number]` for what is marked. Stretches are apart and in order.

    The first line is a piece of its own: it names the span, and what follows may stand in other traces too.
    """
    pieces: list[str | list[str | int]] = []
    first = text.find("\n") + 1
    edges = [at for at in (0, first, len(text)) if not any(start < at < end for start, end, _ in stretches)]
    cuts = sorted({*edges, *(edge for start, end, _ in stretches for edge in (start, end))})
    numbers = {start: number for start, _, number in stretches}
    for start, end in pairwise(cuts):
        piece = text[start:end]
        pieces.append([piece, numbers[start]] if start in numbers else piece)
    return pieces
