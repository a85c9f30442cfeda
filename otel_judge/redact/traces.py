"""A whole trace, redacted: its texts are searched in one block, and only spans that may hold something are edited."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingOf
from typing import cast

from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanProto

from ..attributes import Attributes, AttributeValue
from ..trace import Origin, OriginView, Span, SpanBlock, Trace
from .finder import Finder
from .mapping import Keys, Mapping
from .messages import Editor, edit_span, edited_origin
from .rules import is_telling


def redacted(trace: Trace, finder: Finder, keys: Keys, mapping: Mapping) -> Trace:
    """The trace with pseudonyms for what was found; the same one where there was nothing."""
    origins = _edited_origins(trace, mapping)
    search = _Search(trace, finder, keys)
    changed: dict[str, SpanProto] = {}
    for index in search.touched:
        span = trace.spans[index]
        proto = SpanProto()
        proto.CopyFrom(span.proto)
        mapping.searched = None if index in search.unsearched else search.found
        edit_span(proto, mapping)
        changed[span.span_id] = proto
    mapping.searched = None
    return _rebuilt(trace, origins, changed)


def edit_all(trace: Trace, editor: Editor) -> Trace:
    """The trace with every text edited."""
    origins = _edited_origins(trace, editor)
    changed: dict[str, SpanProto] = {}
    for span in trace.spans:
        proto = SpanProto()
        proto.CopyFrom(span.proto)
        edit_span(proto, editor)
        changed[span.span_id] = proto
    return _rebuilt(trace, origins, changed)


def _edited_origins(trace: Trace, editor: Editor) -> dict[Origin, Origin]:
    return {view.raw: edited_origin(view.raw, editor) for view in dict.fromkeys(span.origin for span in trace.spans)}


class _Search:
    """Which spans of a trace may hold something."""

    def __init__(self, trace: Trace, finder: Finder, keys: Keys) -> None:
        self._texts: list[str] = []
        self._least = finder.least_number
        self._keys: list[tuple[int, str]] = []
        self.unsearched: set[int] = set()
        """Spans with attributes that stand twice: of these only the last was searched."""
        ends: list[int] = []
        top: set[str] = set()
        for index, span in enumerate(trace.spans):
            self._add_span(index, span, top)
            ends.append(len(self._texts))
        found = finder.candidates([text.encode() for text in self._texts])
        self.found = frozenset(self._texts[place] for place in found)
        touched = {bisect_right(ends, place) for place in found} | self.unsearched
        names = {key for _, key in self._keys} | top
        matching = {name for name, held in zip(names, _each(finder, names), strict=True) if held}
        self.found |= matching
        telling = {key for key in names if keys.denies(key) or (finder.looks_for_secrets and is_telling(key))}
        if edited_keys := telling | matching:
            touched.update(index for index, key in self._keys if key in edited_keys)
            if edited_top := edited_keys & top:
                for index, span in enumerate(trace.spans):
                    if not edited_top.isdisjoint(span.attributes):
                        touched.add(index)
        self.touched = sorted(touched)

    def _add_span(self, index: int, span: Span, top: set[str]) -> None:
        texts, proto, attributes = self._texts, span.proto, span.attributes
        texts.append(span.name)
        if proto.trace_state:
            texts.append(proto.trace_state)
        if message := proto.status.message:
            texts.append(message)
        top.update(attributes)
        if len(attributes) != len(proto.attributes):
            self.unsearched.add(index)
        self._add_values(index, attributes.values())
        if proto.events or proto.links:  # most spans have none
            self._add_more(index, span)

    def _add_more(self, index: int, span: Span) -> None:
        for event, raw in zip(span.events, span.proto.events, strict=True):
            self._texts.append(event.name)
            self._add_attributes(index, event.attributes, count=len(raw.attributes))
        for link, raw in zip(span.links, span.proto.links, strict=True):
            self._texts.append(raw.trace_state)
            self._add_attributes(index, link.attributes, count=len(raw.attributes))

    def _add_values(self, index: int, values: Iterable[AttributeValue]) -> None:
        texts = self._texts
        for value in values:
            if type(value) is str:  # as most are
                texts.append(value)
            elif value is True or value is False or value is None:
                continue
            elif isinstance(value, int):
                if abs(value) >= self._least:
                    texts.append(str(value))
            elif isinstance(value, float):
                texts.append(str(int(value)) if value.is_integer() else repr(value))
            elif isinstance(value, bytes):
                texts.append(_as_text(value))
            elif isinstance(value, list):
                self._add_values(index, value)
            elif isinstance(value, dict):
                self._add_attributes(index, value)

    def _add_attributes(self, index: int, attributes: Attributes, *, count: int | None = None) -> None:
        if count is not None and count != len(attributes):
            self.unsearched.add(index)
        self._keys += [(index, key) for key in attributes]
        self._add_values(index, attributes.values())


def _as_text(value: bytes) -> str:
    """As the mapping reads bytes."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _each(finder: Finder, names: Iterable[str]) -> list[bool]:
    encoded = [name.encode() for name in names]
    found = set(finder.candidates(encoded))
    return [place in found for place in range(len(encoded))]


def _rebuilt(trace: Trace, origins: MappingOf[Origin, Origin], changed: MappingOf[str, SpanProto]) -> Trace:
    """The trace with those spans and origins in place of its own, without fields that the protocol does not know."""
    arrived, encoded = trace.arrived, [data for block in trace.blocks for data in block.spans]
    if len(encoded) != len(arrived):  # some ids came twice
        encoded = [span.proto.SerializeToString() for span in arrived]
    views = {origin: OriginView(made) for origin, made in origins.items() if made is not origin}
    if not changed and not views:
        return trace
    spans, data = list(arrived), list(encoded)
    for place, span in enumerate(arrived):
        new = changed.get(span.span_id)
        if new is not None:
            new.DiscardUnknownFields()
            data[place] = new.SerializeToString(deterministic=True)
        if new is not None or (views and span.origin.raw in views):
            proto = span.proto if new is None else new
            spans[place] = Span(proto, views.get(span.origin.raw, span.origin))
    return trace.remade(_blocks(spans, data), spans)


def _blocks(spans: Sequence[Span], encoded: Sequence[bytes]) -> list[SpanBlock]:
    blocks = list[SpanBlock]()
    for span, data in zip(spans, encoded, strict=True):
        if not blocks or blocks[-1].origin is not span.origin.raw:
            blocks.append(SpanBlock(span.origin.raw, []))
        cast("list[bytes]", blocks[-1].spans).append(data)
    return blocks
