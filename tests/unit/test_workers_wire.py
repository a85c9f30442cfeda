from __future__ import annotations

import asyncio
import pickle
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from otel_judge.trace import CompletionReason, Origin, SpanBlock, Trace
from otel_judge.workers import wire

ORIGINS = [Origin(name, "", b"scope", "") for name in (b"one", b"two")]
BLOCKS = st.lists(
    st.builds(SpanBlock, st.sampled_from(ORIGINS), st.lists(st.binary(min_size=1, max_size=12), max_size=6))
)


def read_all(frames: list[bytes]) -> list[object]:
    async def read() -> list[object]:
        reader = asyncio.StreamReader()
        reader.feed_data(b"".join(frames))
        reader.feed_eof()
        messages = list[object]()
        while (message := await wire.read(reader)) is not None:
            messages.append(message)
        return messages

    return asyncio.run(read())


@given(BLOCKS, st.integers(1, 40))
def test_a_job_in_parts_has_every_span_in_order_under_its_origin(blocks: list[SpanBlock], part_bytes: int) -> None:
    trace = Trace(b"t" * 16, blocks, completion=CompletionReason.IDLE, tenant="shop")
    with patch.object(wire, "PART_BYTES", part_bytes):
        *parts, job = read_all(list(wire.frames(wire.Job(7, trace))))
    assert isinstance(job, wire.Job)
    got = list(job.trace.blocks)
    for part in parts:
        assert isinstance(part, wire.Part)
        sizes = [len(span) for block in part.blocks for span in block.spans]
        assert sum(sizes[:-1]) <= part_bytes  # a single span may be larger
        got += part.blocks

    def flat(blocks: list[SpanBlock]) -> list[tuple[Origin, bytes]]:
        return [(block.origin, span) for block in blocks for span in block.spans]

    assert flat(got) == flat(blocks)
    assert (job.number, job.trace.trace_id, job.trace.completion, job.trace.tenant) == (
        7,
        trace.trace_id,
        CompletionReason.IDLE,
        "shop",
    )


def test_an_end_in_the_midst_of_a_message_is_an_end() -> None:
    whole = wire.frame(wire.Drain(1.0))
    assert read_all([whole, whole[:-3]]) == [wire.Drain(1.0)]
    assert read_all([whole[:3]]) == []
    assert pickle.loads(whole[8:]) == wire.Drain(1.0)
