"""Which messages of a model call's input are new, and which only repeat the conversation so far.

Each call repeats what was said before it: all of it, its end (a sliding window), or none (instrumentations that record
what is new). So inputs are compared as sequences of message parts, never as sets: a user who says "yes" twice said it
twice. Parts are compared one by one, since frameworks split and join messages on the way into the history; reasoning
is not, since histories drop it.

Each part is hashed once where it stands: the work is linear in the bytes of all inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ..dialects.base import Message, Part, Reasoning, Text, ToolCall, ToolResult
from .tool_matching import canonical

_SYSTEM: Final = frozenset({"system", "developer"})
_AGENT: Final = frozenset({"assistant", "model", "ai"})


class Fresh(NamedTuple):
    """What is new of one message."""

    message: Message
    parts: tuple[Part, ...]
    """Empty for a message without parts."""
    past: bool
    """It stands before the last user message of its input."""


class _Item(NamedTuple):
    message: int
    part: Part | None
    key: int | None
    """The same for parts that say the same; None for what is not compared."""
    speaker: str
    """`system`, `agent`, `user` or `tool`."""


@dataclass(slots=True)
class _Scope:
    """The conversations of one run of an agent."""

    root: int
    calls: int = 0
    latest: dict[int, tuple[list[int], int]] = field(default_factory=dict[int, tuple[list[int], int]])
    """By first part: what the latest call that began so was given and said, and how much of it was given."""
    previous: tuple[list[int], int] = ([], 0)


class Conversations:
    """What was said so far, in one trace. Calls are read in the order in which they were made."""

    def __init__(self) -> None:
        self._keys: dict[object, int] = {}
        self._next: dict[tuple[int, int], int] = {}
        """A tree of all conversations: from a node and a key to the node after it. Node 0 is common to all scopes."""
        self._nodes = 1
        self._ends: set[int] = set()
        """Nodes at which the input of a call ended."""
        self._answered: set[int] = set()
        """Those of them whose call has an output."""
        self._scopes: dict[str, _Scope] = {}

    def read(
        self, scope: str, given: Sequence[Message], said: Sequence[Message] | None
    ) -> tuple[list[Fresh], list[int]]:
        """The new messages among `given`, which a model of this scope answered with `said` (None: not captured).

        With them the keys of all parts of both.
        """
        state = self._scopes.get(scope)
        if state is None:
            state = self._scopes[scope] = _Scope(self._node())
        every = self._items(given)
        items = [item for item in every if item.key is not None]
        known = self._known(state, items)
        keys = self._remember(state, items, said)
        stale = {item.message for item, old in zip(items, known, strict=True) if old}
        taken = iter(known)
        fresh: dict[int, list[Part]] = {}
        for item in every:
            old = next(taken) if item.key is not None else False
            if item.key is None and item.message in stale:
                old = True
            if not old:
                parts = fresh.setdefault(item.message, [])
                if item.part is not None:
                    parts.append(item.part)
        last_user = max((number for number, message in enumerate(given) if message.role == "user"), default=-1)
        return [Fresh(given[number], tuple(parts), number < last_user) for number, parts in fresh.items()], keys

    def keys(self, message: Message) -> list[int]:
        """One for each part that is compared; the same for parts that say the same."""
        return [item.key for item in self._items((message,)) if item.key is not None]

    def _items(self, messages: Sequence[Message]) -> list[_Item]:
        items: list[_Item] = []
        for number, message in enumerate(messages):
            for part in message.parts or (None,):
                if isinstance(part, Reasoning) and not all(isinstance(other, Reasoning) for other in message.parts):
                    items.append(_Item(number, part, None, "agent"))
                    continue
                speaker = _speaker(message, part)
                key = self._keys.setdefault((speaker, _said(part)), len(self._keys))
                items.append(_Item(number, part, key, speaker))
        return items

    def _known(self, scope: _Scope, items: list[_Item]) -> list[bool]:
        keys = [item.key or 0 for item in items]
        count, node = self._match(scope.root, keys)
        if not self._is_history(items, count, node):
            count = 0
        if count == 0 and scope.calls == 0:
            return self._carried_over(items, keys)
        known = [index < count for index in range(len(items))]
        if count == len(items):
            if node in self._answered:
                _sent_again(items, known)
            return known
        before, given = scope.latest.get(keys[0], scope.previous)
        if count < len(before):
            for end in (len(before), given):
                first, last = _block(before[:end], keys[count:])
                if any(item.speaker == "agent" for item in items[count + first : count + last]):
                    known[count + first : count + last] = [True] * (last - first)
                    break
        return known

    def _is_history(self, items: list[_Item], count: int, node: int) -> bool:
        """Whether the start of an input that was met before is the conversation so far, and not said again."""
        if any(item.speaker in ("system", "agent") for item in items[:count]):
            return True
        if count < len(items) and items[count].speaker == "agent":
            return True
        grown = len(items) > count and any(item.speaker == "user" for item in items[:count])
        return node in self._ends and (node not in self._answered or grown)

    def _carried_over(self, items: list[_Item], keys: list[int]) -> list[bool]:
        """At the first call of a run: what it was given of the conversation of another run."""
        system = next((index for index, item in enumerate(items) if item.speaker != "system"), len(items))
        count, _ = self._match(0, keys[system:])
        end = system + count
        if not any(item.speaker == "agent" for item in items[system:end]):
            return [False] * len(items)
        known = [system <= index < end for index in range(len(items))]
        if end == len(items):
            _sent_again(items, known)
        return known

    def _remember(self, scope: _Scope, items: list[_Item], said: Sequence[Message] | None) -> list[int]:
        given = [item.key or 0 for item in items]
        node = self._insert(scope.root, given)
        self._ends.add(node)
        spoken = next((index for index, item in enumerate(items) if item.speaker != "system"), len(items))
        common = self._insert(0, given[spoken:])
        output: list[int] = []
        if said is not None:
            self._answered.add(node)
            choices = [self.keys(message) for message in said]
            output = [key for choice in choices for key in choice]
            for choice in (output, *choices) if len(choices) > 1 else (output,):
                self._insert(node, choice)
                self._insert(common, choice)
        scope.calls += 1
        scope.previous = ([*given, *output], len(given))
        if given:
            scope.latest[given[0]] = scope.previous
        return scope.previous[0]

    def _match(self, node: int, keys: Sequence[int]) -> tuple[int, int]:
        for count, key in enumerate(keys):
            following = self._next.get((node, key))
            if following is None:
                return count, node
            node = following
        return len(keys), node

    def _insert(self, node: int, keys: Sequence[int]) -> int:
        for key in keys:
            following = self._next.get((node, key))
            if following is None:
                following = self._next[node, key] = self._node()
            node = following
        return node

    def _node(self) -> int:
        self._nodes += 1
        return self._nodes - 1


def _speaker(message: Message, part: Part | None) -> str:
    if isinstance(part, ToolResult):
        return "tool"  # some write results into messages of the user
    if isinstance(part, ToolCall) or message.role in _AGENT:
        return "agent"
    return "system" if message.role in _SYSTEM else "tool" if message.role == "tool" else "user"


def _said(part: Part | None) -> object:
    if isinstance(part, Text):
        return part.text.strip()
    if isinstance(part, ToolCall):
        return ("call", part.id) if part.id else ("call", part.name, canonical(part.arguments))
    if isinstance(part, ToolResult):
        return ("result", part.id, None if part.id else part.result.strip())
    return part


def _sent_again(items: list[_Item], known: list[bool]) -> None:
    """The whole input was answered before: what the user says in it last was said again."""
    for index in range(len(items) - 1, -1, -1):
        if items[index].speaker == "agent":
            break
        if items[index].speaker == "user":
            known[index] = False


def _block(before: list[int], keys: list[int]) -> tuple[int, int]:
    """Where the longest end of `before` stands in `keys`, as start and end; the last such place. (0, 0) for none."""
    if not before or before[-1] not in keys:
        return 0, 0
    pattern, text = before[::-1], keys[::-1]
    lengths = _common([*pattern, -1, *text])[len(pattern) + 1 :]
    longest = max(lengths)
    start = lengths.index(longest)
    return len(keys) - start - longest, len(keys) - start


def _common(sequence: list[int]) -> list[int]:
    """For each place, how long what stands there is the same as the beginning (the Z function, linear)."""
    lengths = [0] * len(sequence)
    left = right = 0
    for place in range(1, len(sequence)):
        if place < right:
            lengths[place] = min(right - place, lengths[place - left])
        while (end := place + lengths[place]) < len(sequence) and sequence[lengths[place]] == sequence[end]:
            lengths[place] += 1
        if place + lengths[place] > right:
            left, right = place, place + lengths[place]
    return lengths
