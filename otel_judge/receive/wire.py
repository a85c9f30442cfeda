"""Where the spans lie in a request's bytes.

Cutting a span out of the request costs a quarter of serialising it again, and leaves it byte for byte as it was sent.
upb remains the judge of what is valid: this only finds the borders, in bytes that upb has already parsed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

RESOURCE_SPANS = 0x0A  # tags, as field number * 8 + wire type 2: ExportTraceServiceRequest.resource_spans
SCOPE_SPANS = 0x12  # ResourceSpans.scope_spans
SPANS = 0x12  # ScopeSpans.spans
_LENGTH_DELIMITED = 2
_PLAIN_TAGS = 0x7A  # the highest tag of one byte with wire type 2

Cuts: TypeAlias = "list[list[list[bytes]]]"
"""The bytes of each span, by resource spans and scope spans."""


def cut_spans(body: bytes) -> Cuts | None:
    """The spans of a request as they stand in its bytes; `body` is valid protobuf.

    None where the bytes hold something on the way to the spans that OTLP does not have today, such as an unknown
    field of another wire type. Then the spans have to be serialised again.
    """
    try:
        return [
            [
                [body[start:end] for start, end in _fields(body, *scope_spans, SPANS)]
                for scope_spans in _fields(body, *resource_spans, SCOPE_SPANS)
            ]
            for resource_spans in _fields(body, 0, len(body), RESOURCE_SPANS)
        ]
    except _NotPlain:
        return None


class _NotPlain(Exception):
    pass


def _fields(body: bytes, start: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Start and end of each field with the tag `wanted` of the message that lies between `start` and `end`."""
    while start < end:
        tag = body[start]
        if tag & 7 != _LENGTH_DELIMITED or tag > _PLAIN_TAGS:
            raise _NotPlain
        size = body[start + 1]
        start += 2
        if size >= 0x80:
            size &= 0x7F
            shift = 7
            while True:
                byte = body[start]
                start += 1
                size |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
        after = start + size
        if tag == wanted:
            yield start, after
        start = after
