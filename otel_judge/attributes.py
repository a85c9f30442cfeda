"""Attribute values: between OTLP's `AnyValue` and Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

AttributeValue: TypeAlias = "bool | int | float | str | bytes | list[AttributeValue] | dict[str, AttributeValue] | None"
Attributes: TypeAlias = Mapping[str, AttributeValue]


def decode_attributes(attributes: Iterable[KeyValue]) -> Attributes:
    """Attributes as a dict; of a key that stands twice, the last."""
    decoded: dict[str, AttributeValue] = {}
    for attribute in attributes:
        value = attribute.value
        # Most are strings or counts, and asking a message for its kind costs as much as all the rest.
        decoded[attribute.key] = value.string_value or value.int_value or decode_value(value)
    return decoded


def decode_value(value: AnyValue) -> AttributeValue:
    """An OTLP `AnyValue` as a Python value. Nesting is bounded by the protobuf parser, at 100 levels."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [decode_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: decode_value(item.value) for item in value.kvlist_value.values}
    return getattr(value, kind)


def encode_attributes(attributes: Mapping[str, AttributeValue]) -> list[KeyValue]:
    """Attributes as OTLP."""
    return [KeyValue(key=key, value=encode_value(value)) for key, value in attributes.items()]


def encode_value(value: AttributeValue) -> AnyValue:
    """A Python value as an OTLP `AnyValue`; the reverse of `decode_value`."""
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[encode_value(item) for item in value]))
    return AnyValue(kvlist_value=KeyValueList(values=encode_attributes(value)))
