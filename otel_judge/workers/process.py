"""The worker: grades what the service sends, and sends back what comes of it.

It ends when the service closes the connection, or is gone. Signals to the terminal's group are the service's to
answer: a worker that ended at once would lose the judgements that the service still gives time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import replace

from .. import logs
from ..config import Completion, Config
from ..decision import Decision
from ..emit.batch import split_spans
from ..emit.encode import Encoder
from ..engine import settle
from ..errors import OtelJudgeError
from ..feedback import Feedback, Target
from ..grader import JUDGING_TRACES, Grader
from ..memory import trim
from ..outlet import engine_of
from ..trace import SpanBlock, Trace
from ..trajectory import Understood
from . import wire

logger = logging.getLogger(__name__)

_LARGE_BYTES = 4 << 20  # wire bytes of a trace whose memory is given back to the system
_TRIM_S = 0.5


def main(fileno: int) -> None:
    """Works for the service at the other end of this socket."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    asyncio.run(_work(socket.socket(fileno=fileno)))
    logging.shutdown()
    os._exit(0)  # threads that still search a large trace are not waited for: nobody hears them any more


async def _work(connection: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=connection)
    setup = await wire.read(reader)
    if not isinstance(setup, wire.Setup):
        return
    logs.configure(logging.getLevelName(setup.log_level))
    outbound = _Outbound(writer)
    try:
        grader = _grader(setup.config, outbound, encodes=setup.encodes)
    except OtelJudgeError as error:
        outbound.send(wire.Refused(error))
        return
    outbound.send(wire.Ready(JUDGING_TRACES))
    if setup.config.judges:
        await asyncio.to_thread(settle)
    encoder = Encoder(setup.config.feedback) if setup.encodes else None
    worker = _Worker(grader, encoder, outbound, setup.config.index.completion)
    while (message := await wire.read(reader)) is not None:
        await worker.take(message)


def _grader(config: Config, outbound: _Outbound, *, encodes: bool) -> Grader:
    if not encodes:
        return Grader(engine_of(config, None))
    loop = asyncio.get_running_loop()

    def put_spans(request: bytes) -> None:  # on the span processor's thread
        loop.call_soon_threadsafe(outbound.send, wire.OwnSpans(tuple(split_spans(request))))

    return Grader(engine_of(config, put_spans))


class _Outbound:
    """What goes back: all that was said in one turn of the loop, as one message."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._said: list[wire.FromWorker] = []
        self._loop = asyncio.get_running_loop()

    def send(self, message: wire.FromWorker) -> None:
        if not self._said:
            self._loop.call_soon(self._flush)
        self._said.append(message)

    def _flush(self) -> None:
        self._writer.write(wire.frame(self._said))
        self._said = []


class _Worker:
    def __init__(self, grader: Grader, encoder: Encoder | None, outbound: _Outbound, limits: Completion) -> None:
        self._grader = grader
        self._encoder = encoder
        self._outbound = outbound
        self._limits = limits
        self._blocks: list[SpanBlock] = []
        self._turns: list[Trace] = []

    async def take(self, message: object) -> None:
        if isinstance(message, wire.Part):
            self._blocks += message.blocks
        elif isinstance(message, wire.Turn):
            self._turns.append(self._whole(message.trace))
        elif isinstance(message, wire.Job):
            self._grade(message._replace(trace=self._whole(message.trace)))
        elif isinstance(message, wire.SessionJob):
            self._judge(message)
        elif isinstance(message, wire.Drain):
            await self._grader.drain(message.deadline_s)
            await self._grader.aclose()  # with the last spans of the judges' own work
            await asyncio.sleep(0)
            self._outbound.send(wire.Drained())

    def _whole(self, trace: Trace) -> Trace:
        if not self._blocks:
            return trace
        blocks, self._blocks = self._blocks, []
        return trace.remade(blocks)

    def _judge(self, job: wire.SessionJob) -> None:
        order, self._turns = replace(job.order, traces=tuple(self._turns)), []
        report = _Report(job.number, self._encoder, self._outbound, trims=order.size > _LARGE_BYTES)
        self._outbound.send(wire.Checked(job.number))
        self._grader.judge_session(order, self._limits, report, report.done, decision=job.decision, failure=job.failure)

    def _grade(self, job: wire.Job) -> None:
        report = _Report(job.number, self._encoder, self._outbound, trims=job.trace.size > _LARGE_BYTES)
        trace, decision = job.trace, job.decision
        if decision is None:
            decision = self._grader.check(trace, report)
            if decision is not None and (noted := self._grader.noted(trace)) is not None:
                self._outbound.send(wire.Belongs(job.number, noted))
        self._outbound.send(wire.Checked(job.number))
        if decision is None or not decision.judges:
            report.done()
        elif job.failure is not None:
            self._grader.refuse(trace, decision, job.failure, report)
            report.done()
        else:
            self._grader.judge(trace, decision, report, report.done)


class _Report:
    """What comes of one job, encoded here: the service has no time for it."""

    def __init__(self, job: int, encoder: Encoder | None, outbound: _Outbound, *, trims: bool) -> None:
        self._job = job
        self._trims = trims
        self._encoder = encoder
        self._outbound = outbound

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        items = None if self._encoder is None else self._encoder.items(feedback, decision)
        self._outbound.send(wire.Emitted(self._job, feedback, decision, items))

    def decided(self, target: Target, decision: Decision) -> None:
        items = None if self._encoder is None else [self._encoder.decision(target, decision, time.time_ns())]
        self._outbound.send(wire.Decided(self._job, target, decision, items))

    def understood(self, spans: Mapping[Understood, int]) -> None:
        self._outbound.send(wire.Counted(self._job, spans))

    def done(self, first_trace_id: bytes | None = None) -> None:
        self._outbound.send(wire.Done(self._job, first_trace_id))
        if self._trims:  # later, when nobody holds the trace any more
            asyncio.get_running_loop().call_later(_TRIM_S, trim)
