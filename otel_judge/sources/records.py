"""A stream of bytes to OTLP messages, whatever form they were stored in: found out by looking, never by file name.

JSON (one document, or one a line as the Collector's file exporter writes them), protobuf (one message, or messages
that each follow their length in four bytes, big-endian, as the same exporter writes them), and either gzipped. What is
held at a time is one line, one message, or what a large message has of one resource; a document that was printed over
several lines is held whole.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import Any, Protocol, cast

import orjson

from ..errors import SourceError
from ..varint import encode_varint
from . import documents, signals
from .documents import OtlpMessage
from .skipped import Skip

_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_RESOURCE = b"\x0a"  # tag of TracesData.resource_spans, and of LogsData.resource_logs: field 1, length-delimited
_PREFIX_BYTES = 4
_MOST_BYTES = 2**31  # of a protobuf message, by protobuf's own limit
_CUT_OFF = "was it written to its end?"


class Stream(Protocol):
    """A buffered reader of bytes, such as an open file."""

    def peek(self, size: int = ..., /) -> bytes: ...
    def read(self, size: int = ..., /) -> bytes: ...
    def __iter__(self) -> Iterator[bytes]: ...


def read(stream: Stream, where: str, skip: Skip) -> Iterator[OtlpMessage]:
    """The messages of a stream. `where` names it in errors. What cannot be read goes to `skip`."""
    if stream.peek(2)[:2] == _GZIP_MAGIC:
        stream = _buffered(gzip.GzipFile(fileobj=cast("Any", stream)))
    try:
        yield from _read(stream, where, skip)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        skip(SourceError(where, f"broken gzip: {error}", _CUT_OFF))


def read_bytes(data: bytes, where: str, skip: Skip) -> Iterator[OtlpMessage]:
    """`read` for an answer that is held whole."""
    return read(_buffered(io.BytesIO(data)), where, skip)


def _buffered(stream: object) -> Stream:
    return cast("Stream", io.BufferedReader(cast("Any", stream)))


def _read(stream: Stream, where: str, skip: Skip) -> Iterator[OtlpMessage]:
    if stream.peek(3)[:3] == _BOM:
        stream.read(3)
    start = stream.peek(1)
    if start.lstrip()[:1] in (b"{", b"["):
        yield from _json(stream, where, skip)
    elif start[:1] == _RESOURCE and start.strip():
        yield from _message(stream, where, skip)
    elif start.strip():
        yield from _prefixed(stream, where, skip)


def _json(stream: Stream, where: str, skip: Skip) -> Iterator[OtlpMessage]:
    """Documents, one a line; or one document over all lines, where neither of the first two lines is one."""
    before = list[bytes]()
    for line in stream:
        if line.strip():
            before.append(line)
            if _loads(line) is not None:
                break
            if len(before) == 2:
                yield from _whole(b"".join([*before, *stream]), where, skip)
                return
    many = len(before) > 1 or bool(stream.peek(1).strip())
    for number, line in enumerate([*before, *stream] if len(before) > 1 else _chained(before, stream), start=1):
        yield from _line(line, f"{where}:{number}" if many else where, skip)


def _chained(before: list[bytes], stream: Stream) -> Iterator[bytes]:
    yield from before
    yield from stream


def _whole(data: bytes, where: str, skip: Skip) -> Iterator[OtlpMessage]:
    document = _loads(data)
    if document is not None:
        yield from documents.read(document, where, skip)
        return
    lines = data.splitlines()
    if not any(_loads(line) is not None for line in lines if line.strip()):
        yield from _line(data, where, skip)  # says what is wrong with it
        return
    for number, line in enumerate(lines, start=1):
        yield from _line(line, f"{where}:{number}", skip)


def _line(line: bytes, where: str, skip: Skip) -> Iterator[OtlpMessage]:
    if not line.strip():
        return
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        skip(SourceError(where, f"not JSON: {error}", _CUT_OFF))
        return
    yield from documents.read(document, where, skip)


def _loads(data: bytes) -> Any:
    """The document; None where there is none."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None


def _message(stream: Stream, where: str, skip: Skip) -> Iterator[OtlpMessage]:
    """One message, the spans or log records of one resource at a time."""
    number = 0
    while tag := stream.read(1):
        number += 1
        size = _varint(stream) if tag == _RESOURCE else None
        if size is None or size > _MOST_BYTES:
            skip(SourceError(where, "neither OTLP/JSON nor OTLP protobuf" if number == 1 else "protobuf breaks off"))
            return
        body = stream.read(size)
        if len(body) < size:
            skip(SourceError(where, f"protobuf is cut off in part {number}", _CUT_OFF))
            return
        yield from signals.read(tag + encode_varint(size) + body, f"{where}: part {number}", skip)


def _prefixed(stream: Stream, where: str, skip: Skip) -> Iterator[OtlpMessage]:
    number = 0
    while prefix := stream.read(_PREFIX_BYTES):
        number += 1
        size = int.from_bytes(prefix, "big")
        body = stream.read(size) if len(prefix) == _PREFIX_BYTES and size <= _MOST_BYTES else b""
        if len(prefix) < _PREFIX_BYTES or len(body) < size:
            if number == 1:
                skip(SourceError(where, "neither OTLP/JSON nor OTLP protobuf"))
            else:
                skip(SourceError(where, f"cut off in message {number}", _CUT_OFF))
            return
        yield from signals.read(body, f"{where}: message {number}", skip)


def _varint(stream: Stream) -> int | None:
    number = 0
    for shift in range(0, 35, 7):
        byte = stream.read(1)
        if not byte:
            return None
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return number
    return None
