"""A connection of uvicorn's that gives a client only so much time and room for its request."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_S: Final = 10.0  # from the first byte of a request, or from the connection, to the end of its header
BODY_S: Final = 30.0  # from there to the end of its body
SWEEP_S: Final = 1.0  # between two looks at who has had enough time
MAX_HEADER_BYTES: Final = 64 * 1024
_TOO_LARGE: Final = b'{"code":8,"message":"the header of the request is larger than 64 KiB"}'
_NOT_HTTP: Final = b'{"code":3,"message":"not an HTTP/1.1 request"}'


class Connection(HttpToolsProtocol):
    """Closed without an answer when its time is up: a client that is only slow then sends again, as OTLP asks of it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: float | None = None
        self._in_header = True
        self._begun = 0  # requests
        self._chunk = 0  # bytes that are being read
        self._received = 0  # bytes before these, of a header that is not whole yet: the parser keeps what it has of it
        self._too_large = False

    def close_if_late(self, now: float) -> None:
        """To be called often. `now` is the loop's time."""
        if self._deadline is not None and now >= self._deadline and not self.transport.is_closing():
            self.transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.time() + HEADER_S

    def data_received(self, data: bytes) -> None:
        begun, in_body, self._chunk = self._begun, not self._in_header and self._deadline is not None, len(data)
        self._feed(data)
        if self.transport.is_closing():
            return
        if self._in_header:
            if not in_body and self._begun - begun <= 1:  # nothing of `data` was of another request
                self._received += len(data)
            if self._received > MAX_HEADER_BYTES:
                self._too_large = True
                self.send_400_response("")
        elif self._deadline is None and self.cycle.response_complete:  # empty lines, of which a request may yet come
            self._deadline = self.loop.time() + HEADER_S

    def _feed(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._stay(data[offer.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("")

    def _stay(self, rest: bytes) -> None:
        """Goes on in HTTP/1.1 where the client offers to change to another protocol, such as h2c.

        The parser stops at such a header, and the body would be lost: it is given the request again without the offer.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self.send_400_response("")
            return
        kept = [each for each in self.headers if each[0] not in (b"upgrade", b"connection", b"http2-settings")]
        header = b"".join(b"%b: %b\r\n" % each for each in kept)
        self.parser = httptools.HttpRequestParser(self)
        self._feed(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, self.url, header, rest))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_header, self._received = True, 0
        self._begun += 1
        self._deadline = self.loop.time() + HEADER_S

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # `_stay` has it read again
        # Counted only where it can be too much, which costs nothing for all the others.
        if self._received + self._chunk > MAX_HEADER_BYTES:
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size > MAX_HEADER_BYTES:
                self._too_large = True
                raise ValueError("the header is too large")  # upon which the parser has `send_400_response` called
        super().on_headers_complete()
        self._in_header = False
        self._deadline = self.loop.time() + BODY_S

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._deadline = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the text that uvicorn would send
        """A `google.rpc.Status` in place of plain text, and 431 where the header is what is wrong."""
        large = self._too_large
        line = b"431 Request Header Fields Too Large" if large else b"400 Bad Request"
        body = _TOO_LARGE if large else _NOT_HTTP
        self.transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
            % (line, len(body), body)
        )
        self.transport.close()
