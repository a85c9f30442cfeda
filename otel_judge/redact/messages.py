"""Edits every text of a span, a scope and a resource in place: all that a reader of the trace could be shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ..trace import Origin


class Editor(Protocol):
    """What is done to texts. Each gives back what it was given if nothing is to be done."""

    def text(self, text: str, /) -> str: ...

    def secret_text(self, text: str, /) -> str:
        """Text under a key that says that it is a secret."""
        ...

    def data(self, data: bytes, /) -> bytes: ...

    def number_text(self, text: str, /) -> str | None:
        """What a number becomes; None: it stays."""
        ...

    def denied(self, key: str, value: AnyValue, /) -> str | None:
        """What stands for the value of an attribute that is taken out; None: it stays."""
        ...

    def telling(self, key: str, /) -> bool:
        """Whether a key says that its value is a secret."""
        ...


def edit_span(span: Span, editor: Editor) -> None:
    span.name = editor.text(span.name)
    _edit_attributes(span.attributes, editor)
    if span.status.message:
        span.status.message = editor.text(span.status.message)
    if span.trace_state:
        span.trace_state = editor.text(span.trace_state)
    for event in span.events:
        event.name = editor.text(event.name)
        _edit_attributes(event.attributes, editor)
    for link in span.links:
        if link.trace_state:
            link.trace_state = editor.text(link.trace_state)
        _edit_attributes(link.attributes, editor)


def edited_origin(origin: Origin, editor: Editor) -> Origin:
    """The same origin if nothing was edited; without fields that the protocol does not have."""
    resource, scope = Resource.FromString(origin.resource), InstrumentationScope.FromString(origin.scope)
    resource.DiscardUnknownFields()
    scope.DiscardUnknownFields()
    _edit_attributes(resource.attributes, editor)
    for entity in resource.entity_refs:
        entity.type, entity.schema_url = editor.text(entity.type), editor.text(entity.schema_url)
        for keys in (entity.id_keys, entity.description_keys):
            keys[:] = [editor.text(key) for key in keys]
    scope.name, scope.version = editor.text(scope.name), editor.text(scope.version)
    _edit_attributes(scope.attributes, editor)
    made = Origin(
        resource.SerializeToString(deterministic=True),
        editor.text(origin.resource_schema_url),
        scope.SerializeToString(deterministic=True),
        editor.text(origin.scope_schema_url),
    )
    return origin if made == origin else made


def _edit_attributes(attributes: Iterable[KeyValue], editor: Editor, *, listed: bool = True) -> None:
    """`listed`: the attribute lists hold for these; they know nothing of the keys within a value."""
    for attribute in attributes:
        key, value = attribute.key, attribute.value
        if listed and (name := editor.denied(key, value)) is not None:
            value.string_value = name
        else:
            _edit_value(value, editor, secret=editor.telling(key))
        if (made := editor.text(key)) != key:
            attribute.key = made


def _edit_value(value: AnyValue, editor: Editor, *, secret: bool) -> None:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        text = value.string_value
        made = editor.secret_text(text) if secret else editor.text(text)
        if made != text:
            value.string_value = made
    elif kind in ("int_value", "double_value"):
        if (made := editor.number_text(repr(getattr(value, kind)))) is not None:
            value.string_value = made
    elif kind == "bytes_value":
        value.bytes_value = editor.data(value.bytes_value)
    elif kind == "array_value":
        for item in value.array_value.values:
            _edit_value(item, editor, secret=secret)
    elif kind == "kvlist_value":
        _edit_attributes(value.kvlist_value.values, editor, listed=False)
