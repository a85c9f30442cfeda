"""`run --emit`: writes feedback about stored traces back to the backend, and says what did not get there."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from ..batch import NOT_PAID
from ..config import Config
from ..emit.emitter import Emitter
from ..emit.outbox import SIGNALS, MemoryOutbox
from ..emit.settings import resolve
from ..errors import ConfigError
from ..results import Row
from ..telemetry import Telemetry

STALLED_S: Final = 30.0  # without one record accepted, or the time of one request where that is longer
_WHY: Final = {
    "partial": "refused",
    "permanent": "refused",
    "queue_full": "too many waited",
    "shutdown": "no answer in time",
}


class _Losses(Telemetry):
    def __init__(self) -> None:
        super().__init__()
        self.lost: Counter[tuple[str, str]] = Counter()
        self.answered = 0
        """Records that the backend took or refused."""

    def sent(self, signal: str, records: int) -> None:
        super().sent(signal, records)
        self.answered += records

    def dropped(self, signal: str, records: int, reason: str) -> None:
        super().dropped(signal, records, reason)
        self.lost[signal, _WHY[reason]] += records
        if _WHY[reason] == "refused":
            self.answered += records


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
        self._stalled_s = max([STALLED_S, *(to.timeout_s for to in destinations.values())])
        self._stalled_at: int | None = None
        """What had been answered when the backend was found to take nothing; None where it was not."""
        self._ended = False

    async def start(self) -> None:
        await self._emitter.start()

    async def put(self, row: Row) -> None:
        """Takes a row's feedback; what was never judged is not written back.

        It waits while the queue is half full, but not again for a backend that took nothing and takes nothing still:
        what the queue has no room for then is lost, and counted.
        """
        for feedback in row.feedback:
            if feedback.error != NOT_PAID:
                self._emitter.emit(feedback, row.decision if feedback.scorer.kind == "judge" else None)
        if self._outbox.size() > self._outbox.capacity // 2 and self._telemetry.answered != self._stalled_at:
            await self._sent()

    async def close(self) -> None:
        """Waits until all is sent, as long as the backend takes anything. Cancelled, it sends no more."""
        try:
            await self._sent()
        finally:
            await self._emitter.close(0.0)
            self._ended = True

    def lines(self) -> list[str]:
        """What was not sent, in words."""
        lost = Counter(self._telemetry.lost)
        if not self._ended:  # cut off: nobody has counted what still waited
            for signal in SIGNALS:
                lost[signal, "no answer in time"] += self._outbox.stored(signal)
        return [
            f"{records:,} {'spans' if signal == 'traces' else 'log events'} were not taken by {self.name} ({why})"
            for (signal, why), records in sorted(lost.items())
            if records
        ]

    async def _sent(self) -> None:
        while True:
            before = self._telemetry.answered
            if await self._emitter.flush(self._stalled_s):
                return
            if self._telemetry.answered == before:
                self._stalled_at = before
                return
