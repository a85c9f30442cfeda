"""Numbers as protobuf writes them (https://protobuf.dev/programming-guides/encoding/#varints)."""

from __future__ import annotations


def encode_varint(number: int) -> bytes:
    """A number that is not negative, seven bits a byte, the lowest first."""
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
