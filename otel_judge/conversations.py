"""Which conversations go on, and which have come to rest, so that their sessions can be judged.

Pure logic for one thread: it does no I/O, and the clock is an argument, in monotonic seconds.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from math import inf
from types import MappingProxyType

from .feedback import SpanRef
from .session import Missing

logger = logging.getLogger(__name__)

_NOTHING: Mapping[str, str] = MappingProxyType({})

MAX_TURNS = 100_000
"""So many traces are remembered over all conversations, the longest idle conversation forgotten first: some 80 MB."""
MAX_OF_A_CONVERSATION = 1_000
"""So many traces of one conversation are remembered, the latest."""


class Conversation:
    """What is remembered of one conversation: its traces by id, and what was judged of it."""

    __slots__ = (
        *("at", "first_trace_id", "forgotten", "given", "gone"),
        *("is_being_judged", "key", "revision", "tenant", "turns"),
    )

    def __init__(self, key: bytes, tenant: str | None) -> None:
        self.key = key
        self.tenant = tenant
        self.at = 0.0
        """When its last trace came."""
        self.turns: dict[bytes, bytes] = {}
        """Span id of the root by trace id, in the order in which the traces were finished."""
        self.gone: frozenset[bytes] = frozenset()
        """Ids of the traces that were no longer held when they were asked for."""
        self.forgotten = 0
        """Traces that are not among the turns any more."""
        self.first_trace_id: bytes | None = None
        """Of the first turn, once a session was made."""
        self.revision = 0
        """Of the next feedback."""
        self.given: Mapping[str, str] = _NOTHING
        """The latest evaluation id by scorer."""
        self.is_being_judged = False

    @property
    def held(self) -> list[bytes]:
        """Ids of the traces that may still be held."""
        return [trace_id for trace_id in self.turns if trace_id not in self.gone]

    @property
    def missing(self) -> Missing:
        """Those that are not."""
        gone = [SpanRef(each.hex(), root.hex()) for each, root in self.turns.items() if each in self.gone]
        return Missing(tuple(gone), forgotten=self.forgotten)


class Conversations:
    """Conversations by tenant and id. One rests once no trace of it has come for `idle_s`."""

    def __init__(
        self, idle_s: float, *, max_turns: int = MAX_TURNS, max_of_a_conversation: int = MAX_OF_A_CONVERSATION
    ) -> None:
        self._idle_s = idle_s
        self._max_turns = max_turns
        self._max_of_a_conversation = max_of_a_conversation
        self._open: OrderedDict[bytes, Conversation] = OrderedDict()
        """Those with traces that no session has held yet, the longest idle first."""
        self._judged: OrderedDict[bytes, Conversation] = OrderedDict()
        self._turns = 0
        self.lost = 0
        """Sessions that could not be judged: forgotten before, or no trace was held any more."""

    def __len__(self) -> int:
        """Those that wait to be judged."""
        return len(self._open)

    def note(self, tenant: str | None, conversation_id: str, trace_id: bytes, root_id: bytes, now: float) -> None:
        """A trace of this conversation has finished."""
        key = blake2b(f"{tenant!r} {conversation_id}".encode(errors="replace"), digest_size=16).digest()
        found = self._open.pop(key, None) or self._judged.pop(key, None) or Conversation(key, tenant)
        self._turns += trace_id not in found.turns
        found.turns[trace_id] = root_id
        if len(found.turns) > self._max_of_a_conversation:
            oldest = next(iter(found.turns))
            del found.turns[oldest]
            found.gone -= {oldest}
            found.forgotten += 1
            self._turns -= 1
        found.at = now
        self._open[key] = found
        while self._turns > self._max_turns and len(self._open) + len(self._judged) > 1:
            self._forget_oldest()

    def resting(self, now: float, most: int) -> list[Conversation]:
        """Those that rest, `most` of them. Each is to be judged now, and `judged` told when that has ended."""
        return self._begin(now - self._idle_s, most)

    def all_open(self) -> list[Conversation]:
        """All that wait, as the process ends. One that is being judged comes once that has ended."""
        return self._begin(inf, len(self._open))

    def judged(self, conversation: Conversation) -> None:
        """It is not being judged any more. Where traces came for it meanwhile, it is open already."""
        conversation.is_being_judged = False

    def lose(self, why: str) -> None:
        """Counts a session that cannot be judged. The first is logged."""
        self.lost += 1
        if self.lost == 1:
            logger.warning("a session is not judged, and more like it are only counted: %s", why)

    def _begin(self, until: float, most: int) -> list[Conversation]:
        begun, busy = list[Conversation](), list[Conversation]()
        while self._open and len(begun) < most and (first := next(iter(self._open.values()))).at <= until:
            del self._open[first.key]
            if first.is_being_judged:
                busy.append(first)
                continue
            first.is_being_judged = True
            self._judged[first.key] = first
            begun.append(first)
        for each in reversed(busy):
            self._open[each.key] = each
            self._open.move_to_end(each.key, last=False)
        return begun

    def _forget_oldest(self) -> None:
        if self._judged:
            _, oldest = self._judged.popitem(last=False)
        else:
            _, oldest = self._open.popitem(last=False)
            self.lose(
                f"over {self._max_turns:,} traces belong to conversations that go on, and the oldest is forgotten"
            )
        self._turns -= len(oldest.turns)
