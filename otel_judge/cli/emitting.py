"""`run --emit`: writes feedback about stored traces back to the backend, and says what did not get there."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from ..batch import NOT_PAID
from ..config import Config
from ..emit.emitter import Emitter
from ..emit.outbox import MemoryOutbox
from ..emit.settings import resolve
from ..errors import ConfigError
from ..results import Row
from ..telemetry import Telemetry

STALLED_S: Final = 30.0  # without one record accepted; then what is left counts as not sent


class _Losses(Telemetry):
    def __init__(self) -> None:
        super().__init__()
        self.lost: Counter[tuple[str, str]] = Counter()

    def dropped(self, signal: str, records: int, reason: str) -> None:
        super().dropped(signal, records, reason)
        self.lost[signal, reason] += records


class Emission:
    """Spans and log events of feedback, on their way to the backend. Metrics are of live traffic, and stay out."""

    def __init__(self, config: Config) -> None:
        """Raises `ConfigError` where no backend is named, and for one that cannot be right."""
        export = resolve(config.exporters, config.receivers)
        if export is None:
            raise ConfigError("--emit", "no backend is named", "set exporters.otlp or OTEL_EXPORTER_OTLP_ENDPOINT")
        destinations = {signal: to for signal, to in export.destinations.items() if signal != "metrics"}
        self._telemetry = _Losses()
        self._outbox = MemoryOutbox(export.queue_bytes, self._telemetry.dropped)
        self._emitter = Emitter(
            replace(export, destinations=destinations), config.feedback, self._telemetry, outbox=self._outbox
        )
        self.put_spans = self._emitter.put_spans
        self.name = export.name

    async def start(self) -> None:
        await self._emitter.start()

    async def put(self, row: Row) -> None:
        """Takes a row's feedback; waits while the queue is half full. What was never judged is not written back."""
        for feedback in row.feedback:
            if feedback.error != NOT_PAID:
                self._emitter.emit(feedback, row.decision if feedback.scorer.kind == "judge" else None)
        if self._outbox.size() > self._outbox.capacity // 2:
            await self._sent()

    async def close(self) -> None:
        """Waits until all is sent, as long as the backend takes anything."""
        await self._sent()
        await self._emitter.close(0.0)

    def lines(self) -> list[str]:
        """What was not sent, in words."""
        return [
            f"{records:,} {'spans' if signal == 'traces' else 'log events'} were not taken by {self.name} ({reason})"
            for (signal, reason), records in sorted(self._telemetry.lost.items())
        ]

    async def _sent(self) -> None:
        before = None
        while before is None or self._outbox.size() < before:
            before = self._outbox.size()
            if await self._emitter.flush(STALLED_S):
                return
