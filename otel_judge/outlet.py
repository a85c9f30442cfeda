"""Where an engine's results go in a running process: counted, then emitted, or printed where there is no backend."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from .config import Config, Receivers
from .decision import Decision
from .emit.emitter import Emitter
from .emit.printing import Printer
from .emit.settings import resolve
from .emit.sink import Sink
from .feedback import Feedback, Target
from .telemetry import Telemetry

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


class Outlet:
    """The `Report` of the service and of the app. `emit` and `decided` may be called from any thread."""

    def __init__(self, sink: Sink, telemetry: Telemetry, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._sink = sink
        self._telemetry = telemetry
        self._now_ns = now_ns
        self.flush = sink.flush
        self.close = sink.close

    @classmethod
    async def open(cls, config: Config, telemetry: Telemetry, *, receivers: Receivers | None = None) -> Outlet:
        """Opens the way to the backend that the config or the environment names, on this loop.

        `receivers` are our own, where there are any. Raises `ConfigError` for an endpoint that cannot be right.
        """
        export = resolve(config.exporters, receivers)
        if export is None:
            return cls(Printer(), telemetry)
        emitter = Emitter(export, config.feedback, telemetry)
        await emitter.start()
        return cls(emitter, telemetry)

    @property
    def own_spans(self) -> SpanExporter | None:
        """Where the spans of the judges' own work go; None where only verdicts are printed."""
        if not isinstance(self._sink, Emitter):
            return None
        from .emit.own_spans import OwnSpanExporter

        return OwnSpanExporter(self._sink.put_spans)

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        self._telemetry.feedback(feedback)
        self._sink.emit(feedback, decision)

    def decided(self, target: Target, decision: Decision) -> None:
        self._telemetry.decision(decision)
        self._sink.decided(target, decision, at_ns=self._now_ns())
