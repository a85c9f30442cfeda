"""Protobuf to OTLP/JSON."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any, Final

import orjson
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

_HEX_IDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
_INT64_TYPES: Final = frozenset(
    {
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED64,
        FieldDescriptor.TYPE_SINT64,
    }
)


def encode_traces(traces: TracesData) -> bytes:
    """Traces as OTLP/JSON."""
    return encode_message(traces)


def encode_message(message: Message) -> bytes:
    """A message of OTLP as the specification writes it in JSON, without fields that hold their default."""
    return orjson.dumps(_to_json(message))


def _to_json(message: Message) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for field, value in message.ListFields():
        convert = _converter(field)
        result[field.json_name] = [convert(item) for item in value] if field.is_repeated else convert(value)
    return result


def _converter(field: FieldDescriptor) -> Callable[[Any], Any]:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return _to_json
    if field.type == FieldDescriptor.TYPE_BYTES:
        return bytes.hex if field.name in _HEX_IDS else _to_base64
    if field.type in _INT64_TYPES:
        return str
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return _to_number
    return _as_is


def _to_base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _to_number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _as_is(value: Any) -> Any:
    return value
