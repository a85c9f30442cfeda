"""Where an engine's results go in a running process: counted, then emitted."""

from __future__ import annotations

import time
from collections.abc import Callable

from .decision import Decision
from .emit.sink import Sink
from .feedback import Feedback, Target
from .telemetry import Telemetry


class Outlet:
    """The `Report` of the service and of the app. May be called from any thread."""

    def __init__(self, sink: Sink, telemetry: Telemetry, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._sink = sink
        self._telemetry = telemetry
        self._now_ns = now_ns

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        self._telemetry.feedback(feedback)
        self._sink.emit(feedback, decision)

    def decided(self, target: Target, decision: Decision) -> None:
        self._telemetry.decision(decision)
        self._sink.decided(target, decision, at_ns=self._now_ns())
