"""Finds what the rules look for: which of many texts may hold something, and where exactly one text does."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

from .escapes import unescape_all, unescaped
from .rules import CARDS, EMAIL, SECRETS, Rule, compiled

EDGE = b"\n\xff\n"
"""Between two texts: RE2 matches characters, and none holds that byte, so nothing matches across it."""


_SHORTEST_CARD = 10**11


class Found(NamedTuple):
    """A stretch of a text that is to be replaced."""

    start: int
    end: int
    kind: str
    value: bytes
    """What it says, with the escapes undone under which it was found."""
    depth: int = 0
    """How often escapes were undone."""


class Finder:
    """The rules of a config, compiled."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        signs = [rule.sign or rule.pattern for rule in rules if rule.blockable]
        self._signs = compiled("|".join(f"(?:{sign})" for sign in signs), capture=False) if signs else None
        self.looks_for_secrets = SECRETS[0] in rules
        """Keys may say what their values are."""
        known = {*SECRETS, *CARDS, *EMAIL}
        self.least_number = _SHORTEST_CARD if known.issuperset(rules) else 0
        """Smaller numbers hold nothing that is looked for."""
        self._all_may_match = any(not rule.blockable for rule in rules)

    def may_match(self, data: bytes) -> bool:
        """Whether `find` is worth its time."""
        return (
            b"\\" in data or self._all_may_match or (self._signs is not None and self._signs.search(data) is not None)
        )

    def candidates(self, texts: Sequence[bytes]) -> list[int]:
        """Indexes of the texts that may hold something, however often escaped; of the others, none does."""
        if self._all_may_match:
            return list(range(len(texts)))
        if not self.may_match(_block(texts)):  # as with most of what checks say
            return []
        found: set[int] = set()
        indexes: list[int] = list(range(len(texts)))
        level = list(texts)
        while level and self._signs is not None:
            found.update(indexes[place] for place in self._matching(level))
            escaped = [place for place, text in enumerate(level) if b"\\" in text and indexes[place] not in found]
            before = [level[place] for place in escaped]
            after = unescape_all(EDGE.join(before)).split(EDGE) if before else []
            changed = [place for place, text in enumerate(after) if text != before[place]]
            indexes = [indexes[escaped[place]] for place in changed]
            level = [after[place] for place in changed]
        return sorted(found)

    def _matching(self, texts: Sequence[bytes]) -> list[int]:
        block = _block(texts)
        starts: list[int] = []
        found, position = list[int](), 0
        while self._signs is not None and (match := self._signs.search(block, position)) is not None:
            starts = starts or list(accumulate([len(text) + len(EDGE) for text in texts], initial=len(EDGE)))
            # A match may take in the edge before its value, but is in one value alone.
            place = bisect_right(starts, max(match.end() - 1, starts[0]), hi=len(texts)) - 1
            found.append(place)
            position = starts[place + 1] - len(EDGE) + 1
        return found

    def find(self, data: bytes, depth: int = 0) -> list[Found]:
        """What is to be replaced, in order, apart from each other; under escapes too."""
        found = [
            Found(start, end, rule.kind, data[start:end], depth)
            for rule in self._rules
            for start, end in rule.find(data)
        ]
        if b"\\" in data and (plain := unescaped(data)) is not None:
            found += [
                each._replace(start=plain.start(each.start), end=plain.end(each.end))
                for each in self.find(plain.data, depth + 1)
            ]
        return _joined(found) if len(found) > 1 else found


def _block(texts: Sequence[bytes]) -> bytes:
    return EDGE.join([b"", *texts, b""])


def _joined(found: list[Found]) -> list[Found]:
    """Those that overlap as one. What it says is read where most escapes were undone: there, none touches it."""
    found.sort(key=lambda each: (each.start, -each.end))
    joined = [found[0]]
    for each in found[1:]:
        last = joined[-1]
        if each.start >= last.end:
            joined.append(each)
            continue
        best = max(last, each, key=lambda one: (one.depth, len(one.value)))
        joined[-1] = best._replace(start=last.start, end=max(last.end, each.end))
    return joined


def replace(data: bytes, found: Sequence[Found], name: Callable[[str, bytes], bytes]) -> bytes:
    """The text with each stretch replaced by the name for its kind and value."""
    pieces, last = list[bytes](), 0
    for each in found:
        pieces += (data[last : each.start], name(each.kind, each.value))
        last = each.end
    return b"".join([*pieces, data[last:]])
