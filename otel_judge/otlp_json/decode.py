"""OTLP/JSON to protobuf. The readers are made from the message descriptors; attributes are written out by hand."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, ItemsView, Mapping
from typing import Any, Final, TypeAlias, TypeVar, cast

import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from ..errors import MalformedRequest

_MAX_DEPTH: Final = 100
"""Nested messages, as protobuf's own parser counts them: what is read here can be parsed again."""
_ATTRIBUTE_DEPTH: Final = 6
"""Of an attribute's value on an event: resource spans, scope spans, span, event, key-value, value. None is deeper:
a log record's attributes and its body lie less deep, and become attributes of an event."""

_Reader: TypeAlias = Callable[[Any, Any], None]
"""Sets one field of a message from its JSON value, which is never null. Raises `_Problem`."""
_Readers: TypeAlias = dict[str, _Reader]
_MessageT = TypeVar("_MessageT", bound=Message)


class _Problem(Exception):
    """What is wrong; each level on the way out adds where."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        self.path: list[str] = []

    def at(self, step: str | int) -> _Problem:
        self.path.append(f"[{step}]" if isinstance(step, int) else f".{step}")
        return self

    def __str__(self) -> str:
        where = "".join(reversed(self.path)).lstrip(".")
        return f"{where}: {self.text}" if where else self.text


def decode_traces(data: bytes | dict[str, Any], *, lenient: bool = False) -> TracesData:
    """Reads OTLP/JSON, encoded or already loaded; raises `MalformedRequest` that says where and what.

    Hex ids in any case, integers as numbers or strings, enums as integers or names, field names in camel or snake
    case. Null counts as absent and unknown fields are ignored.

    `lenient` is for stored files. It also takes what older and other writers made: `batches` for `resourceSpans`,
    `instrumentationLibrarySpans` and `instrumentationLibrary`, ids in base64, and enums as bare names (`client`).
    """
    return _decode(data, TracesData(), _LENIENT if lenient else _STRICT)


def decode_logs(data: bytes | dict[str, Any], *, lenient: bool = False) -> LogsData:
    """`decode_traces` for logs: `resourceLogs`, `scopeLogs` (older `instrumentationLibraryLogs`), `logRecords`."""
    return _decode(data, LogsData(), _LENIENT_LOGS if lenient else _STRICT_LOGS)


def _decode(data: bytes | dict[str, Any], message: _MessageT, readers: _Readers) -> _MessageT:
    if isinstance(data, bytes):
        try:
            data = cast("dict[str, Any]", orjson.loads(data))
        except orjson.JSONDecodeError as error:
            raise MalformedRequest(f"not JSON: {error}") from None
    try:
        _fill(message, data, readers)
    except _Problem as problem:
        raise MalformedRequest(str(problem)) from None
    return message


def _fill(message: Message, data: Any, readers: _Readers) -> None:
    for name, value in _members(data):
        if value is None:
            continue
        read = readers.get(name)
        if read is not None:
            try:
                read(message, value)
            except _Problem as problem:
                raise problem.at(name) from None


def _readers(descriptor: Descriptor, *, lenient: bool) -> _Readers:
    """The readers of a message, by each name that its fields have in JSON."""
    readers: _Readers = {}
    for field in descriptor.fields:
        read = _reader(field, lenient=lenient)
        readers[field.json_name] = readers[field.name] = read
        if lenient:
            readers |= dict.fromkeys(_OLDER_NAMES.get(field.json_name, ()), read)
    return readers


_OLDER_NAMES: Final = {
    "resourceSpans": ("batches",),
    "scopeSpans": ("instrumentationLibrarySpans", "instrumentation_library_spans"),
    "scopeLogs": ("instrumentationLibraryLogs", "instrumentation_library_logs"),
    "scope": ("instrumentationLibrary", "instrumentation_library"),
}


def _reader(field: FieldDescriptor, *, lenient: bool) -> _Reader:
    name = field.name
    if field.message_type is not None:
        if field.message_type is KeyValue.DESCRIPTOR:
            return _attributes_reader(name)
        if field.message_type is AnyValue.DESCRIPTOR:
            return _value_reader(name)
        readers = _readers(field.message_type, lenient=lenient)
        return _list_reader(name, readers) if field.is_repeated else _message_reader(name, readers)
    if field.type == FieldDescriptor.TYPE_STRING:
        return _strings_reader(name) if field.is_repeated else _setter(name, _string)
    if field.enum_type is not None:
        return _setter(name, _enum(field.enum_type, lenient=lenient))
    if field.type == FieldDescriptor.TYPE_BYTES:  # every bytes field outside AnyValue is an id
        return _setter(name, _any_id if lenient else _hex_id)
    return _setter(name, _integer)


def _attributes_reader(name: str) -> _Reader:
    def read(message: Any, data: Any) -> None:
        _read_key_values(getattr(message, name), data, _ATTRIBUTE_DEPTH)

    return read


def _value_reader(name: str) -> _Reader:
    def read(message: Any, data: Any) -> None:
        _read_any_value(getattr(message, name), data, _ATTRIBUTE_DEPTH)

    return read


def _message_reader(name: str, readers: _Readers) -> _Reader:
    def read(message: Any, data: Any) -> None:
        child = getattr(message, name)
        child.SetInParent()
        _fill(child, data, readers)

    return read


def _list_reader(name: str, readers: _Readers) -> _Reader:
    def read(message: Any, data: Any) -> None:
        add = getattr(message, name).add
        for index, item in enumerate(_items(data)):
            try:
                _fill(add(), item, readers)
            except _Problem as problem:
                raise problem.at(index) from None

    return read


def _strings_reader(name: str) -> _Reader:
    def read(message: Any, data: Any) -> None:
        for index, item in enumerate(_items(data)):
            try:
                getattr(message, name).append(_string(item))
            except (_Problem, ValueError):
                raise _Problem("not a string").at(index) from None

    return read


def _setter(name: str, convert: Callable[[Any], Any]) -> _Reader:
    def read(message: Any, value: Any) -> None:
        try:
            setattr(message, name, convert(value))
        except ValueError:
            raise _Problem(_UNFIT) from None

    return read


_UNFIT: Final = "out of range, or not valid Unicode"


def _members(data: Any) -> ItemsView[str, Any]:
    try:
        return data.items()
    except AttributeError:
        raise _Problem("not an object") from None


def _items(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise _Problem("not an array")
    return cast("list[Any]", data)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise _Problem("not a string")
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Problem("neither true nor false")
    return value


def _integer(value: Any) -> int:
    """An integer of any size; the field that takes it checks the range."""
    if type(value) is int:
        return value
    if isinstance(value, str):
        digits = value.removeprefix("-")
        if digits.isascii() and digits.isdigit() and len(digits) <= 20:  # 2**64 has 20 digits
            return int(value)
    elif isinstance(value, float) and value.is_integer():
        return int(value)
    raise _Problem("not an integer")


def _double(value: Any) -> float:
    if type(value) is float:
        return value
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    try:
        if type(value) is int or (isinstance(value, str) and value.isascii() and "_" not in value):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise _Problem("not a number")


def _hex_id(value: Any) -> bytes:
    text = _string(value)
    try:
        return binascii.unhexlify(text)
    except ValueError:
        raise _Problem("not a hex id") from None


def _any_id(value: Any) -> bytes:
    text = _string(value)
    # Lengths tell the two apart: 32 and 16 digits of hex, 24 and 12 of base64.
    if len(text) in (24, 12):
        return _bytes(text)
    return _hex_id(text)


def _bytes(value: Any) -> bytes:
    text = _string(value)
    try:
        # Protobuf's JSON mapping takes both alphabets, with or without padding.
        standard = text.replace("-", "+").replace("_", "/").rstrip("=")
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except ValueError:
        raise _Problem("not base64") from None


def _enum(descriptor: EnumDescriptor, *, lenient: bool) -> Callable[[Any], int]:
    numbers: Mapping[str, int] = {value.name: value.number for value in descriptor.values}

    def convert(value: Any) -> int:
        if isinstance(value, str):
            number = numbers.get(value)
            if number is None and lenient:
                suffix = f"_{value.upper()}"
                number = next((number for name, number in numbers.items() if name.endswith(suffix)), None)
            if number is not None:
                return number
            if not lenient:
                raise _Problem(f"not one of {', '.join(numbers)}, nor an integer")
        return _integer(value)

    return convert


def _read_key_values(container: Any, data: Any, depth: int) -> None:
    add = container.add
    for index, item in enumerate(_items(data)):
        attribute = add()
        try:
            # Most attributes are a key and a scalar. Whatever else it is, even wrong, the long way finds out.
            if len(item) == 2 and len(value := item["value"]) == 1:
                ((kind, scalar),) = value.items()
                if kind == "stringValue":
                    attribute.key = item["key"]
                    attribute.value.string_value = scalar
                    continue
                if scalar is not None and kind in _SCALARS:
                    attribute.key = item["key"]
                    _SCALARS[kind](attribute.value, scalar)
                    continue
        except (TypeError, ValueError, KeyError, AttributeError, _Problem):
            attribute.Clear()
        try:
            _read_key_value(attribute, item, depth)
        except _Problem as problem:
            raise problem.at(index) from None


def _read_key_value(attribute: Any, data: Any, depth: int) -> None:
    for name, value in _members(data):
        try:
            if value is None:
                continue
            if name == "key":
                _read_key(attribute, value)
            elif name == "value":
                _read_any_value(attribute.value, value, depth)
        except _Problem as problem:
            raise problem.at(name) from None


def _read_any_value(message: Any, data: Any, depth: int) -> None:
    message.SetInParent()
    for name, value in _members(data):
        try:
            if value is None:
                continue
            if name in _SCALARS:
                _SCALARS[name](message, value)
            elif name in ("arrayValue", "array_value"):
                _read_array(message.array_value, value, depth + 2)
            elif name in ("kvlistValue", "kvlist_value"):
                _read_kvlist(message.kvlist_value, value, depth + 3)
        except _Problem as problem:
            raise problem.at(name) from None


def _read_array(array: Any, data: Any, depth: int) -> None:
    array.SetInParent()
    for index, item in enumerate(_values(data, depth)):
        try:
            _read_any_value(array.values.add(), item, depth)
        except _Problem as problem:
            raise problem.at(index).at("values") from None


def _read_kvlist(kvlist: Any, data: Any, depth: int) -> None:
    kvlist.SetInParent()
    values = _values(data, depth)
    try:
        _read_key_values(kvlist.values, values, depth)
    except _Problem as problem:
        raise problem.at("values") from None


def _values(data: Any, depth: int) -> list[Any]:
    if depth > _MAX_DEPTH:
        raise _Problem("nested too deeply")
    values = dict(_members(data)).get("values")
    try:
        return [] if values is None else _items(values)
    except _Problem as problem:
        raise problem.at("values") from None


_read_key: Final = _setter("key", _string)
_SCALARS: Final[_Readers] = {
    json_name: _setter(name, convert)
    for name, camel, convert in (
        ("string_value", "stringValue", _string),
        ("bool_value", "boolValue", _bool),
        ("int_value", "intValue", _integer),
        ("double_value", "doubleValue", _double),
        ("bytes_value", "bytesValue", _bytes),
    )
    for json_name in (name, camel)
}
_STRICT: Final = _readers(TracesData.DESCRIPTOR, lenient=False)
_LENIENT: Final = _readers(TracesData.DESCRIPTOR, lenient=True)
_STRICT_LOGS: Final = _readers(LogsData.DESCRIPTOR, lenient=False)
_LENIENT_LOGS: Final = _readers(LogsData.DESCRIPTOR, lenient=True)
