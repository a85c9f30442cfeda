"""Grades traces one after another on the loop it is on: checks at once, judges side by side, both bounded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial

from .decision import Decision
from .engine import Engine, Report
from .feedback import JudgeFailure
from .trace import Trace

logger = logging.getLogger(__name__)

JUDGING_TRACES = 2_000  # traces that wait for or are with a judge; past it judges fail with `queue_full`
JUDGING_BYTES = 256 * 1024 * 1024


class Grader:
    """Feeds an engine and keeps count of the judgements under way. All calls come from one event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._judging: dict[asyncio.Task[None], int] = {}
        self._judging_bytes = 0

    @property
    def judging(self) -> int:
        """Traces that wait for or are with a judge."""
        return len(self._judging)

    def take(self, trace: Trace, report: Report) -> None:
        """Checks the trace now and starts its judges."""
        decision = self.check(trace, report)
        if decision is not None and decision.judges:
            self.judge(trace, decision, report)

    def check(self, trace: Trace, report: Report) -> Decision | None:
        """Checks the trace, and decides. A trace that cannot be checked is logged, and lost alone: None."""
        try:
            return self._engine.check(trace, report)
        except Exception:
            logger.exception("trace %s could not be checked", trace.trace_id)
            return None

    def judge(self, trace: Trace, decision: Decision, report: Report, done: Callable[[], None] | None = None) -> None:
        """Starts the judges of the decision; `done` is called when the last of them has ended, or there is no room."""
        if self._judging and (len(self._judging) >= JUDGING_TRACES or self._judging_bytes + trace.size > JUDGING_BYTES):
            failure = JudgeFailure("queue_full", f"{len(self._judging)} traces already wait for their judges")
            self.refuse(trace, decision, failure, report)
            if done is not None:
                done()
            return
        task = asyncio.create_task(self._engine.judge(trace, decision, report))
        self._judging[task] = trace.size
        self._judging_bytes += trace.size
        task.add_done_callback(partial(self._judged, done))

    def refuse(self, trace: Trace, decision: Decision, failure: JudgeFailure, report: Report) -> None:
        """Has every judge of the decision report that failure."""
        self._engine.refuse(trace, decision, failure, report)

    async def wait(self, deadline_s: float) -> bool:
        """Waits for the judgements under way; False if some still run after `deadline_s` seconds."""
        if self._judging:
            await asyncio.wait(self._judging, timeout=deadline_s)
        return not self._judging

    async def drain(self, deadline_s: float) -> None:
        """Waits for the judgements under way, `deadline_s` seconds at most; then ends them as failed (`shutdown`)."""
        if not await self.wait(deadline_s):
            for task in self._judging:
                task.cancel()
            await asyncio.wait(self._judging)

    async def aclose(self) -> None:
        await self._engine.aclose()

    def _judged(self, done: Callable[[], None] | None, task: asyncio.Task[None]) -> None:
        self._judging_bytes -= self._judging.pop(task)
        with contextlib.suppress(asyncio.CancelledError):
            if (error := task.exception()) is not None:
                logger.error("a judgement broke off", exc_info=error)
        if done is not None:
            done()
