"""Where an engine's results go in a running process: counted, then emitted, or printed where there is no backend."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from .config import Config
from .config_receivers import Receivers
from .decision import Decision
from .emit.emitter import Emitter
from .emit.outbox import Item
from .emit.printing import Printer
from .emit.settings import resolve
from .emit.sink import Sink
from .feedback import Feedback, Target
from .receipts import Receipts
from .telemetry import Telemetry
from .trajectory import Understood

if TYPE_CHECKING:
    from .engine import Engine

logger = logging.getLogger(__name__)


class Outlet:
    """The `Report` of the service and of the app. `emit` and `decided` may be called from any thread."""

    def __init__(self, sink: Sink, telemetry: Telemetry, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._sink = sink
        self._emitter = sink if isinstance(sink, Emitter) else None
        self._telemetry = telemetry
        self._now_ns = now_ns
        self.receipts = Receipts()
        """What has left for models, for who asks."""
        self.flush = sink.flush
        self.close = sink.close

    @classmethod
    async def open(cls, config: Config, telemetry: Telemetry, *, receivers: Receivers | None = None) -> Outlet:
        """Opens the way to the backend that the config or the environment names, on this loop.

        `receivers` are our own, where there are any. Raises `ConfigError` for an endpoint that cannot be right.
        """
        export = resolve(config.exporters, receivers, tenants=config.tenants)
        if export is None:
            return cls(Printer(), telemetry)
        emitter = Emitter(export, config.feedback, telemetry)
        await emitter.start()
        return cls(emitter, telemetry)

    def engine(self, config: Config) -> Engine:
        """The config's engine, with the spans of its judges' own work on the same way out.

        Raises `InstructionsError` or `ModelUnavailable`.
        """
        return engine_of(config, self._emitter and self._emitter.put_spans)

    @property
    def encodes(self) -> bool:
        """Whether results go out as OTLP records."""
        return self._emitter is not None

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        self._count(feedback)
        self._sink.emit(feedback, decision)

    def decided(self, target: Target, decision: Decision) -> None:
        self._telemetry.decision(decision)
        self._sink.decided(target, decision, at_ns=self._now_ns())

    def relay(self, feedback: Feedback, decision: Decision | None, items: Sequence[Item] | None) -> None:
        """`emit`, of what was encoded elsewhere where `encodes`."""
        if items is None:
            self.emit(feedback, decision)
        else:
            self._count(feedback)
            self.put(items)

    def relay_decision(self, target: Target, decision: Decision, items: Sequence[Item] | None) -> None:
        """`decided`, of what was encoded elsewhere where `encodes`."""
        if items is None:
            self.decided(target, decision)
        else:
            self._telemetry.decision(decision)
            self.put(items)

    def put(self, items: Sequence[Item]) -> None:
        """Takes finished records, where `encodes`."""
        if self._emitter is not None:
            self._emitter.put(items)

    def understood(self, spans: Mapping[Understood, int]) -> None:
        for kind, count in spans.items():
            self._telemetry.content(kind.dialect, kind.content, count)

    def _count(self, feedback: Feedback) -> None:
        self._telemetry.feedback(feedback)
        self.receipts.add(feedback)


def engine_of(config: Config, put_spans: Callable[[bytes], None] | None) -> Engine:
    """The config's engine. `put_spans` takes the spans of its judges' own work, from any thread.

    Raises `InstructionsError` or `ModelUnavailable`.
    """
    from .engine import Engine, Plan  # a service leaves engines to its workers

    if config.redact is None:
        logger.warning("redaction is off: judges are shown traces as they came")
    if put_spans is None:
        return Engine(Plan.of(config))
    from .emit import own_spans

    return Engine(Plan.of(config), own_spans=own_spans.OwnSpanExporter(put_spans), own_resource=own_spans.resource())
