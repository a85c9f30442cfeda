"""A session: the traces of one conversation as one `Trace`, so that all that reads a trace can read a conversation.

Its turns stand in order of time; its ids and its root are those of the last one, which is what a verdict is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import NamedTuple, cast

from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanProto

from .feedback import SpanRef
from .lazy import lazy
from .trace import CompletionReason, Span, SpanBlock, Trace

MAX_SPANS = 100_000
"""Past it, the oldest turns are left out of a session: as many as one trace may have by default."""
MAX_BYTES = 64 * 1024 * 1024
"""Likewise of the wire bytes of its spans."""
MAX_LINKS = 100
"""Other turns that the feedback links to; the conversation's id finds all."""

_SPAN_ID_BYTES = 8


class Turn(NamedTuple):
    """One trace of a session."""

    trace_id: str
    root_id: str
    """Of its root, as the session names it."""
    root: SpanRef
    """The same span as its own trace has it."""
    start_ns: int
    spans: int
    completion: CompletionReason


@dataclass(frozen=True, slots=True)
class Missing:
    """Turns that belong to the conversation and are not in the session, each by its root, in order of time."""

    gone: tuple[SpanRef, ...] = ()
    """No longer held."""
    cut: tuple[SpanRef, ...] = ()
    """The oldest of those that are held: with them the session would be too large."""
    forgotten: int = 0
    """No longer held either, and nothing more is known of them."""

    @property
    def count(self) -> int:
        return len(self.gone) + len(self.cut) + self.forgotten


class Session(Trace):
    """The spans of several traces. It is equal for the same traces in any order.

    Where two traces have a span of the same id, the earlier one's goes by another id here, so that none hides another;
    `ref` says what it is in its own trace.
    """

    def __init__(
        self,
        trace_id: bytes,
        blocks: Iterable[SpanBlock],
        turns: Sequence[Turn],
        *,
        missing: Missing | None = None,
        first_trace_id: bytes | None = None,
        renamed: Mapping[str, str] | None = None,
        tenant: str | None = None,
    ) -> None:
        super().__init__(trace_id, blocks, completion=turns[-1].completion, tenant=tenant)
        self.turns = tuple(turns)
        """Oldest first."""
        self.missing = missing or Missing()
        self.first_trace_id = first_trace_id or bytes.fromhex(turns[0].trace_id)
        """Of the turn that the conversation began with: what chance decides about a session, it decides by this."""
        self._renamed = dict(renamed or {})

    @classmethod
    def of(
        cls,
        traces: Iterable[Trace],
        *,
        missing: Missing | None = None,
        first_trace_id: bytes | None = None,
        max_spans: int = MAX_SPANS,
        max_bytes: int = MAX_BYTES,
    ) -> Session:
        """The session of the traces that are held of a conversation; one that comes twice counts once.

        `missing` are those that are not among the traces; what is too large to be among the turns is added to it.

        Raises `ValueError` where no trace has spans.
        """
        unique = {trace.raw_trace_id: trace for trace in traces if trace.spans}
        if not unique:
            raise ValueError("a session needs a trace that has spans")
        ordered = sorted(unique.values(), key=lambda trace: (trace.root.start_ns, trace.raw_trace_id))
        first = first_that_fits([(trace.span_count, trace.size) for trace in ordered], max_spans, max_bytes)
        kept, lacking = ordered[first:], missing or Missing()
        renamed = _names(kept)
        blocks = [block for trace, names in zip(kept, renamed, strict=True) for block in _blocks(trace, names)]
        return cls(
            kept[-1].raw_trace_id,
            blocks,
            [_turn(trace, names) for trace, names in zip(kept, renamed, strict=True)],
            missing=replace(lacking, cut=(*lacking.cut, *map(_root, ordered[:first]))),
            first_trace_id=first_trace_id or ordered[0].raw_trace_id,
            renamed={new.hex(): old.hex() for names in renamed for old, new in names.items()},
            tenant=kept[-1].tenant,
        )

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, self._parts(self.blocks)

    def __repr__(self) -> str:
        return f"<Session of {len(self.turns)} traces, the last {self.trace_id}, {self.span_count} spans>"

    @lazy
    def main_roots(self) -> tuple[Span, ...]:
        """The root of each turn, oldest first."""
        found = [self.by_id[turn.root_id] for turn in self.turns if turn.root_id in self.by_id]
        return tuple(found) or (super().root,)

    @lazy
    def root(self) -> Span:
        """The root of the last turn."""
        return self.main_roots[-1]

    @property
    def links(self) -> tuple[SpanRef, ...]:
        """Roots of the turns before the last one, those that are not in the session too, oldest first.

        Of very many, the latest.
        """
        return (*self.missing.gone, *self.missing.cut, *(turn.root for turn in self.turns[:-1]))[-MAX_LINKS:]

    def ref(self, span_id: str) -> SpanRef | None:
        """A span of the session as its own trace has it; None for an id that is not here."""
        span = self.by_id.get(span_id)
        return None if span is None else SpanRef(span.proto.trace_id.hex(), self._renamed.get(span_id, span_id))

    @property
    def renamed(self) -> int:
        """Spans that go by another id here."""
        return sum(span.span_id in self._renamed for span in self.spans) if self._renamed else 0

    def remade(self, blocks: Iterable[SpanBlock], arrived: Sequence[Span] | None = None) -> Session:
        return cast("Session", self._with_spans(_restore(*self._parts(tuple(blocks))), arrived))

    def _parts(self, blocks: tuple[SpanBlock, ...]) -> tuple[object, ...]:
        return self.raw_trace_id, blocks, self.turns, self.missing, self.first_trace_id, self._renamed, self.tenant


