"""The index against a simple model of it, in any order of requests, duplicates, late spans and clock steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from index_fragments import MIB, config, origin, span_id

from otel_judge.errors import Overloaded
from otel_judge.fragment import Fragment
from otel_judge.index import Added, Index
from otel_judge.trace import CompletionReason, Trace

Key: TypeAlias = tuple[str | None, bytes]

ROOT_GRACE, IDLE, MAX_AGE = 6, 20, 50  # seconds
MAX_SPANS = 8
MAX_TRACE_BYTES = 600
MAX_BYTES = 2500
RETAIN_AGE, RETAIN_BYTES = 50, 1000

CONFIG = config(
    root_grace=ROOT_GRACE,
    idle=IDLE,
    max_age=MAX_AGE,
    max_spans=MAX_SPANS,
    max_trace_mib=MAX_TRACE_BYTES / MIB,
    max_mib=MAX_BYTES / MIB,
    retain_age=RETAIN_AGE,
    retain_mib=RETAIN_BYTES / MIB,
)


@dataclass
class Block:
    service: str
    spans: list[tuple[int, int]]
    """Number and size of each span."""


@dataclass
class Piece:
    """What a fragment is drawn as."""

    blocks: list[Block]
    root: bool
    remote: bool

    @property
    def sizes(self) -> list[int]:
        return [size for block in self.blocks for _, size in block.spans]

    def build(self, request: int) -> Fragment:
        made = Fragment()
        for number, block in enumerate(self.blocks):
            encoded = [data(request, number, span, size) for span, size in block.spans]
            made.blocks.append((origin(block.service), encoded))
            made.span_ids += [span_id(span) for span, _ in block.spans]
        made.size = sum(self.sizes)
        made.ended_root, made.remote_root = self.root, self.remote
        return made


def data(request: int, block: int, span: int, size: int) -> bytes:
    """Bytes that say where they came from, so that of two with one id it is seen which was kept."""
    return b"%d/%d/%d " % (request, block, span) + b"." * (size - len(b"%d/%d/%d " % (request, block, span)))


@dataclass
class ModelTrace:
    first_at: float
    last_at: float
    spans: dict[int, bytes] = field(default_factory=dict[int, bytes])
    roots: list[float] = field(default_factory=list[float])
    remote_roots: list[float] = field(default_factory=list[float])
    services: set[str] = field(default_factory=set[str])
    full: CompletionReason | None = None

    @property
    def size(self) -> int:
        return sum(map(len, self.spans.values()))

    def rules(self) -> dict[CompletionReason, float]:
        times = {CompletionReason.IDLE: self.last_at + IDLE, CompletionReason.MAX_AGE: self.first_at + MAX_AGE}
        roots = self.roots + (self.remote_roots if len(self.services) == 1 else [])
        if roots:
            times[CompletionReason.ROOT] = min(roots) + ROOT_GRACE
        return times

    def is_due(self, now: float) -> bool:
        return self.full is not None or min(self.rules().values()) <= now


rarely = st.sampled_from([False, False, False, True])
pieces = st.builds(
    Piece,
    blocks=st.lists(
        st.builds(
            Block,
            service=st.sampled_from(["shop", "shop", "payment"]),
            spans=st.lists(st.tuples(st.integers(1, 12), st.sampled_from([20, 50, 150])), min_size=1, max_size=4),
        ),
        max_size=3,
    ),
    root=rarely,
    remote=rarely,
)
trace_ids = st.integers(1, 20).map(lambda number: number.to_bytes(16, "big"))
tenants = st.sampled_from([None, "a"])


class IndexMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.index = Index(CONFIG)
        self.now = 0.0
        self.requests = 0
        self.buffered: dict[Key, ModelTrace] = {}
        self.finished: dict[Key, Trace] = {}
        self.retained: list[tuple[Key, float]] = []

    @rule(seconds=st.sampled_from([0, 0.5, 1, 5, 6, 15, 20, 60]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(request=st.dictionaries(trace_ids, pieces, min_size=1, max_size=4), tenant=tenants)
    def request_comes(self, request: dict[bytes, Piece], tenant: str | None) -> None:
        self.requests += 1
        fragments = {trace_id: piece.build(self.requests) for trace_id, piece in request.items()}
        buffered = sum(trace.size for trace in self.buffered.values())
        fits = buffered + sum(fragment.size for fragment in fragments.values()) <= MAX_BYTES
        if fits or not buffered:
            added = self.index.add(fragments, tenant=tenant, now=self.now)
            assert added == self.expect(request, tenant)
        else:
            with pytest.raises(Overloaded) as refusal:
                self.index.add(fragments, tenant=tenant, now=self.now)
            assert 1 <= refusal.value.retry_after_s <= 5

    def expect(self, request: dict[bytes, Piece], tenant: str | None) -> Added:
        spans = duplicates = late = 0
        for trace_id, piece in request.items():
            key = (tenant, trace_id)
            trace = self.buffered.get(key)
            count = len(piece.sizes)
            if key in self.finished or (trace is not None and trace.full):
                late += count
                continue
            if not count:
                continue
            if trace is None:
                trace = self.buffered[key] = ModelTrace(self.now, self.now)
            kept = 0
            for number, block in enumerate(piece.blocks):
                for span, size in block.spans:
                    if span not in trace.spans:
                        trace.spans[span] = data(self.requests, number, span, size)
                        trace.services.add(block.service)
                        kept += 1
            spans += kept
            duplicates += count - kept
            if kept:
                trace.last_at = self.now
                trace.roots += [self.now] * piece.root
                trace.remote_roots += [self.now] * piece.remote
                if len(trace.spans) >= MAX_SPANS:
                    trace.full = CompletionReason.MAX_SPANS
                elif trace.size >= MAX_TRACE_BYTES:
                    trace.full = CompletionReason.MAX_TRACE_MIB
        return Added(spans, duplicates, late)

    @rule()
    def poll(self) -> None:
        due = {key for key, trace in self.buffered.items() if trace.is_due(self.now)}
        finished = self.index.poll(self.now)
        self.check(finished, due)

    @rule(size=st.sampled_from([1, 100, 400, 5000]))
    def memory_is_short(self, size: int) -> None:
        oldest, left = set[Key](), size
        for key, trace in self.buffered.items():
            if left > 0 and not trace.full:
                oldest.add(key)
                left -= trace.size
        finished = self.index.finish_oldest(size, self.now)
        assert {trace.completion for trace in finished} <= {CompletionReason.MEMORY_PRESSURE}
        self.check(finished, oldest)

    @rule(size=st.sampled_from([1, 100, 400]))
    def memory_is_shorter(self, size: int) -> None:
        sizes = [self.finished[key].size for key, _ in self.retained]
        dropped = 0
        while sizes[dropped:] and sum(sizes[:dropped]) < size:
            dropped += 1
        assert self.index.drop_retained(size) == sum(sizes[:dropped])
        del self.retained[:dropped]

    def check(self, finished: list[Trace], expected: set[Key], otherwise: CompletionReason | None = None) -> None:
        assert len(finished) == len(expected)
        assert {(trace.tenant, trace.raw_trace_id) for trace in finished} == expected
        for trace in finished:
            key = (trace.tenant, trace.raw_trace_id)
            assert key not in self.finished
            model = self.buffered.pop(key)
            spans = [span for block in trace.blocks for span in block.spans]
            assert sorted(spans) == sorted(model.spans.values())
            assert {block.origin for block in trace.blocks} == {origin(service) for service in model.services}
            times = model.rules()
            if trace.completion is CompletionReason.MEMORY_PRESSURE:
                assert not model.full
            elif model.full:
                assert trace.completion is model.full
            elif min(times.values()) > self.now:
                assert trace.completion is otherwise
            else:
                assert times[trace.completion] == min(times.values())
            self.finished[key] = trace
            if trace.size <= RETAIN_BYTES:
                self.retained.append((key, self.now + RETAIN_AGE))
                while sum(self.finished[key].size for key, _ in self.retained) > RETAIN_BYTES:
                    del self.retained[0]
        self.retained = [(key, until) for key, until in self.retained if until > self.now]

    @invariant()
    def gauges_are_the_truth(self) -> None:
        assert self.index.open_traces == sum(not trace.full for trace in self.buffered.values())
        assert self.index.buffered_spans == sum(len(trace.spans) for trace in self.buffered.values())
        assert self.index.buffered_bytes == sum(trace.size for trace in self.buffered.values())
        assert self.index.retained_traces == len(self.retained)
        assert self.index.retained_bytes == sum(self.finished[key].size for key, _ in self.retained)

    @invariant()
    def finished_traces_can_be_read_while_retained(self) -> None:
        retained = {key for key, _ in self.retained}
        for tenant, trace_id in self.finished:
            trace = self.index.get(trace_id, tenant)
            assert (trace is not None) == ((tenant, trace_id) in retained)
            if trace is not None:
                finished = self.finished[tenant, trace_id]
                assert (trace.blocks, trace.completion) == (finished.blocks, finished.completion)

    @invariant()
    def next_due_is_never_too_late(self) -> None:
        wait = self.index.next_due(self.now)
        times = [0.0 if trace.full else min(trace.rules().values()) for trace in self.buffered.values()]
        times += [until for _, until in self.retained]
        if times:
            assert wait is not None
            assert wait <= max(0, min(times) - self.now)

    def teardown(self) -> None:
        # What is not due is finished by the end of the process.
        self.check(self.index.finish_all(self.now), set(self.buffered), otherwise=CompletionReason.SHUTDOWN)
        assert (self.index.open_traces, self.index.buffered_spans, self.index.buffered_bytes) == (0, 0, 0)


TestIndexMachine = IndexMachine.TestCase
TestIndexMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
