"""A request body, read and inflated without ever holding more than the limit."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable

from ..errors import MalformedRequest, RequestTooLarge

_GZIP = 16 + zlib.MAX_WBITS


async def read_plain(chunks: AsyncIterable[bytes], limit_bytes: int) -> bytes:
    """The body as it is. Raises `RequestTooLarge`."""
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit_bytes:
            raise RequestTooLarge(limit_bytes)
        parts.append(chunk)
    return b"".join(parts)


async def read_gzip(chunks: AsyncIterable[bytes], limit_bytes: int) -> bytes:
    """The body inflated, of one gzip member or several. Raises `RequestTooLarge` and `MalformedRequest`."""
    inflater = _Inflater(limit_bytes)
    async for chunk in chunks:
        inflater.feed(chunk)
    return inflater.finish()


class _Inflater:
    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._room = limit_bytes
        self._parts: list[bytes] = []
        self._member = zlib.decompressobj(_GZIP)
        self._in_member = False
        self._members = 0

    def feed(self, data: bytes) -> None:
        while data:
            if not self._in_member:
                if self._members:
                    data = data.lstrip(b"\0")  # members may be padded with zeros
                    if not data:
                        return
                self._member = zlib.decompressobj(_GZIP)
                self._in_member = True
            try:
                # One byte more than there is room for shows that the limit is passed, whatever would follow.
                part = self._member.decompress(data, self._room + 1)
            except zlib.error as error:
                raise MalformedRequest("the body is not valid gzip") from error
            self._room -= len(part)
            if self._room < 0:
                raise RequestTooLarge(self._limit_bytes)
            self._parts.append(part)
            if self._member.eof:
                data = self._member.unused_data
                self._in_member = False
                self._members += 1
            else:
                data = self._member.unconsumed_tail

    def finish(self) -> bytes:
        if self._in_member or not self._members:
            raise MalformedRequest("the gzip body ends too early")
        return b"".join(self._parts)
