"""Grades finished traces off the intake's thread: a `Grader` on an event loop of its own, behind a bounded queue.

Traces and the plan pickle, and results are values: a process can take this place without a change to either side.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

from .config import Config
from .conversations import Conversations
from .engine import Engine, Report
from .grader import Grader, Held
from .trace import Trace

QUEUE_TRACES = 2_000  # finished traces that wait for their checks; past it the index keeps them
QUEUE_BYTES = 128 * 1024 * 1024
TICK_S = 0.1  # how often conversations that rest are looked for


class Worker:
    """A thread with a loop on which traces are checked in order and judged side by side.

    Owned by one other loop: `start`, `submit`, `drain` and `close` are called from there.
    """

    def __init__(self, build: Callable[[], Engine], report: Report, config: Config, held: Held) -> None:
        """`held` is awaited on this loop."""
        self._build = build
        self._report = report
        self._config = config
        self._held = held
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="otel-judge-worker", daemon=True)
        self._ready: Future[Grader] = Future()
        self._room = threading.Lock()
        self._waiting = 0
        self._waiting_bytes = 0

    @property
    def waiting(self) -> int:
        """Traces that wait for their checks."""
        return self._waiting

    @property
    def judging(self) -> int:
        """Traces that wait for or are with a judge."""
        return self._grader.judging if self._ready.done() else 0

    @property
    def conversations(self) -> Conversations | None:
        """Those whose sessions are to be judged; None where no judge wants them. To be read once it has started."""
        return self._grader.conversations

    @property
    def has_room(self) -> bool:
        """Whether `submit` may be called. While it is False, finished traces stay where they are."""
        return self._waiting < QUEUE_TRACES and self._waiting_bytes < QUEUE_BYTES

    async def start(self) -> None:
        """Builds the engine on the thread. Raises what building it raises."""
        self._thread.start()
        self._grader = await asyncio.wrap_future(self._ready)

    def submit(self, trace: Trace) -> None:
        """Takes a trace over; its size is counted until its checks have run."""
        with self._room:
            self._waiting += 1
            self._waiting_bytes += trace.size
        self._loop.call_soon_threadsafe(self._take, trace)

    async def drain(self, deadline_s: float) -> None:
        """Waits until all that was submitted is graded. Judgements that take longer end as failed (`shutdown`)."""
        # What was submitted before is checked before: the loop runs callbacks in the order of their submission.
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._grader.drain(deadline_s), self._loop))

    async def close(self) -> None:
        """Ends the thread. `drain` comes first."""
        if self._ready.done() and self._ready.exception() is None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._grader.aclose(), self._loop))
            self._loop.call_soon_threadsafe(self._loop.stop)
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            grader = Grader(self._build(), self._report, self._config, self._held)
        except BaseException as error:  # noqa: BLE001 - whatever it is, `start` raises it
            self._ready.set_exception(error)
        else:
            self._ready.set_result(grader)
            if grader.conversations is not None:
                self._loop.call_later(TICK_S, self._tick, grader)
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _tick(self, grader: Grader) -> None:
        self._loop.call_later(TICK_S, self._tick, grader)  # first: whatever happens below, it goes on
        grader.judge_resting()

    def _take(self, trace: Trace) -> None:
        self._grader.take(trace)
        with self._room:
            self._waiting -= 1
            self._waiting_bytes -= trace.size
