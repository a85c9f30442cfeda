"""Has the sessions judged that have come to rest: what is known of conversations, and what a judgement needs of it.

The same for the service, whose workers judge, and for an app, which judges for itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from .config import Completion, Config
from .conversations import Conversation, Conversations
from .feedback import Feedback
from .session import Missing, Session
from .trace import Trace
from .trajectory import target_of

Held: TypeAlias = Callable[[bytes, str | None], Trace | None]
"""A finished trace by id and tenant; None for one that is no longer held."""


class Noted(NamedTuple):
    """A trace that belongs to a conversation."""

    conversation_id: str
    root_id: bytes


@dataclass(frozen=True, slots=True)
class Order:
    """One session to be judged. Pickles."""

    traces: tuple[Trace, ...]
    """In the order in which they were finished; at least one."""
    missing: Missing
    first_trace_id: bytes | None
    """Of the first turn of the conversation; None where these traces are the first that are judged of it."""
    revision: int
    before: Mapping[str, str]
    """Evaluation id by scorer of the feedback that this one replaces."""

    @property
    def size(self) -> int:
        """Wire bytes of the traces."""
        return sum(trace.size for trace in self.traces)

    def session(self, limits: Completion) -> Session:
        """Puts the traces together; of too many the latest. Decodes them."""
        return Session.of(
            self.traces,
            missing=self.missing,
            first_trace_id=self.first_trace_id,
            max_spans=limits.max_spans,
            max_bytes=int(limits.max_trace_mib * 2**20),
        )

    def revised(self, feedback: Feedback) -> Feedback:
        """The feedback, in the place of that which was given before the conversation went on."""
        return replace(feedback, revision=self.revision, supersedes=self.before.get(feedback.name))


def noted(trace: Trace) -> Noted | None:
    """What conversation a trace belongs to. Of the raw trace: redacted, different people may have the same id."""
    target = target_of(trace, trace.root)
    return Noted(target.conversation_id, bytes.fromhex(target.span_id)) if target.conversation_id else None


class Sessions:
    """Knows the conversations that go on, and what was judged of them. Belongs to one thread."""

    def __init__(self, config: Config, held: Held) -> None:
        self._conversations = Conversations(config.session_idle)
        self._held = held
        self._ordered: dict[int, Conversation] = {}

    @property
    def open(self) -> int:
        """Conversations with traces that no session has held yet."""
        return len(self._conversations)

    @property
    def lost(self) -> int:
        """Sessions that could not be judged."""
        return self._conversations.lost

    def note(self, trace: Trace, noted: Noted) -> None:
        """A trace of a conversation has finished."""
        root, now = noted.root_id, time.monotonic()
        self._conversations.note(trace.tenant, noted.conversation_id, trace.raw_trace_id, root, now)

    def resting(self, most: int) -> Iterator[Order]:
        """Those to be judged since no trace came for a while, `most` of them; `done` is told of each."""
        return self._orders(self._conversations.resting(time.monotonic(), most))

    def all_open(self) -> Iterator[Order]:
        """All that wait, as the process ends. One that is being judged comes once that is done."""
        return self._orders(self._conversations.all_open())

    def given(self, order: Order, feedback: Feedback) -> None:
        """Feedback about a session has come."""
        conversation = self._ordered[id(order)]
        conversation.given = {**conversation.given, feedback.name: feedback.evaluation_id}
        conversation.revision = order.revision + 1

    def done(self, order: Order, first_trace_id: bytes | None) -> None:
        """A session has been judged, or given up."""
        conversation = self._ordered.pop(id(order))
        conversation.first_trace_id = first_trace_id or conversation.first_trace_id
        self._conversations.judged(conversation)

    def _orders(self, conversations: Iterable[Conversation]) -> Iterator[Order]:
        for conversation in conversations:
            traces = self._traces(conversation)
            if not traces:
                self._conversations.lose("no trace of it is held any more; a larger index.retain holds them longer")
                self._conversations.judged(conversation)
                continue
            order = Order(
                tuple(traces),
                conversation.missing,
                conversation.first_trace_id,
                conversation.revision,
                dict(conversation.given),
            )
            self._ordered[id(order)] = conversation
            yield order

    def _traces(self, conversation: Conversation) -> Sequence[Trace]:
        found = {trace_id: self._held(trace_id, conversation.tenant) for trace_id in conversation.held}
        conversation.gone |= {trace_id for trace_id, trace in found.items() if trace is None}
        return [trace for trace in found.values() if trace is not None]
