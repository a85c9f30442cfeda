"""What can be read of a request that cannot be read whole: a bad span or log record does not take the good with it.

Such as one whose text was cut in the middle of a character, which neither protobuf nor JSON allows. This is the way
of the few requests that failed; each of their records is tried by itself, and the good ones are put together again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, NoReturn, TypeVar, cast

import orjson
from google.protobuf.message import DecodeError, Message

from ..errors import MalformedRequest
from ..varint import encode_varint

_LENGTH_DELIMITED: Final = 2
_FIXED: Final = {1: 8, 5: 4}  # bytes, by wire type
_RECORDS: Final = 2  # ScopeSpans.spans, ScopeLogs.log_records
_MAX_FIELDS: Final = 200_000  # that are looked at, since nothing else is done meanwhile: about 0.2 s
_GROUPS: Final = (1, 2)  # from the request to its scopes: ExportTraceServiceRequest.resource_spans, .scope_spans

T = TypeVar("T", bound=Message)


class Unread(NamedTuple):
    """Records that could not be read."""

    number: int
    first: str
    """What is wrong with the first of them."""

    def __str__(self) -> str:
        return f"{self.number} that cannot be read ({self.first})"


NONE_UNREAD: Final = Unread(0, "")


def salvage_protobuf(body: bytes, record: type[Message]) -> tuple[bytes, Unread]:
    """The request without the spans or log records that are not a `record`. Raises `MalformedRequest` where it is not
    clear where they lie.
    """
    problems: list[str] = []

    def keep(data: bytes) -> bool:
        try:
            record.FromString(data)
        except DecodeError:
            problems.append("not protobuf, or a text that is not UTF-8")
            return False
        return True

    cleaned = _without(body, _GROUPS, keep, iter(range(_MAX_FIELDS)))
    if not problems:
        raise MalformedRequest("no span or log record of it is what is wrong")
    return cleaned, Unread(len(problems), problems[0])


def _without(message: bytes, path: tuple[int, ...], keep: Callable[[bytes], bool], budget: Iterator[int]) -> bytes:
    """A message without the records below `path` that are not to be kept."""
    wanted = path[0] if path else _RECORDS
    parts: list[bytes] = []
    for number, start, value, end in _fields(message):
        if next(budget, None) is None:
            raise MalformedRequest("too many fields to look through")
        if number != wanted or value is None:
            parts.append(message[start:end])
        elif path:
            below = _without(message[value:end], path[1:], keep, budget)
            parts += (encode_varint(number << 3 | _LENGTH_DELIMITED), encode_varint(len(below)), below)
        elif keep(message[value:end]):
            parts.append(message[start:end])
    return b"".join(parts)


def _fields(message: bytes) -> Iterator[tuple[int, int, int | None, int]]:
    """Number, start, start of the value (None where it has no length) and end of each field."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _read_varint(message, at)
        kind = tag & 7
        value = None
        if kind == _LENGTH_DELIMITED:
            size, value = _read_varint(message, at)
            at = value + size
        elif kind == 0:
            _, at = _read_varint(message, at)
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            raise MalformedRequest("a field of no known kind")
        if at > len(message):
            raise MalformedRequest("a field that is longer than its message")
        yield tag >> 3, start, value, at


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise MalformedRequest("a number without end")


def salvage_json(body: bytes, names: tuple[str, str, str], decode: Callable[[dict[str, Any]], T]) -> tuple[T, Unread]:
    """The request without the records that `decode` refuses. `names` are those of the lists, from the request down,
    such as resourceSpans, scopeSpans and spans. Raises `MalformedRequest` where it is not they that are wrong.
    """
    document = _load(body)
    outer, middle, inner = names
    problems: list[str] = []
    for group in _lists(document, outer):
        for scope in _lists(group, middle):
            name = _name_in(scope, inner)
            records = scope.get(name)
            if not isinstance(records, list):
                continue
            good: list[Any] = []
            for record in cast("list[Any]", records):
                try:
                    decode({outer: [{middle: [{inner: [record]}]}]})
                    good.append(record)
                except MalformedRequest as error:
                    problems.append(str(error).removeprefix(f"{outer}[0].{middle}[0].{inner}[0]").lstrip(".: "))
            scope[name] = good
    if not problems:
        raise MalformedRequest("no span or log record of it is what is wrong")
    return decode(document), Unread(len(problems), problems[0])


def _load(body: bytes) -> dict[str, Any]:
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        # It refuses half a surrogate pair, which JavaScript writes where a text was cut; the standard library does not.
        try:
            document = json.loads(body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise MalformedRequest("not JSON") from None
    if not isinstance(document, dict):
        raise MalformedRequest("not an object")
    return cast("dict[str, Any]", document)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _lists(node: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The objects in a list of `node`."""
    items = node.get(_name_in(node, name))
    if isinstance(items, list):
        yield from (item for item in cast("list[Any]", items) if isinstance(item, dict))


def _name_in(node: dict[str, Any], name: str) -> str:
    """A field's name in camel case, or in snake case where `node` has it so."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return snake if snake in node else name