def _restore(*parts: object) -> Session:
    trace_id, blocks, turns, missing, first_trace_id, renamed, tenant = cast(
        "tuple[bytes, tuple[SpanBlock, ...], tuple[Turn, ...], Missing, bytes, Mapping[str, str], str | None]", parts
    )
    return Session(
        trace_id, blocks, turns, missing=missing, first_trace_id=first_trace_id, renamed=renamed, tenant=tenant
    )


def first_that_fits(sizes: Sequence[tuple[int, int]], max_spans: int, max_bytes: int) -> int:
    """Of traces in order of time, given as spans and bytes, the number of the oldest that has room beside all later
    ones. The last one always has.
    """
    first = len(sizes) - 1
    spans, size = sizes[first]
    while first:
        spans, size = spans + sizes[first - 1][0], size + sizes[first - 1][1]
        if spans > max_spans or size > max_bytes:
            break
        first -= 1
    return first


def _root(trace: Trace) -> SpanRef:
    return SpanRef(trace.trace_id, trace.root.span_id)


def _turn(trace: Trace, names: Mapping[bytes, bytes]) -> Turn:
    own, root = bytes.fromhex(trace.root.span_id), trace.root
    return Turn(
        trace.trace_id, names.get(own, own).hex(), _root(trace), root.start_ns, len(trace.spans), trace.completion
    )


def _names(traces: Sequence[Trace]) -> list[dict[bytes, bytes]]:
    """For each trace, new ids of the spans that a later trace would mistake for its own. The last one keeps all."""
    spans, mentioned = set[bytes](), set[bytes]()  # of the later traces
    found = list[dict[bytes, bytes]]()
    for trace in reversed(traces):
        own = {span.proto.span_id for span in trace.spans}
        parents = {span.proto.parent_span_id for span in trace.spans} - {b""}
        used = own | parents | mentioned
        names = dict[bytes, bytes]()
        for old in sorted((own & mentioned) | (parents & spans)):
            names[old] = _new_id(trace.raw_trace_id + old, used)
            used.add(names[old])
        spans |= {names.get(each, each) for each in own}
        mentioned |= {names.get(each, each) for each in own | parents}
        found.append(names)
    return found[::-1]


def _new_id(seed: bytes, used: set[bytes]) -> bytes:
    while (made := blake2b(seed, digest_size=_SPAN_ID_BYTES).digest()) in used or not any(made):
        seed += b"+"
    return made


def _blocks(trace: Trace, names: Mapping[bytes, bytes]) -> Iterator[SpanBlock]:
    if not names:
        yield from trace.blocks
        return
    for origin, encoded in trace.blocks:
        spans = list[bytes]()
        for data in encoded:
            span = SpanProto.FromString(data)
            if span.span_id in names or span.parent_span_id in names:
                span.span_id = names.get(span.span_id, span.span_id)
                span.parent_span_id = names.get(span.parent_span_id, span.parent_span_id)
                data = span.SerializeToString(deterministic=True)  # noqa: PLW2901
            spans.append(data)
        yield SpanBlock(origin, spans)
