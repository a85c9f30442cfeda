"""What the service and a worker process say to each other: pickled messages, each after its length.

Both ends are of one installation, over a pair of sockets that nobody else can open. What came from the network
travels inside as bytes: it is never itself unpickled.
"""

from __future__ import annotations

import pickle
import struct
from asyncio import IncompleteReadError, StreamReader
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from ..config import Config
from ..decision import Decision
from ..emit.outbox import Item
from ..errors import OtelJudgeError
from ..feedback import Feedback, JudgeFailure, Target
from ..sessions import Noted, Order
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
    """Some spans of the next trace."""

    blocks: Sequence[SpanBlock]


class Turn(NamedTuple):
    """A trace of the next session, with the last of its spans."""

    trace: Trace


class Job(NamedTuple):
    """One trace to grade, with the last of its spans."""

    number: int
    trace: Trace
    decision: Decision | None = None
    """None: checks come first, and sampling decides. Else both were done before a worker ended."""
    failure: JudgeFailure | None = None
    """What the judges of the decision report instead of asking anybody."""


class SessionJob(NamedTuple):
    """One session to judge, whose traces have come before."""

    number: int
    order: Order
    decision: Decision | None = None
    """None: sampling decides."""
    failure: JudgeFailure | None = None


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


class Belongs(NamedTuple):
    """The trace of the job belongs to a conversation, and there are judges of sessions."""

    job: int
    noted: Noted


class Checked(NamedTuple):
    """The checks of the job have run, and its judges are under way."""

    job: int


class Done(NamedTuple):
    """Nothing of the job is left to do."""

    job: int
    first_trace_id: bytes | None = None
    """Of a session: where its conversation began."""


class OwnSpans(NamedTuple):
    """Spans of the judges' own work."""

    items: Sequence[Item]


class Drained(NamedTuple):
    """Every job has ended."""


ToWorker: TypeAlias = Setup | Part | Turn | Job | SessionJob | Drain
OfJob: TypeAlias = Emitted | Decided | Counted | Belongs | Checked | Done
FromWorker: TypeAlias = Ready | Refused | OfJob | OwnSpans | Drained


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


def frames(job: Job | SessionJob) -> Iterator[bytes]:
    """A job as one message, or as many where there are several traces, or large ones."""
    if isinstance(job, Job):
        yield from _large(job.trace)
        yield frame(job._replace(trace=_rest(job.trace)))
        return
    for trace in job.order.traces:
        yield from _large(trace)
        yield frame(Turn(_rest(trace)))
    yield frame(job._replace(order=replace(job.order, traces=())))


def _large(trace: Trace) -> Iterator[bytes]:
    if trace.size > PART_BYTES:
        for part in _parts(trace.blocks):
            yield frame(Part(part))


def _rest(trace: Trace) -> Trace:
    return trace.remade(()) if trace.size > PART_BYTES else trace


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
