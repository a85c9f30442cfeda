"""Traces and spans: immutable, kept as the protobuf bytes that came in, decoded only when asked.

Three stages of the same spans:

- `Fragment` (`otel_judge.fragment`): the spans of one trace that came in one request, as intake made it.
- `SpanBlock`: spans that share a resource and a scope (`Origin`, interned), as the index keeps them.
- `Trace`: a finished trace. It pickles as its bytes, so it crosses to another process without being parsed.

Times are Unix nanoseconds, ids are lower-case hex once decoded and raw bytes before.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from threading import RLock
from typing import Literal, NamedTuple, TypeAlias, TypeVar, cast

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, TracesData
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanProto

from .attributes import Attributes, decode_attributes
from .lazy import lazy

T = TypeVar("T")
StatusCode: TypeAlias = Literal["UNSET", "OK", "ERROR"]
SpanKind: TypeAlias = Literal["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
_STATUS_CODES: tuple[StatusCode, ...] = ("UNSET", "OK", "ERROR")
_KINDS: tuple[SpanKind, ...] = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")

PARENT_IS_REMOTE = 0x300
"""Both bits of Span.flags that say: it is known whether the parent is remote, and it is (opentelemetry-proto)."""


class CompletionReason(StrEnum):
    """Why a trace counts as finished."""

    ROOT = "root"  # its root has ended and the grace has passed
    IDLE = "idle"  # no span came for a while
    MAX_AGE = "max_age"  # its first span came too long ago
    MAX_SPANS = "max_spans"
    MAX_TRACE_MIB = "max_trace_mib"
    MEMORY_PRESSURE = "memory_pressure"
    SHUTDOWN = "shutdown"  # the process ends
    STORED = "stored"  # it was read from storage, whole


class Origin(NamedTuple):
    """Where spans come from: the resource and the instrumentation scope, as OTLP message bytes."""

    resource: bytes
    resource_schema_url: str
    scope: bytes
    scope_schema_url: str


class SpanBlock(NamedTuple):
    """Spans of one origin, each as the bytes of an OTLP `Span` message."""

    origin: Origin
    spans: Sequence[bytes]


class Event(NamedTuple):
    """A span event."""

    name: str
    time_ns: int
    attributes: Attributes


class Link(NamedTuple):
    """A span link."""

    trace_id: str
    span_id: str
    attributes: Attributes


class Span:
    """One span. Attributes, events and links are decoded at first use. There are many of them: no dict each."""

    __slots__ = (
        "_attributes",
        "_events",
        "_links",
        "content",
        "end_ns",
        "name",
        "origin",
        "parent_span_id",
        "proto",
        "span_id",
        "start_ns",
        "status_code",
    )

    def __init__(self, proto: SpanProto, origin: OriginView) -> None:
        self.proto = proto
        self.origin = origin
        self.span_id: str = proto.span_id.hex()
        self.parent_span_id: str = proto.parent_span_id.hex()
        """Empty for a span without parent."""
        self.name: str = proto.name
        self.start_ns: int = proto.start_time_unix_nano
        self.end_ns: int = proto.end_time_unix_nano
        number = proto.status.code
        self.status_code: StatusCode = _STATUS_CODES[number] if 0 <= number < len(_STATUS_CODES) else "UNSET"
        self.content: object = None
        """What the span says in its dialect, once `otel_judge.dialects` has read it."""
        self._attributes: Attributes | None = None
        self._events: tuple[Event, ...] | None = None
        self._links: tuple[Link, ...] | None = None

    def __repr__(self) -> str:
        return f"<Span {self.span_id} {self.name!r}>"

    @property
    def duration_ns(self) -> int:
        """Never negative: an end before the start, or none, counts as no duration."""
        return max(0, self.end_ns - self.start_ns)

    @property
    def kind(self) -> SpanKind:
        number = self.proto.kind
        return _KINDS[number] if 0 <= number < len(_KINDS) else "UNSPECIFIED"

    @property
    def status_message(self) -> str:
        return self.proto.status.message

    @property
    def has_remote_parent(self) -> bool:
        return self.proto.flags & PARENT_IS_REMOTE == PARENT_IS_REMOTE

    @property
    def service(self) -> str | None:
        return self.origin.service

    @property
    def resource(self) -> Attributes:
        return self.origin.resource

    @property
    def scope_name(self) -> str:
        return self.origin.scope_name

    @property
    def attributes(self) -> Attributes:
        if self._attributes is None:
            self._attributes = decode_attributes(self.proto.attributes)
        return self._attributes

    @property
    def events(self) -> tuple[Event, ...]:
        if self._events is None:
            given = self.proto.events
            self._events = tuple(map(_event, given)) if given else ()
        return self._events

    @property
    def links(self) -> tuple[Link, ...]:
        if self._links is None:
            given = self.proto.links
            self._links = tuple(map(_link, given)) if given else ()
        return self._links


def _event(proto: SpanProto.Event) -> Event:
    return Event(proto.name, proto.time_unix_nano, decode_attributes(proto.attributes))


def _link(proto: SpanProto.Link) -> Link:
    return Link(proto.trace_id.hex(), proto.span_id.hex(), decode_attributes(proto.attributes))


class OriginView:
    """An `Origin`, decoded once for all spans that share it."""

    def __init__(self, origin: Origin) -> None:
        self.raw = origin
        self.lock = RLock()

    @lazy
    def resource(self) -> Attributes:
        return decode_attributes(Resource.FromString(self.raw.resource).attributes)

    @lazy
    def service(self) -> str | None:
        name = self.resource.get("service.name")
        return name if isinstance(name, str) and name else None

    @lazy
    def _scope(self) -> InstrumentationScope:
        return InstrumentationScope.FromString(self.raw.scope)

    @property
    def scope_name(self) -> str:
        return self._scope.name


class Trace:
    """A finished trace.

    Spans are in order of start time; those of equal start keep the order in which they came. A span id that
    appears twice in `blocks` is kept once, the first.
    """

    def __init__(
        self,
        trace_id: bytes,
        blocks: Iterable[SpanBlock],
        *,
        completion: CompletionReason = CompletionReason.STORED,
        tenant: str | None = None,
    ) -> None:
        self.raw_trace_id = trace_id
        self.blocks: tuple[SpanBlock, ...] = tuple(blocks)
        self.completion = completion
        self.tenant = tenant
        self.lock = RLock()
        """Held while something is worked out once."""
        self._known: dict[object, object] = {}

    def __reduce__(self) -> tuple[object, ...]:
        # Decoded messages stay behind: what crosses to another process is bytes.
        return _restore, (self.raw_trace_id, self.blocks, self.completion, self.tenant)

    def __repr__(self) -> str:
        return f"<Trace {self.trace_id}, {self.span_count} spans, finished by {self.completion}>"

    def __len__(self) -> int:
        return len(self.spans)

    @property
    def trace_id(self) -> str:
        """32 hex digits."""
        return self.raw_trace_id.hex()

    @property
    def span_count(self) -> int:
        """Number of spans, without decoding them."""
        return sum(len(block.spans) for block in self.blocks)

    @lazy
    def size(self) -> int:
        """Wire bytes of the spans."""
        return sum(len(data) for block in self.blocks for data in block.spans)

    @lazy
    def arrived(self) -> tuple[Span, ...]:
        """Spans in the order in which they came."""
        views: dict[Origin, OriginView] = {}
        unique: dict[str, Span] = {}
        for origin, encoded in self.blocks:
            view = views.get(origin) or views.setdefault(origin, OriginView(origin))
            for data in encoded:
                span = Span(SpanProto.FromString(data), view)
                unique.setdefault(span.span_id, span)
        return tuple(unique.values())

    @lazy
    def spans(self) -> tuple[Span, ...]:
        """Spans in order of start time."""
        return tuple(sorted(self.arrived, key=lambda span: span.start_ns))

    @lazy
    def by_id(self) -> Mapping[str, Span]:
        return {span.span_id: span for span in self.spans}

    @lazy
    def roots(self) -> tuple[Span, ...]:
        """Display roots: spans whose parent is not in the trace, by start time. Never empty in a trace with spans.

        Spans that are each other's ancestors have no such root; the earliest of each circle stands in for it.
        """
        by_id = self.by_id
        roots = [span for span in self.spans if span.parent_span_id not in by_id]
        reached: set[str] = set()
        self._below(roots, reached)
        if len(reached) < len(self.spans):
            for span in self.spans:
                if span.span_id not in reached:
                    roots.append(span)
                    self._below([span], reached)
            roots.sort(key=lambda span: span.start_ns)
        return tuple(roots)

    @lazy
    def root(self) -> Span:
        """The root that stands for the trace: one without parent if there is any, else the longest display root.

        Raises `ValueError` for a trace without spans.
        """
        if not self.roots:
            raise ValueError(f"trace {self.trace_id} has no spans")
        parentless = [span for span in self.roots if not span.parent_span_id]
        return max(parentless or self.roots, key=lambda span: span.duration_ns)

    @lazy
    def main_roots(self) -> tuple[Span, ...]:
        """The roots that stand for what was done, in order of time: of a session, one for each trace."""
        return (self.root,)

    def once(self, key: object, make: Callable[[], T]) -> T:
        """What `make` returned when this key was first asked for: so each reader of a trace works once.

        Other threads that ask meanwhile wait, whatever they ask for.
        """
        with self.lock:
            if key not in self._known:
                self._known[key] = make()
            return cast("T", self._known[key])

    def children(self, span: Span) -> Sequence[Span]:
        """Children of a span in order of start time."""
        return self._children.get(span.span_id, ())

    def walk(self, start: Span | None = None) -> Iterator[tuple[int, Span]]:
        """Every span with its depth, parents before children, siblings by start time; below `start` if given."""
        depths, spans = self._walked if start is None else self._below([start], set())
        return zip(depths, spans, strict=True)

    @lazy
    def start_ns(self) -> int:
        """Earliest start of any span."""
        return min((span.start_ns for span in self.spans), default=0)

    @lazy
    def end_ns(self) -> int:
        """Latest end of any span."""
        return max((span.end_ns for span in self.spans), default=0)

    @property
    def duration_ns(self) -> int:
        return max(0, self.end_ns - self.start_ns)

    def remade(self, blocks: Iterable[SpanBlock], arrived: Sequence[Span] | None = None) -> Trace:
        """The same trace with other content. `arrived` are the spans of `blocks`, if they are decoded already."""
        made = Trace(self.raw_trace_id, blocks, completion=self.completion, tenant=self.tenant)
        return self._with_spans(made, arrived)

    def _with_spans(self, made: Trace, arrived: Sequence[Span] | None) -> Trace:
        if arrived is not None:
            made.__dict__["arrived"] = tuple(arrived)  # where the cached property would put it
        return made

    def to_otlp(self) -> TracesData:
        """The trace as OTLP, with the resources, scopes and unknown fields that it came with."""
        data = TracesData()
        resources: dict[tuple[bytes, str], ResourceSpans] = {}
        scopes: dict[Origin, ScopeSpans] = {}
        for origin, encoded in self.blocks:
            scope_spans = scopes.get(origin)
            if scope_spans is None:
                key = (origin.resource, origin.resource_schema_url)
                resource_spans = resources.get(key)
                if resource_spans is None:
                    resource_spans = resources[key] = data.resource_spans.add(schema_url=origin.resource_schema_url)
                    resource_spans.resource.ParseFromString(origin.resource)
                scope_spans = scopes[origin] = resource_spans.scope_spans.add(schema_url=origin.scope_schema_url)
                scope_spans.scope.ParseFromString(origin.scope)
            scope_spans.spans.extend(SpanProto.FromString(span) for span in encoded)
        return data

    @lazy
    def _children(self) -> Mapping[str, list[Span]]:
        children: dict[str, list[Span]] = {}
        for span in self.spans:
            if span.parent_span_id:
                children.setdefault(span.parent_span_id, []).append(span)
        return children

    @lazy
    def _walked(self) -> tuple[array[int], list[Span]]:
        return self._below(self.roots, set())

    def _below(self, roots: Sequence[Span], seen: set[str]) -> tuple[array[int], list[Span]]:
        """Depths and spans of a walk that passes by what was seen before."""
        depths, spans = array("I"), list[Span]()
        stack = [(0, root) for root in reversed(roots)]
        while stack:
            depth, span = stack.pop()
            if span.span_id in seen:
                continue
            seen.add(span.span_id)
            depths.append(depth)
            spans.append(span)
            stack += [(depth + 1, child) for child in reversed(self.children(span))]
        return depths, spans


def _restore(trace_id: bytes, blocks: tuple[SpanBlock, ...], completion: CompletionReason, tenant: str | None) -> Trace:
    return Trace(trace_id, blocks, completion=completion, tenant=tenant)
