"""The rooms on one event loop, for use inside an app: index -> check -> sample -> judge -> emit.

`otel_judge.exporter` owns the thread on which this runs, and hands it the app's ended spans.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from functools import partial

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from .config import Config
from .decision import Decision
from .errors import Overloaded
from .feedback import Feedback
from .grader import JUDGING_TRACES, Grader
from .index import Index
from .outlet import Outlet
from .receive.decode import split
from .receive.origins import OriginTable
from .sessions import Order, Sessions
from .telemetry import Telemetry
from .trace import Trace

logger = logging.getLogger(__name__)

TRANSPORT = "in_process"  # as `receiver.accepted_spans` names it
EMITTING_SHARE = 0.25  # of the time left at the end: kept for sending what was graded


class Embedded:
    """Grades the traces of the app that it runs in. Every call comes from one event loop."""

    def __init__(self, config: Config, outlet: Outlet, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._outlet = outlet
        self._grader = Grader(outlet.engine(config))
        self._index = Index(config.index)
        self._limits = config.index.completion
        self._sessions = Sessions(config, self._index.get)
        self._origins = OriginTable()
        self._root_grace = config.index.completion.root_grace
        self._overloaded = False
        self._labelled = False

    @classmethod
    async def open(cls, config: Config) -> Embedded:
        """Raises `OtelJudgeError` for what the config cannot do."""
        telemetry = Telemetry()
        return cls(config, await Outlet.open(config, telemetry), telemetry)

    def take(self, spans: Sequence[ReadableSpan]) -> None:
        """Puts ended spans into the index. What does not fit is dropped, counted, and logged once."""
        intake = split(encode_spans(spans), self._origins)
        if intake.labels:
            self._drop(len(intake.labels))
        try:
            added = self._index.add(intake.fragments, now=time.monotonic())
        except Overloaded as error:
            self._telemetry.refused(intake.accepted, TRANSPORT)
            if not self._overloaded:
                logger.warning("spans are dropped: %s", error)
            self._overloaded = True
            return
        self._overloaded = False
        self._telemetry.accepted(intake.accepted, TRANSPORT)
        self._telemetry.late(added.late)

    def _drop(self, labels: int) -> None:
        """Of people: there is nobody here who could be asked for them later."""
        self._telemetry.labels(labels, "dropped")
        if not self._labelled:
            logger.warning(
                "labels of people are not kept inside an app; `otel-judge agree` reads them from the backend"
            )
        self._labelled = True

    def grade_finished(self, *, ahead_s: float = 0.0) -> None:
        """Grades the traces that are finished now, or would be `ahead_s` seconds from now, and sessions that rest."""
        for trace in self._index.poll(time.monotonic() + ahead_s):
            self._grade(trace)
        self._judge(self._sessions.resting(JUDGING_TRACES - self._grader.judging))

    async def flush(self, deadline_s: float) -> bool:
        """Grades every trace whose root has ended, without waiting for its grace, and sends the feedback.

        False if some still waits after `deadline_s` seconds.
        """
        deadline = time.monotonic() + deadline_s
        self.grade_finished(ahead_s=self._root_grace)
        graded = await self._grader.wait(deadline_s)
        return await self._outlet.flush(max(0.0, deadline - time.monotonic())) and graded

    async def close(self, deadline_s: float) -> None:
        """Grades all that came, complete or not, and sends the feedback, within `deadline_s` seconds."""
        deadline = time.monotonic() + deadline_s
        judged_by = deadline - deadline_s * EMITTING_SHARE
        for trace in self._index.finish_all(time.monotonic()):
            self._grade(trace)
        self._judge(self._sessions.all_open())
        while self._sessions.open and await self._grader.wait(max(0.0, judged_by - time.monotonic())):
            self._judge(self._sessions.all_open())
        await self._grader.drain(max(0.0, judged_by - time.monotonic()))
        await self._grader.aclose()
        await self._outlet.close(max(0.0, deadline - time.monotonic()))

    def _grade(self, trace: Trace) -> None:
        self._telemetry.completed(trace.completion)
        self._grader.take(trace, self._outlet)
        if (noted := self._grader.noted(trace)) is not None:
            self._sessions.note(trace, noted)

    def _judge(self, orders: Iterable[Order]) -> None:
        for order in orders:
            report = _OfSession(self._outlet, self._sessions, order)
            self._grader.judge_session(order, self._limits, report, partial(self._sessions.done, order))


class _OfSession:
    """The report of a session's judgement: what is given is remembered, for when the conversation goes on."""

    def __init__(self, outlet: Outlet, sessions: Sessions, order: Order) -> None:
        self._outlet = outlet
        self._sessions = sessions
        self._order = order
        self.decided = outlet.decided
        self.understood = outlet.understood

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        self._sessions.given(self._order, feedback)
        self._outlet.emit(feedback, decision)
