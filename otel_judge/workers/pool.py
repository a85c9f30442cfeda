"""Grades finished traces in worker processes, behind a bounded queue."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections import deque
from collections.abc import Sequence
from itertools import zip_longest

from ..config import Config, ModelConfig
from ..errors import OtelJudgeError
from ..outlet import Outlet
from ..sessions import Held, Order, Sessions
from ..telemetry import Telemetry
from ..trace import Trace
from . import wire
from .launch import Launched
from .slot import Job, Slot

logger = logging.getLogger(__name__)

QUEUE_TRACES = 2_000  # finished traces that wait for their checks; past it the index keeps them
QUEUE_BYTES = 128 * 1024 * 1024
_AHEAD, _AHEAD_BYTES = 16, 4 * 1024 * 1024  # that a worker is given while it checks another
_TRIES = 2  # workers that a trace may end before it is given up
_AGAIN_S, _AGAIN_MOST_S = 0.1, 30.0  # before a worker that did not last is replaced


class WorkerPool:
    """`judge_workers` processes that check and judge traces.

    Owned by one event loop. A worker that ends is replaced, and what it had in its hands is graded again: feedback
    that has come is not asked for twice, a judgement under way is made once more. What ends two workers is reported
    as failed (`worker_ended`).
    """

    def __init__(self, config: Config, outlet: Outlet, telemetry: Telemetry, held: Held) -> None:
        """`held` are the finished traces, for sessions."""
        self._outlet = outlet
        self._telemetry = telemetry
        self._slots = [Slot(share, self._take) for share in _shares(config)]
        self._sessions = Sessions(config, held)
        self._queue: deque[Job] = deque()
        self._queue_bytes = 0
        self._number = 0
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def waiting(self) -> int:
        """Traces that wait for their checks."""
        return len(self._queue) + sum(slot.unchecked for slot in self._slots)

    @property
    def judging(self) -> int:
        """Traces that wait for or are with a judge."""
        return sum(len(slot.jobs) - slot.unchecked for slot in self._slots)

    @property
    def sessions(self) -> Sessions:
        """The conversations that go on."""
        return self._sessions

    @property
    def judging_capacity(self) -> int:
        """Traces that may be with judges; of what is more, judges fail with `queue_full`."""
        return sum(slot.judging_capacity for slot in self._slots)

    @property
    def has_room(self) -> bool:
        """Whether `submit` may be called. While it is False, finished traces stay where they are."""
        waiting_bytes = self._queue_bytes + sum(slot.unchecked_bytes for slot in self._slots)
        return self.waiting < QUEUE_TRACES and waiting_bytes < QUEUE_BYTES

    @property
    def pids(self) -> Sequence[int]:
        """Of the processes that run."""
        return [slot.pid for slot in self._slots if slot.alive and slot.pid is not None]

    def end(self, pid: int) -> None:
        """Ends a process that has grown too large; another takes its place."""
        if pid in self.pids:
            os.kill(pid, signal.SIGKILL)

    def oldest_s(self, *, checked: bool) -> float:
        """Age in seconds of the trace that has waited longest: for its judges if `checked`, else for its checks."""
        jobs = [next((job for job in slot.jobs.values() if job.checked is checked), None) for slot in self._slots]
        if not checked and self._queue:
            jobs.append(self._queue[0])
        return max((time.monotonic() - job.since for job in jobs if job is not None), default=0.0)

    async def start(self, launched: Sequence[Launched] = ()) -> None:
        """Starts the processes, those `launched` already among them. Raises what building their engines raises."""
        try:
            async with asyncio.TaskGroup() as group:
                for slot, early in zip_longest(self._slots, launched):
                    group.create_task(slot.open(encodes=self._outlet.encodes, launched=early))
        except* OtelJudgeError as group:
            await asyncio.gather(*(slot.close() for slot in self._slots))
            raise group.exceptions[0] from None
        self._tasks = [asyncio.create_task(self._keep(slot)) for slot in self._slots]

    def submit(self, work: Trace | Order) -> None:
        """Takes a trace over, or a session."""
        self._number += 1
        self._put(Job(self._number, work, time.monotonic()))
        self._feed()

    def judge_resting(self) -> None:
        """Takes over the sessions that have come to rest, as long as there is room for them."""
        for order in self._sessions.resting(self.judging_capacity - self.judging):
            self.submit(order)

    async def drain(self, deadline_s: float) -> None:
        """Waits until all that was submitted is graded, and the sessions that are open.

        Judgements that take longer end as failed (`shutdown`).
        """
        until = time.monotonic() + deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                while True:
                    self._changed.clear()
                    if not self.waiting:  # now it is known which conversations there are
                        for order in self._sessions.all_open():
                            self.submit(order)
                    if not self.waiting and not self._sessions.open:
                        break
                    await self._changed.wait()
        except TimeoutError:
            logger.warning("%d traces were not checked in the %.0f s that there were", self.waiting, deadline_s)
        left_s = max(0.0, until - time.monotonic())
        await asyncio.gather(*(slot.drain(left_s) for slot in self._slots))

    async def close(self) -> None:
        """Ends the processes. `drain` comes first."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(slot.close() for slot in self._slots))

    def _put(self, job: Job) -> None:
        self._queue.append(job)
        self._queue_bytes += job.size

    def _feed(self) -> None:
        """Gives what waits to the workers that have least to do."""
        while self._queue:
            free = [
                slot
                for slot in self._slots
                if slot.alive and slot.unchecked < _AHEAD and slot.unchecked_bytes < _AHEAD_BYTES
            ]
            if not free:
                return
            job = self._queue.popleft()
            self._queue_bytes -= job.size
            min(free, key=lambda slot: len(slot.jobs)).give(job)

    def _take(self, slot: Slot, said: wire.FromWorker) -> None:
        if isinstance(said, wire.OwnSpans):
            self._outlet.put(said.items)
        elif isinstance(said, wire.OfJob) and (job := slot.jobs.get(said.job)) is not None:
            self._hear(slot, job, said)
            self._changed.set()

    def _hear(self, slot: Slot, job: Job, said: wire.OfJob) -> None:
        if isinstance(said, wire.Emitted):
            self._emitted(job, said)
        elif isinstance(said, wire.Decided):
            job.decision = said.decision
            self._outlet.relay_decision(said.target, said.decision, said.items)
        elif isinstance(said, wire.Counted):
            if not job.counted:
                job.counted = True
                self._outlet.understood(said.spans)
        elif isinstance(said, wire.Belongs):
            if isinstance(job.work, Trace):
                self._sessions.note(job.work, said.noted)
        elif isinstance(said, wire.Checked):
            slot.checked(job)
            self._feed()
        else:
            del slot.jobs[job.number]
            self._done(job, said.first_trace_id)

    def _emitted(self, job: Job, said: wire.Emitted) -> None:
        if said.feedback.name not in job.reported:
            job.reported.add(said.feedback.name)
            if isinstance(job.work, Order):
                self._sessions.given(job.work, said.feedback)
            self._outlet.relay(said.feedback, said.decision, said.items)

    def _done(self, job: Job, first_trace_id: bytes | None = None) -> None:
        if isinstance(job.work, Order):
            self._sessions.done(job.work, first_trace_id)

    async def _keep(self, slot: Slot) -> None:
        """Listens to a worker; once it has ended, starts another in its place."""
        delay = _AGAIN_S
        while True:
            if slot.alive:
                self._feed()
                started = time.monotonic()
                await slot.run()
                if time.monotonic() - started > _AGAIN_MOST_S:
                    delay = _AGAIN_S
                self._ended(slot, await slot.close())
            await asyncio.sleep(delay)
            delay = min(2 * delay, _AGAIN_MOST_S)
            try:
                await slot.open(encodes=self._outlet.encodes)
            except OtelJudgeError as error:
                logger.error("no worker process could be started, trying again in %.1f s: %s", delay, error)

    def _ended(self, slot: Slot, how: str) -> None:
        jobs = slot.take_back()
        logger.error(
            "worker process %s %s; another takes its place, and %d traces are graded again",
            slot.pid,
            how,
            len(jobs),
        )
        self._telemetry.worker_ended()
        for job in reversed(jobs):
            if job.ended_workers >= _TRIES + (job.decision is not None):
                self._done(job)
                logger.error("trace %s ended %d workers and is given up", job.trace_id, job.ended_workers)
                continue
            self._queue.appendleft(job)
            self._queue_bytes += job.size
        self._feed()
        self._changed.set()


def _shares(config: Config) -> list[Config]:
    """The config of each worker: of a model's `concurrency` it has its share."""
    count = config.judge_workers
    models = {name: ModelConfig(model=name) for name in config.direct_models} | config.models
    return [
        config.model_copy(
            update={
                "models": {
                    name: model.model_copy(
                        update={"concurrency": model.concurrency // count + (number < model.concurrency % count)}
                    )
                    for name, model in models.items()
                }
            }
        )
        for number in range(count)
    ]
