"""Texts that stand in many traces, such as the instructions of an agent, stand once in the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_SHORTEST = 80  # characters that are worth a number in their place


def share(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Replaces plain pieces of steps that stand more than once by their index in what is returned.

    The first line of a step holds a span id and is never shared.
    """
    counts = Counter(piece for pieces in _texts(entries) for piece in pieces if _is_long(piece))
    numbers: dict[str, int] = {}
    for pieces in _texts(entries):
        for at, piece in enumerate(pieces):
            if _is_long(piece) and counts[piece] > 1:
                pieces[at] = numbers.setdefault(piece, len(numbers))
    return list(numbers)


def _texts(entries: Iterable[Mapping[str, Any]]) -> Iterable[list[Any]]:
    for entry in entries:
        for step in entry["steps"]["shown"]:
            yield step["text"]


def _is_long(piece: object) -> bool:
    return isinstance(piece, str) and len(piece) >= _SHORTEST
