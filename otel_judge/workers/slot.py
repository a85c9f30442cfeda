"""One worker process as the service sees it."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import cast

from ..config import Config
from ..decision import Decision
from ..errors import OtelJudgeError
from ..feedback import JudgeFailure
from ..sessions import Order
from ..trace import Trace
from . import wire
from .launch import Launched, launch

logger = logging.getLogger(__name__)

CLOSE_S = 5.0  # that a worker has to end by itself
_ENDED = JudgeFailure("worker_ended", "the process that judged it ended, twice")


@dataclass(slots=True)
class Job:
    """A trace or a session in a worker's hands, and what has come of it."""

    number: int
    work: Trace | Order
    since: float
    """Seconds on the monotonic clock at which it was taken over."""
    decision: Decision | None = None
    reported: set[str] = field(default_factory=set[str])
    """Names of the scorers whose feedback has come."""
    counted: bool = False
    checked: bool = False
    ended_workers: int = 0
    """How many workers ended while they had it in their hands."""

    @property
    def size(self) -> int:
        """Wire bytes of its traces."""
        return self.work.size

    @property
    def trace_id(self) -> str:
        """Of a session, that of its last trace."""
        return self.work.trace_id if isinstance(self.work, Trace) else self.work.traces[-1].trace_id

    def message(self) -> wire.Job | wire.SessionJob:
        """What is left to do. A judgement that has ended several workers is not tried again."""
        decision = self.decision
        if decision is not None:
            left = tuple(name for name in decision.judges if name not in self.reported)
            decision = replace(decision, judges=left)
        failure = _ENDED if self.ended_workers > 1 else None
        if isinstance(self.work, Trace):
            return wire.Job(self.number, self.work, decision, failure)
        return wire.SessionJob(self.number, self.work, decision, failure)


class Slot:
    """A worker process and its jobs. Belongs to one event loop."""

    def __init__(self, config: Config, take: Callable[[Slot, wire.FromWorker], None]) -> None:
        """`config` is this worker's; `take` is called with everything that the worker says of its jobs."""
        self.jobs: dict[int, Job] = {}
        """Not done yet, in the order in which they were given."""
        self.unchecked = 0
        self.unchecked_bytes = 0
        self.judging_capacity = 0
        self.alive = False
        self._config = config
        self._take = take
        self._unsent: deque[Job] = deque()
        self._more = asyncio.Event()
        self._drained = asyncio.Event()
        self._launched: Launched | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def pid(self) -> int | None:
        return None if self._launched is None else self._launched.process.pid

    async def open(self, *, encodes: bool, launched: Launched | None = None) -> None:
        """Starts a process, or takes one that was launched.

        Raises what building its engine raised, or `OtelJudgeError` where it just ended.
        """
        self._launched = launched or launch()
        self._reader, self._writer = await asyncio.open_connection(sock=self._launched.connection)
        level = logging.getLogger("otel_judge").getEffectiveLevel()
        self._writer.write(wire.frame(wire.Setup(self._config, level, encodes)))
        said = await wire.read(self._reader)
        first = cast("list[wire.FromWorker]", said)[0] if said else None
        if isinstance(first, wire.Ready):
            self.alive = True
            self.judging_capacity = first.judging
            return
        how = await self.close()
        raise first.error if isinstance(first, wire.Refused) else OtelJudgeError(f"a worker process {how}")

    async def run(self) -> None:
        """Carries jobs to the process and what it says back, until it has ended."""
        self._more.set()
        sending = asyncio.create_task(self._send())
        try:
            while (said := await wire.read(self._reader)) is not None:
                for each in cast("list[wire.FromWorker]", said):
                    if isinstance(each, wire.Drained):
                        self._drained.set()
                    else:
                        self._take(self, each)
        finally:
            self.alive = False
            self._drained.set()
            sending.cancel()

    def give(self, job: Job) -> None:
        """Sends a job as soon as those before it are on their way."""
        self.jobs[job.number] = job
        self.unchecked += 1
        self.unchecked_bytes += job.size
        self._unsent.append(job)
        self._more.set()

    def checked(self, job: Job) -> None:
        job.checked = True
        self.unchecked -= 1
        self.unchecked_bytes -= job.size

    def take_back(self) -> list[Job]:
        """The jobs of a process that has ended. Those that it had in its hands are marked."""
        jobs = [*self.jobs.values()]
        at_check = next((job for job in jobs if not job.checked), None)
        for job in jobs:
            job.ended_workers += job.checked or job is at_check
            job.checked = False
        self.jobs.clear()
        self._unsent.clear()
        self.unchecked = self.unchecked_bytes = 0
        return jobs

    async def drain(self, deadline_s: float) -> None:
        """Has the process end its judgements within `deadline_s` seconds. No job follows."""
        if self._writer is not None and self.alive:
            self._drained.clear()
            self._writer.write(wire.frame(wire.Drain(deadline_s)))
            await self._drained.wait()

    async def close(self) -> str:
        """Ends the process: by hanging up, and by force where it does not hear. How it ended, in words."""
        if self._writer is not None:
            self._writer.close()
        if (launched := self._launched) is None:
            return "never ran"
        try:
            await asyncio.to_thread(launched.process.wait, CLOSE_S)
        except subprocess.TimeoutExpired:
            launched.process.kill()
            await asyncio.to_thread(launched.process.wait)
        return launched.ended()

    async def _send(self) -> None:
        writer = self._writer
        assert writer is not None
        try:
            while True:
                await self._more.wait()
                while self._unsent:
                    for frame in wire.frames(self._unsent.popleft().message()):
                        writer.write(frame)
                        await writer.drain()
                self._more.clear()
        except ConnectionError:  # it has ended, which `run` hears
            pass
        except Exception:
            logger.exception("a trace could not be sent to worker process %s, which is ended", self.pid)
            writer.close()
