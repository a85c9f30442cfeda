import contextlib
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_judge.errors import MalformedRequest, RequestTooLarge
from otel_judge.receive.body import read_gzip, read_plain


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_plain_body_is_what_came():
    assert await read_plain(chunks(b"a", b"", b"bc"), 3) == b"abc"


async def test_a_plain_body_past_the_limit_is_too_large():
    with pytest.raises(RequestTooLarge, match="larger than 2 bytes"):
        await read_plain(chunks(b"a", b"bc"), 2)


@given(st.binary(max_size=300), st.integers(1, 40), st.integers(0, 2))
async def test_a_gzip_body_is_inflated_however_it_is_cut(content: bytes, step: int, extra_members: int):
    packed = b"".join(gzip.compress(content) for _ in range(1 + extra_members))
    parts = [packed[at : at + step] for at in range(0, len(packed), step)]

    assert await read_gzip(chunks(*parts), 3 * 300) == content * (1 + extra_members)


async def test_a_gzip_body_exactly_at_the_limit_is_taken():
    assert len(await read_gzip(chunks(gzip.compress(bytes(1000))), 1000)) == 1000
    with pytest.raises(RequestTooLarge):
        await read_gzip(chunks(gzip.compress(bytes(1001))), 1000)


async def test_members_count_together():
    with pytest.raises(RequestTooLarge):
        await read_gzip(chunks(gzip.compress(bytes(600)) * 2), 1000)


async def test_a_bomb_is_refused_without_being_inflated():
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(256)) + packer.flush()

    tracemalloc.start()
    with pytest.raises(RequestTooLarge):
        await read_gzip(chunks(bomb), 2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 * 2**20


async def test_zeros_after_the_last_member_are_padding():
    assert await read_gzip(chunks(gzip.compress(b"abc") + bytes(7), bytes(3)), 10) == b"abc"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"plain text",
        gzip.compress(b"hello")[:-1],
        gzip.compress(b"hello")[:5],
        gzip.compress(b"hello") + b"trailing",
        gzip.compress(b"hello")[:-8] + bytes(8),
        zlib.compress(b"hello"),
    ],
    ids=["empty", "not-gzip", "cut", "cut-header", "trailing", "bad-checksum", "zlib"],
)
async def test_what_is_not_whole_gzip_is_malformed(body: bytes):
    with pytest.raises(MalformedRequest):
        await read_gzip(chunks(body), 1000)


@given(st.binary(max_size=100), st.booleans())
async def test_arbitrary_bytes_are_inflated_or_refused(body: bytes, with_header: bool):
    header = gzip.compress(b"")[:10]

    with contextlib.suppress(MalformedRequest, RequestTooLarge):
        await read_gzip(chunks(header + body if with_header else body), 1000)
