"""The rooms on one event loop, for use inside an app: index -> check -> sample -> judge -> emit.

`otel_judge.exporter` owns the thread on which this runs, and hands it the app's ended spans.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from .config import Config
from .errors import Overloaded
from .grader import Grader
from .index import Index
from .outlet import Outlet
from .receive.decode import split
from .receive.origins import OriginTable
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
        self._index = Index(config.index)
        self._grader = Grader(outlet.engine(config), outlet, config, self._held)
        self._origins = OriginTable()
        self._root_grace = config.index.completion.root_grace
        self._overloaded = False

    @classmethod
    async def open(cls, config: Config) -> Embedded:
        """Raises `OtelJudgeError` for what the config cannot do."""
        telemetry = Telemetry()
        return cls(config, await Outlet.open(config, telemetry), telemetry)

    def take(self, spans: Sequence[ReadableSpan]) -> None:
        """Puts ended spans into the index. What does not fit is dropped, counted, and logged once."""
        intake = split(encode_spans(spans), self._origins)
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

    def grade_finished(self, *, ahead_s: float = 0.0) -> None:
        """Grades the traces that are finished now, or would be `ahead_s` seconds from now, and sessions that rest."""
        for trace in self._index.poll(time.monotonic() + ahead_s):
            self._telemetry.completed(trace.completion)
            self._grader.take(trace)
        self._grader.judge_resting()

    async def flush(self, deadline_s: float) -> bool:
        """Grades every trace whose root has ended, without waiting for its grace, and sends the feedback.

        False if some still waits after `deadline_s` seconds.
        """
        deadline = time.monotonic() + deadline_s
        self.grade_finished(ahead_s=self._root_grace)
        graded = await self._grader.wait(deadline_s)
        return await self._outlet.flush(max(0.0, deadline - time.monotonic())) and graded

    async def _held(self, trace_ids: Sequence[bytes], tenant: str | None) -> list[Trace | None]:
        return [self._index.get(trace_id, tenant) for trace_id in trace_ids]

    async def close(self, deadline_s: float) -> None:
        """Grades all that came, complete or not, and sends the feedback, within `deadline_s` seconds."""
        deadline = time.monotonic() + deadline_s
        for trace in self._index.finish_all(time.monotonic()):
            self._telemetry.completed(trace.completion)
            self._grader.take(trace)
        await self._grader.drain(deadline_s * (1 - EMITTING_SHARE))
        await self._grader.aclose()
        await self._outlet.close(max(0.0, deadline - time.monotonic()))
