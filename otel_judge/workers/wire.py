"""What the service and a worker process say to each other: pickled messages, each after its length.

Both ends are of one installation, over a pair of sockets that nobody else can open. What came from the network
travels inside as bytes: it is never itself unpickled.
"""

from __future__ import annotations

import pickle
import struct
from asyncio import IncompleteReadError, StreamReader
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from ..config import Config
from ..decision import Decision
from ..emit.outbox import Item
from ..errors import OtelJudgeError
from ..feedback import Feedback, JudgeFailure, Target
from ..trace import SpanBlock, Trace
from ..trajectory import Understood

PART_BYTES = 1 << 20
"""Wire bytes of spans in one message at most: to pickle them takes about 1 ms, for which the sender's loop stands."""

_LENGTH = struct.Struct("!Q")


class Setup(NamedTuple):
    """The first message to a worker."""

    config: Config
    log_level: int
    encodes: bool
    """Whether results are wanted as OTLP records; else they are printed by the service."""


class Part(NamedTuple):
    """Some spans of the next job's trace."""

    blocks: Sequence[SpanBlock]


class Job(NamedTuple):
    """One trace to grade, with the last of its spans."""

    number: int
    trace: Trace
    decision: Decision | None = None
    """None: checks come first, and sampling decides. Else both were done before a worker ended."""
    failure: JudgeFailure | None = None
    """What the judges of the decision report instead of asking anybody."""


class Drain(NamedTuple):
    """No job follows: judgements have this long to end."""

    deadline_s: float


class Ready(NamedTuple):
    """The worker takes jobs, of which so many may be with its judges."""

    judging: int


class Refused(NamedTuple):
    """The worker cannot start."""

    error: OtelJudgeError


class Emitted(NamedTuple):
    job: int
    feedback: Feedback
    decision: Decision | None
    items: Sequence[Item] | None


class Decided(NamedTuple):
    job: int
    target: Target
    decision: Decision
    items: Sequence[Item] | None


class Counted(NamedTuple):
    """How many of the trace's spans had content of which kind."""

    job: int
    spans: Mapping[Understood, int]


class Checked(NamedTuple):
    """The checks of the job have run, and its judges are under way."""

    job: int


class Done(NamedTuple):
    """Nothing of the job is left to do."""

    job: int


class OwnSpans(NamedTuple):
    """Spans of the judges' own work."""

    items: Sequence[Item]


class Drained(NamedTuple):
    """Every job has ended."""


ToWorker: TypeAlias = Setup | Part | Job | Drain
FromWorker: TypeAlias = Ready | Refused | Emitted | Decided | Counted | Checked | Done | OwnSpans | Drained


def frame(message: ToWorker | Sequence[FromWorker]) -> bytes:
    """A message as it travels."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


async def read(reader: StreamReader) -> object:
    """The next message; None where the other end is gone."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return pickle.loads(await reader.readexactly(length))  # noqa: S301 - our own, as said above
    except (IncompleteReadError, ConnectionError):
        return None


def frames(job: Job) -> Iterator[bytes]:
    """A job as one message, or as many where its trace is large."""
    trace = job.trace
    if trace.size > PART_BYTES:
        for part in _parts(trace.blocks):
            yield frame(Part(part))
        job = job._replace(trace=trace.holding(()))
    yield frame(job)


def _parts(blocks: Sequence[SpanBlock]) -> Iterator[Sequence[SpanBlock]]:
    part, room = list[SpanBlock](), PART_BYTES
    for block in blocks:
        start = 0
        for index, span in enumerate(block.spans):
            room -= len(span)
            if room < 0:
                yield [*part, SpanBlock(block.origin, block.spans[start : index + 1])]
                part, room, start = [], PART_BYTES, index + 1
        part.append(SpanBlock(block.origin, block.spans[start:]))
    yield part
