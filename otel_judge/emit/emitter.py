"""The sink that sends: Feedback, decisions, the judge's own spans and our metrics, over OTLP."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine, Iterable
from types import TracebackType
from typing import Self

from .. import metrics as table
from ..config import FeedbackConfig
from ..decision import Decision
from ..feedback import Feedback, Target
from ..telemetry import Telemetry
from .batch import split_spans
from .encode import Encoder
from .outbox import Item, MemoryOutbox, Outbox, Signal
from .sender import Pace, Reach, Sender
from .settings import Export
from .transports import open_transport

log = logging.getLogger(__name__)


class Emitter:
    """A `Sink` on the event loop that `start` is called on.

    `emit`, `decided`, `put_spans` and `put` may be called from any thread once it has started: records are encoded
    where they are called, then handed to the loop. All else belongs to the loop.
    """

    def __init__(
        self,
        export: Export,
        config: FeedbackConfig,
        telemetry: Telemetry,
        *,
        outbox: Outbox | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._export = export
        self._encoder = Encoder(config)
        self._telemetry = telemetry
        self._outbox = outbox if outbox is not None else MemoryOutbox(export.queue_bytes, telemetry.dropped)
        self._pace = pace or Pace()
        self._senders: dict[Signal, Sender] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: int | None = None
        self._closed = False

    async def start(self) -> None:
        """Opens the transports; they connect with the first request."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        reach = Reach(self._export.name)
        for signal, destination in self._export.destinations.items():
            transport = open_transport(signal, destination)
            sender = Sender(signal, transport, self._outbox, telemetry=self._telemetry, reach=reach, pace=self._pace)
            self._senders[signal] = sender
            self._spawn(sender.run(), f"emit {signal}")
            if self._outbox.stored(signal):  # from before a restart
                sender.wake()
        if "metrics" in self._senders:
            self._spawn(self._push_metrics_often(), "emit own metrics")
        self._telemetry.observe(table.QUEUE_SIZE, self._outbox.size, queue="emit")
        self._telemetry.observe(table.QUEUE_CAPACITY, lambda: self._outbox.capacity, queue="emit")
        self._telemetry.observe(table.QUEUE_OLDEST, self._outbox.oldest_s, queue="emit")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        self.put(self._encoder.items(feedback, decision))

    def decided(self, target: Target, decision: Decision, *, at_ns: int) -> None:
        self.put([self._encoder.decision(target, decision, at_ns)])

    def put_spans(self, request: bytes) -> None:
        """Takes spans of the judge's own, as the bytes of an `ExportTraceServiceRequest`."""
        self.put(list(split_spans(request)))

    def put(self, items: Iterable[Item]) -> None:
        """Takes finished records."""
        if self._loop is None:
            raise RuntimeError("the emitter has not started")
        if threading.get_ident() == self._thread:
            self._store(items)
            return
        try:
            self._loop.call_soon_threadsafe(self._store, items)
        except RuntimeError:  # the loop has ended, and with it all that could send
            self._lost(items)

    async def flush(self, deadline_s: float) -> bool:
        await asyncio.sleep(0)  # what other threads have handed over before is stored first
        try:
            async with asyncio.timeout(deadline_s):
                for signal in ("traces", "logs"):
                    if signal in self._senders:
                        await self._senders[signal].drained()
                self._push_metrics()  # last, so that they count what was just sent
                if "metrics" in self._senders:
                    await self._senders["metrics"].drained()
        except TimeoutError:
            return False
        return True

    async def close(self, deadline_s: float = 5.0) -> None:
        if self._closed or self._loop is None:
            return
        await self.flush(deadline_s)
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for signal, sender in self._senders.items():
            await sender.close()
            if (left := self._outbox.stored(signal)) and not self._outbox.lasts:
                self._telemetry.dropped(signal, left, "shutdown")
                log.warning("%d records (%s) were not accepted before the end and are lost", left, signal)

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_report)
        self._tasks.append(task)

    def _store(self, items: Iterable[Item]) -> None:
        if self._closed:
            self._lost(items)
            return
        for item in items:
            sender = self._senders.get(item.signal)
            if sender is not None and sender.wanted:
                self._outbox.put(item)
                sender.wake()

    def _lost(self, items: Iterable[Item]) -> None:
        for item in items:
            self._telemetry.dropped(item.signal, 1, "shutdown")

    async def _push_metrics_often(self) -> None:
        while True:
            await asyncio.sleep(self._pace.metrics_s)
            self._push_metrics()

    def _push_metrics(self) -> None:
        if "metrics" not in self._senders or not self._senders["metrics"].wanted:
            return
        from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

        data = self._telemetry.collect()
        if data is not None:
            # One id: a push that has not gone out yet gives way to the newer, which holds all that it did.
            self._store([Item("metrics", "metrics", b"", encode_metrics(data).SerializeToString())])


def _report(task: asyncio.Task[None]) -> None:
    """A task ends only by being cancelled; any other end is a fault of ours that must not pass unseen."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s has stopped", task.get_name(), exc_info=error)
