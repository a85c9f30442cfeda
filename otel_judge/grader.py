"""Grades traces one after another on the loop it is on: checks at once, judges side by side, both bounded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TypeAlias

from .config import Completion
from .decision import Decision
from .engine import Engine, Report
from .feedback import Feedback, JudgeFailure
from .session import Session
from .sessions import Noted, Order, noted
from .trace import Trace

logger = logging.getLogger(__name__)

JUDGING_TRACES = 2_000  # traces that wait for or are with a judge; past it judges fail with `queue_full`
JUDGING_BYTES = 256 * 1024 * 1024
AT_ONCE_BYTES = 256 * 1024  # of the traces of a session that is put together on the loop, in some milliseconds

Done: TypeAlias = Callable[[], None]


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

    def noted(self, trace: Trace) -> Noted | None:
        """The conversation of a trace that was checked, where there are judges of sessions."""
        return noted(trace) if self._engine.judges_sessions else None

    def judge(self, trace: Trace, decision: Decision, report: Report, done: Done | None = None) -> None:
        """Starts the judges of the decision; `done` is called when the last of them has ended."""
        if len(self._judging) < JUDGING_TRACES and self._has_room(trace):
            self._start(self._engine.judge(trace, decision, report), trace.size, done)
            return
        self.refuse(trace, decision, self._full(), report)
        if done is not None:
            done()

    def judge_session(
        self,
        order: Order,
        limits: Completion,
        report: Report,
        done: Callable[[bytes | None], None],
        *,
        decision: Decision | None = None,
        failure: JudgeFailure | None = None,
    ) -> None:
        """Puts a session together, decides unless that was done before, and has it judged.

        `done` is told the id of the conversation's first trace, if the session could be made.
        """
        first = list[bytes]()
        work = self._judge_session(
            order, limits, _Revised(report, order), first=first, decision=decision, failure=failure
        )
        self._start(work, 0, lambda: done(next(iter(first), None)))

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

    async def _judge_session(
        self,
        order: Order,
        limits: Completion,
        report: Report,
        *,
        first: list[bytes],
        decision: Decision | None,
        failure: JudgeFailure | None,
    ) -> None:
        make = partial(order.session, limits)
        session: Session = await asyncio.to_thread(make) if order.size > AT_ONCE_BYTES else make()
        first.append(session.first_trace_id)
        if decision is None:
            decision = self._engine.decide(session, report)
        if not decision.judges:
            return
        if failure is None and not self._has_room(session):
            failure = self._full()
        if failure is not None:
            self.refuse(session, decision, failure, report)
            return
        self._count(asyncio.current_task(), session.size)
        await self._engine.judge(session, decision, report)

    def _has_room(self, trace: Trace) -> bool:
        return not self._judging_bytes or self._judging_bytes + trace.size <= JUDGING_BYTES

    def _full(self) -> JudgeFailure:
        return JudgeFailure("queue_full", f"{len(self._judging)} traces already wait for their judges")

    def _start(self, work: Coroutine[None, None, None], size: int, done: Done | None) -> None:
        task = asyncio.create_task(work)
        self._judging[task] = 0
        self._count(task, size)
        task.add_done_callback(partial(self._judged, done))

    def _count(self, task: asyncio.Task[None] | None, size: int) -> None:
        if task is not None:
            self._judging[task] += size
            self._judging_bytes += size

    def _judged(self, done: Done | None, task: asyncio.Task[None]) -> None:
        self._judging_bytes -= self._judging.pop(task)
        with contextlib.suppress(asyncio.CancelledError):
            if (error := task.exception()) is not None:
                logger.error("a judgement broke off", exc_info=error)
        if done is not None:
            done()


class _Revised:
    """The report of one judgement of a session: its feedback replaces that of the judgement before."""

    def __init__(self, report: Report, order: Order) -> None:
        self._report = report
        self._order = order
        self.decided = report.decided
        self.understood = report.understood

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        self._report.emit(self._order.revised(feedback), decision)
