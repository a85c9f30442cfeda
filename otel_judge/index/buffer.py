"""One trace whose spans still come."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import inf
from struct import unpack

from ..config import Completion
from ..fragment import Fragment
from ..log_events import SpanEvent, joined
from ..trace import CompletionReason, Origin, SpanBlock
from .services import service_name

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8
_SPAN_ID = f"{SPAN_ID_BYTES}s"  # as `struct` writes it
SMALL_TRACE_SPANS = 64
"""Up to here span ids are kept joined, at 8 bytes each; in a set each would cost over 100."""

_MERGED_BLOCKS = 8
"""So many of a trace's last blocks are looked through for one of the same origin."""

_SEVERAL = -1


def trace_key(trace_id: bytes, tenant: str | None) -> bytes:
    """The trace id, followed by NUL and the tenant if there is one.

    One bytes object: a tuple in its place would cost 56 bytes more for each trace, open, retained or decided.
    """
    return trace_id if tenant is None else trace_id + b"\0" + tenant.encode()


class OpenTrace:
    """The spans of one unfinished trace, each span id once, and what decides when it is finished.

    Times are monotonic seconds. Span ids are 8 bytes, as intake has made sure.
    """

    __slots__ = (
        "armed_for",
        "blocks",
        "blocks_of_one_service",
        "events",
        "first_at",
        "ids",
        "key",
        "last_at",
        "remote_root_at",
        "root_at",
        "size",
        "span_count",
    )

    def __init__(self, key: bytes, fragment: Fragment, now: float) -> None:
        """Opens a trace with its first fragment, and takes over its lists; an empty one where a log came first."""
        ids = fragment.span_ids
        if len(set(ids)) != len(ids):
            ids = _drop_duplicates(fragment, known=())
        self.key = key
        self.span_count = len(ids)
        self.ids: bytes | set[bytes] = b"".join(ids) if len(ids) <= SMALL_TRACE_SPANS else set(ids)
        """Joined while the trace is small; a set after."""
        self.blocks = fragment.blocks
        self.size = fragment.size
        """Wire bytes of the spans, and of the events that wait for theirs."""
        self.events: dict[SpanEvent, None] | None = None
        """What logs say of the spans, each once; they are joined by `take`."""
        self.first_at = self.last_at = now
        """When the first span or event came, and the last that was not a duplicate."""
        self.root_at = now if fragment.ended_root else None
        self.remote_root_at = now if fragment.remote_root else None
        """When a root with a remote parent came; counts as long as all spans are of one service."""
        self.blocks_of_one_service = 0
        """So many of `blocks` are known to share a service; `_SEVERAL` once they do not."""
        self.armed_for = inf
        """The time of its timer, which may be earlier than its deadline."""

    @property
    def trace_id(self) -> bytes:
        return self.key[:TRACE_ID_BYTES]

    @property
    def tenant(self) -> str | None:
        return self.key[TRACE_ID_BYTES + 1 :].decode() if len(self.key) > TRACE_ID_BYTES else None

    def add(self, fragment: Fragment, now: float) -> int:
        """Takes over the spans of a fragment, and returns how many were new; a span id that came before is dropped."""
        ids = fragment.span_ids
        unique = set(ids)
        known = self.ids
        if len(unique) != len(ids) or not unique.isdisjoint(_split(known)):
            ids = _drop_duplicates(fragment, known=_split(known))
            if not ids:
                return 0
            unique = set(ids)
        self.span_count += len(ids)
        if not isinstance(known, bytes):
            known |= unique
        elif self.span_count <= SMALL_TRACE_SPANS:
            self.ids = known + b"".join(ids)
        else:
            unique.update(_split(known))
            self.ids = unique
        self._merge(fragment.blocks)
        self.size += fragment.size
        self.last_at = now
        if fragment.ended_root and self.root_at is None:
            self.root_at = now
        if fragment.remote_root and self.remote_root_at is None:
            self.remote_root_at = now
        return len(ids)

    def add_events(self, events: Iterable[SpanEvent], now: float) -> int:
        """Keeps what logs say of spans that are here or still come, and returns how much of it was new."""
        known = self.events = {} if self.events is None else self.events
        before = len(known)
        for event in events:
            if event not in known:
                known[event] = None
                self.size += len(event)
        if len(known) > before:
            self.last_at = now
        return len(known) - before

    def deadline(self, rules: Completion) -> tuple[float, CompletionReason]:
        """When the trace is finished if nothing more comes, and why; of equal times the root's."""
        due, reason = self.last_at + rules.idle, CompletionReason.IDLE
        oldest = self.first_at + rules.max_age
        if oldest < due:
            due, reason = oldest, CompletionReason.MAX_AGE
        root_at, remote_root_at = self.root_at, self.remote_root_at
        if remote_root_at is not None and (root_at is None or remote_root_at < root_at) and self._is_of_one_service():
            root_at = remote_root_at
        if root_at is not None and root_at + rules.root_grace <= due:
            return root_at + rules.root_grace, CompletionReason.ROOT
        return due, reason

    def take(self) -> tuple[tuple[SpanBlock, ...], int]:
        """The spans as a finished trace holds them, and the number of events that found no span.

        Empties this object, which a timer may still hold for a while.
        """
        blocks, unjoined = tuple(SpanBlock(origin, tuple(spans)) for origin, spans in self.blocks), 0
        if self.events:
            amended, unjoined = joined(blocks, self.events)
            blocks = tuple(amended)
        self.blocks = []
        self.events = None
        self.ids = b""
        self.armed_for = inf
        return blocks, unjoined

    def _merge(self, blocks: list[tuple[Origin, list[bytes]]]) -> None:
        # Small requests would otherwise leave a list and a tuple for each span.
        for block in blocks:
            for origin, spans in self.blocks[-_MERGED_BLOCKS:]:
                if origin == block[0]:
                    spans.extend(block[1])
                    break
            else:
                self.blocks.append(block)

    def _is_of_one_service(self) -> bool:
        checked = self.blocks_of_one_service
        if checked == _SEVERAL:
            return False
        if checked < len(self.blocks):
            service = service_name(self.blocks[0][0])
            if any(service_name(origin) != service for origin, _ in self.blocks[checked:]):
                self.blocks_of_one_service = _SEVERAL
                return False
            self.blocks_of_one_service = len(self.blocks)
        return True


def _drop_duplicates(fragment: Fragment, *, known: Collection[bytes]) -> list[bytes]:
    """Leaves in the fragment the first span of each id that is not known, and returns these ids."""
    if not isinstance(known, set):
        known = set(known)
    new: dict[bytes, None] = {}
    blocks: list[tuple[Origin, list[bytes]]] = []
    ids = iter(fragment.span_ids)
    for origin, spans in fragment.blocks:
        kept: list[bytes] = []
        # The spans come first: at their end `zip` must not have taken an id of the next block.
        for span, span_id in zip(spans, ids, strict=False):
            if span_id in known or span_id in new:
                fragment.size -= len(span)
            else:
                new[span_id] = None
                kept.append(span)
        if kept:
            blocks.append((origin, kept))
    fragment.blocks = blocks
    return list(new)


def _split(ids: bytes | set[bytes]) -> Collection[bytes]:
    # One call of `unpack` is ten times as fast as slicing or searching.
    return unpack(_SPAN_ID * (len(ids) // SPAN_ID_BYTES), ids) if isinstance(ids, bytes) else ids
