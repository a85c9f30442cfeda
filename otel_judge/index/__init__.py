"""The index: spans and what logs say of them in, finished traces out; finished ones stay readable for a while.

Pure logic for one thread: it does no I/O, and the clock is an argument, in monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from math import inf
from operator import attrgetter
from typing import NamedTuple

from ..config import IndexConfig
from ..errors import Overloaded
from ..fragment import Fragment
from ..label import Label
from ..log_events import SpanEvent
from ..trace import CompletionReason, Trace
from .buffer import TRACE_ID_BYTES, OpenTrace, trace_key
from .decided import Decided
from .labels import Labels
from .retained import Retained
from .timers import Timers

__all__ = ["Added", "AddedEvents", "Index"]

_SHORTEST_RETRY = 1.0  # seconds; both as clients of OTLP expect to be told
_LONGEST_RETRY = 5.0
_OLDEST = 1_000
"""So many traces are finished early at a time."""
_STALE_TIMERS = 1024
"""So many stale timers are let be before they are cleared out."""

_size = attrgetter("size")


class Added(NamedTuple):
    """What became of the spans of a request."""

    spans: int
    """Kept."""
    duplicates: int
    """Dropped: the trace has a span of that id."""
    late: int
    """Dropped: their trace was finished before they came."""


class AddedEvents(NamedTuple):
    """What became of the events that logs brought in a request."""

    events: int
    """Kept."""
    duplicates: int
    """Dropped: the trace has the very same one."""
    late: int
    """Dropped: their trace was finished before they came."""


class Index:
    """Gathers spans into traces, each by tenant and trace id, and says when one is finished and why.

    A trace is finished by the first of these rules; the times are those of `index.completion` in the configuration:

    - `root`: `root_grace` has passed since its completion root came. That is a span without parent that has ended,
      or one whose parent is in another process, as long as all spans of the trace are of one service. The grace
      counts from the arrival of the root, not from its end time: clocks of other machines decide nothing here.
    - `idle`: that long no span came that was new, nor an event from logs.
    - `max_age`: that long ago its first span or event came.
    - `max_spans`, `max_trace_mib`: reached. It takes no more spans, and the next `poll` returns it.

    What logs say of a span may come before it or after it. It shows that the trace is alive, as a span does, and
    counts towards its size; it neither starts nor prolongs the grace of a root. An event whose span has not come when
    its trace is finished is dropped; so is all that logs said of a trace without any span, and that is no trace: spans
    that come for it later open one.

    What comes after that is late: counted and dropped. Late spans are known as such while the trace is retained,
    and as long as it is among the last `DECIDED_TRACES` (`otel_judge.index.decided`).
    """

    def __init__(self, config: IndexConfig) -> None:
        self._rules = config.completion
        self._max_trace_spans = config.completion.max_spans
        self._max_trace_bytes = int(config.completion.max_trace_mib * 2**20)
        self._max_mib = config.max_mib
        self._max_bytes = int(config.max_mib * 2**20)
        self._open: dict[bytes, OpenTrace] = {}
        self._full: list[tuple[OpenTrace, CompletionReason]] = []
        """Finished by number or size, and not yet handed out."""
        self._timers = Timers()
        self._decided = Decided()
        self._retained = Retained(config.retain)
        self._labels = Labels()
        self._spans = 0
        self._bytes = 0
        self._unjoined = 0

    @property
    def open_traces(self) -> int:
        """Traces that still take spans, those of which only logs have told included."""
        return len(self._open)

    @property
    def buffered_spans(self) -> int:
        """Spans that no `poll` has returned yet."""
        return self._spans

    @property
    def buffered_bytes(self) -> int:
        """Wire bytes of the spans that no `poll` has returned yet, and of the events that wait for them."""
        return self._bytes

    @property
    def retained_traces(self) -> int:
        return len(self._retained.traces)

    @property
    def retained_bytes(self) -> int:
        """Wire bytes of the retained traces."""
        return self._retained.bytes

    def add(self, fragments: Mapping[bytes, Fragment], *, tenant: str | None = None, now: float) -> Added:
        """Takes over the fragments of one request, by trace id (16 bytes): all of them or none.

        Raises `Overloaded` when they would not fit within `max_mib`, before anything is kept. A request that alone
        is larger is taken when nothing is buffered, since sending it again could not make it smaller.
        """
        self._admit(sum(map(_size, fragments.values())), now)
        spans = duplicates = late = size = 0
        suffix = trace_key(b"", tenant)
        # A timer may be too early, never too late: these two spare the deadline of each trace.
        due = now + min(self._rules.idle, self._rules.max_age)
        root_due = min(now + self._rules.root_grace, due)
        for trace_id, fragment in fragments.items():
            key = trace_id + suffix
            count = len(fragment.span_ids)
            if not count:
                continue
            has_root = fragment.ended_root or fragment.remote_root
            trace = self._open.get(key)
            if trace is not None:
                kept = trace.add(fragment, now)
                if not kept:
                    duplicates += count
                    continue
                if has_root:
                    self._timers.arm(trace, root_due)
            elif key in self._decided.keys or key in self._retained.traces:
                late += count
                continue
            else:
                trace = self._open[key] = OpenTrace(key, fragment, now)
                kept = trace.span_count
                self._timers.arm(trace, root_due if has_root else due)
            spans += kept
            duplicates += count - kept
            size += fragment.size
            if trace.span_count >= self._max_trace_spans:
                self._fill(trace, CompletionReason.MAX_SPANS)
            elif trace.size >= self._max_trace_bytes:
                self._fill(trace, CompletionReason.MAX_TRACE_MIB)
        self._spans += spans
        self._bytes += size
        return Added(spans, duplicates, late)

    def add_events(
        self, events: Mapping[bytes, Collection[SpanEvent]], *, tenant: str | None = None, now: float
    ) -> AddedEvents:
        """Keeps what logs said of spans, by trace id (16 bytes): all of it or none. Raises `Overloaded` as `add`."""
        self._admit(sum(sum(map(len, each)) for each in events.values()), now)
        kept = duplicates = late = 0
        suffix = trace_key(b"", tenant)
        due = now + min(self._rules.idle, self._rules.max_age)
        for trace_id, said in events.items():
            key = trace_id + suffix
            trace = self._open.get(key)
            if trace is None:
                if key in self._decided.keys or key in self._retained.traces:
                    late += len(said)
                    continue
                trace = self._open[key] = OpenTrace(key, Fragment(), now)
                self._timers.arm(trace, due)
            before = trace.size
            new = trace.add_events(said, now)
            self._bytes += trace.size - before
            kept += new
            duplicates += len(said) - new
            if trace.size >= self._max_trace_bytes:
                self._fill(trace, CompletionReason.MAX_TRACE_MIB)
        return AddedEvents(kept, duplicates, late)

    def take_unjoined(self) -> int:
        """The number of events, since the last call, whose span had not come when their trace was finished."""
        unjoined, self._unjoined = self._unjoined, 0
        return unjoined

    def poll(self, now: float) -> list[Trace]:
        """The traces that have been finished since the last call, each once; they are retained from here on."""
        finished = [self._finish(trace, reason, now) for trace, reason in self._full]
        self._full.clear()
        for trace in self._timers.pop(now):
            due, reason = trace.deadline(self._rules)
            if due > now:
                self._timers.arm(trace, due)
            else:
                del self._open[trace.key]
                if trace.span_count:
                    finished.append(self._finish(trace, reason, now))
                else:
                    self._forget(trace)
        if len(self._timers) > 2 * len(self._open) + _STALE_TIMERS:
            self._rearm()
        self._retained.expire(now)
        return finished

    def next_due(self, now: float) -> float | None:
        """Seconds until a `poll` may have something to do; 0 when it has now, `None` when nothing is waiting."""
        if self._full:
            return 0.0
        times = [at for at in (self._timers.next_at, self._retained.next_at) if at is not None]
        return max(0.0, min(times) - now) if times else None

    def finish_all(self, now: float, reason: CompletionReason = CompletionReason.SHUTDOWN) -> list[Trace]:
        """Finishes every trace: those that are due for their own reason, the others for `reason`."""
        finished = self.poll(now)
        finished += [self._finish(trace, reason, now) for trace in self._open.values() if trace.span_count]
        for trace in self._open.values():
            if not trace.span_count:
                self._forget(trace)
        self._open.clear()
        self._timers.clear()
        self._retained.expire(now)
        return finished

    def drop_retained(self, size: int) -> int:
        """Drops the retained traces that were finished first, `size` wire bytes or a little more; returns how many."""
        return self._retained.drop(size)

    def finish_oldest(self, size: int, now: float) -> list[Trace]:
        """Finishes the traces that were opened first, `size` wire bytes of them or a little more."""
        finished = list[Trace]()
        for key in [*islice(self._open, _OLDEST)]:
            if size <= 0:
                break
            trace = self._open.pop(key)
            size -= trace.size
            if trace.span_count:
                finished.append(self._finish(trace, CompletionReason.MEMORY_PRESSURE, now))
            else:
                self._forget(trace)
        self._retained.expire(now)
        return finished

    def get(self, trace_id: bytes, tenant: str | None = None) -> Trace | None:
        """A finished trace that is still retained. Each call makes a new one, so what it decodes is the caller's."""
        retained = self._retained.traces.get(trace_key(trace_id, tenant))
        if retained is None:
            return None
        return Trace(trace_id, retained.blocks, completion=retained.completion, tenant=tenant)

    def retained_ids(self, limit: int, tenant: str | None = None) -> list[bytes]:
        """Ids of a tenant's traces that were finished last, the newest first, `limit` at most."""
        suffix = trace_key(b"", tenant)
        ids = (key[:TRACE_ID_BYTES] for key in reversed(self._retained.traces) if key[TRACE_ID_BYTES:] == suffix)
        return list(islice(ids, limit))

    def label(self, labels: Iterable[Label], tenant: str | None = None) -> int:
        """Keeps what people said of traces that are open or retained, and returns how much of it that was."""
        kept = 0
        for label in labels:
            key = trace_key(bytes.fromhex(label.trace_id), tenant)
            if self._is_here(key):
                self._labels.add(key, label)
                kept += 1
        return kept

    def labels(self, tenant: str | None = None) -> list[Label]:
        """What people said of a tenant's retained traces; what was said of those that are gone is forgotten."""
        self._labels.drop([key for key, _ in self._labels if not self._is_here(key)])
        suffix = trace_key(b"", tenant)
        return [
            label
            for key, labels in self._labels
            if key[TRACE_ID_BYTES:] == suffix and key in self._retained.traces
            for label in labels
        ]

    def is_open(self, trace_id: bytes, tenant: str | None = None) -> bool:
        """Whether the trace has spans and still takes more."""
        trace = self._open.get(trace_key(trace_id, tenant))
        return trace is not None and trace.span_count > 0

    def _is_here(self, key: bytes) -> bool:
        return key in self._open or key in self._retained.traces or any(trace.key == key for trace, _ in self._full)

    def _admit(self, size: int, now: float) -> None:
        if self._bytes + size <= self._max_bytes or not self._bytes:
            return
        # Room comes when a trace is finished, and every trace has a timer.
        next_at = self._timers.next_at
        wait = 0.0 if self._full or next_at is None else next_at - now
        raise Overloaded(
            f"{self._bytes / 2**20:.1f} MiB of unfinished traces are buffered and {size / 2**20:.1f} MiB more would "
            f"pass the {self._max_mib:g} MiB of index.max_mib; send again later",
            retry_after_s=min(max(wait, _SHORTEST_RETRY), _LONGEST_RETRY),
        )

    def _fill(self, trace: OpenTrace, reason: CompletionReason) -> None:
        del self._open[trace.key]
        trace.armed_for = -inf
        if not trace.span_count:
            self._forget(trace)
            return
        self._decided.add(trace.key)
        self._full.append((trace, reason))

    def _finish(self, trace: OpenTrace, reason: CompletionReason, now: float) -> Trace:
        self._spans -= trace.span_count
        self._bytes -= trace.size
        blocks, unjoined = trace.take()
        self._unjoined += unjoined
        self._decided.add(trace.key)
        finished = Trace(trace.trace_id, blocks, completion=reason, tenant=trace.tenant)
        self._retained.add(trace.key, blocks, reason, size=finished.size, now=now)
        return finished

    def _forget(self, trace: OpenTrace) -> None:
        """Of a trace of which only logs have told; it is no longer open."""
        self._bytes -= trace.size
        _, unjoined = trace.take()
        self._unjoined += unjoined

    def _rearm(self) -> None:
        self._timers.clear()
        for trace in self._open.values():
            trace.armed_for = inf
            due, _ = trace.deadline(self._rules)
            self._timers.arm(trace, due)
