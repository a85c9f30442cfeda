"""Grades traces one after another on the loop it is on: checks at once, judges side by side, both bounded.

Where there are judges of sessions, it also knows which conversations go on, and has those judged that rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from .config import Config
from .conversations import Conversation, Conversations
from .decision import Decision
from .engine import Engine, Report
from .feedback import Feedback, JudgeFailure
from .session import Session
from .trace import Trace
from .trajectory import target_of

logger = logging.getLogger(__name__)

JUDGING_TRACES = 2_000  # traces that wait for or are with a judge; past it judges fail with `queue_full`
JUDGING_BYTES = 256 * 1024 * 1024
AT_ONCE_BYTES = 256 * 1024  # of the traces of a session that is put together on the loop, in some milliseconds

Held: TypeAlias = Callable[[Sequence[bytes], str | None], Awaitable[Sequence[Trace | None]]]
"""Finished traces by id, of a tenant; None for one that is no longer held."""


class Grader:
    """Feeds an engine and keeps count of the judgements under way. All calls come from one event loop."""

    def __init__(self, engine: Engine, report: Report, config: Config, held: Held) -> None:
        self._engine = engine
        self._report = report
        self._held = held
        self._completion = config.index.completion
        self._judging: dict[asyncio.Task[None], int] = {}
        self._judging_bytes = 0
        self.conversations = Conversations(config.session_idle) if engine.judges_sessions else None
        """Those whose sessions are to be judged; None where no judge wants them."""

    @property
    def judging(self) -> int:
        """Traces that wait for or are with a judge."""
        return len(self._judging)

    def take(self, trace: Trace) -> None:
        """Checks the trace now and starts its judges. A trace that cannot be checked is logged, and lost alone."""
        try:
            decision = self._engine.check(trace, self._report)
            if self.conversations is not None:
                _note(trace, self.conversations)
        except Exception:
            logger.exception("trace %s could not be checked", trace.trace_id)
            return
        if not decision.judges:
            return
        if len(self._judging) < JUDGING_TRACES and self._has_room(trace):
            self._start(self._engine.judge(trace, decision, self._report), trace.size)
        else:
            self._engine.refuse(trace, decision, self._full(), self._report)

    def judge_resting(self) -> None:
        """Starts the judges of the sessions that have come to rest, as long as there is room."""
        if self.conversations is not None:
            room = JUDGING_TRACES - len(self._judging)
            for conversation in self.conversations.resting(time.monotonic(), room):
                self._start(self._judge_session(conversation, self.conversations))

    async def wait(self, deadline_s: float) -> bool:
        """Waits for the judgements under way; False if some still run after `deadline_s` seconds."""
        if self._judging:
            await asyncio.wait(self._judging, timeout=deadline_s)
        return not self._judging

    async def drain(self, deadline_s: float) -> None:
        """Has all open sessions judged too, and waits for what is under way, `deadline_s` seconds at most; then ends it
        as failed (`shutdown`).
        """
        until = time.monotonic() + deadline_s
        while True:
            if self.conversations is not None:
                for conversation in self.conversations.all_open():
                    self._start(self._judge_session(conversation, self.conversations))
            if not await self.wait(max(0.0, until - time.monotonic())):
                for task in self._judging:
                    task.cancel()
                await asyncio.wait(self._judging)
                return
            if not self.conversations:
                return

    async def aclose(self) -> None:
        await self._engine.aclose()

    async def _judge_session(self, conversation: Conversation, conversations: Conversations) -> None:
        """Judges what is held of a conversation. What is judged again says which feedback it replaces."""
        try:
            session = await self._session(conversation)
            if session is None:
                conversations.lose("no trace of it is held any more; a larger index.retain holds them longer")
                return
            decision = self._engine.decide(session, self._report)
            if not decision.judges:
                return
            report = _Revision(self._report, conversation)
            if self._has_room(session):
                self._count(asyncio.current_task(), session.size)
                await self._engine.judge(session, decision, report)
            else:
                self._engine.refuse(session, decision, self._full(), report)
        finally:
            conversations.judged(conversation)

    async def _session(self, conversation: Conversation) -> Session | None:
        """The session of what is held; None where nothing is."""
        ids = conversation.held
        found = dict(zip(ids, await self._held(ids, conversation.tenant), strict=True))
        conversation.gone |= {trace_id for trace_id, trace in found.items() if trace is None}
        traces = [trace for trace in found.values() if trace is not None]
        if not traces:
            return None
        make = partial(
            Session.of,
            traces,
            missing=conversation.missing,
            first_trace_id=conversation.first_trace_id,
            max_spans=self._completion.max_spans,
            max_bytes=int(self._completion.max_trace_mib * 2**20),
        )
        large = sum(trace.size for trace in traces) > AT_ONCE_BYTES
        session = await asyncio.to_thread(make) if large else make()
        conversation.first_trace_id = session.first_trace_id
        return session

    def _has_room(self, trace: Trace) -> bool:
        return not self._judging_bytes or self._judging_bytes + trace.size <= JUDGING_BYTES

    def _full(self) -> JudgeFailure:
        return JudgeFailure("queue_full", f"{len(self._judging)} traces already wait for their judges")

    def _start(self, work: Coroutine[None, None, None], size: int = 0) -> None:
        task = asyncio.create_task(work)
        self._judging[task] = 0
        self._count(task, size)
        task.add_done_callback(self._judged)

    def _count(self, task: asyncio.Task[None] | None, size: int) -> None:
        if task is not None:
            self._judging[task] += size
            self._judging_bytes += size

    def _judged(self, task: asyncio.Task[None]) -> None:
        self._judging_bytes -= self._judging.pop(task)
        with contextlib.suppress(asyncio.CancelledError):
            if (error := task.exception()) is not None:
                logger.error("a judgement broke off", exc_info=error)


def _note(trace: Trace, conversations: Conversations) -> None:
    target = target_of(trace, trace.root)  # the raw one: after redaction, different people may have the same id
    if target.conversation_id:
        root = bytes.fromhex(target.span_id)
        conversations.note(trace.tenant, target.conversation_id, trace.raw_trace_id, root, time.monotonic())


class _Revision:
    """The report of one judgement of a session: its feedback replaces that of the judgement before."""

    def __init__(self, report: Report, conversation: Conversation) -> None:
        self._report = report
        self._conversation = conversation
        self._before = conversation.given
        self._revision = conversation.revision
        self.decided = report.decided
        self.understood = report.understood

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        told = replace(feedback, revision=self._revision, supersedes=self._before.get(feedback.name))
        conversation = self._conversation
        conversation.given = {**conversation.given, told.name: told.evaluation_id}
        conversation.revision = self._revision + 1
        self._report.emit(told, decision)
