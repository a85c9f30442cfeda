"""Carries one signal from the outbox to its destination, until it is accepted or can never be."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass

from ..telemetry import Telemetry
from .batch import join
from .outbox import Item, Outbox, Signal
from .transport import Accepted, Partial, Permanent, Retry, Transport, Unsupported

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how much is sent. Times are seconds."""

    linger_s: float = 0.2
    """A record waits this long for others to share its request."""
    max_items: int = 512
    max_bytes: int = 1024 * 1024
    """Of one request, about; gRPC backends take 4 MiB by default."""
    initial_backoff_s: float = 1.0
    max_backoff_s: float = 30.0
    longest_delay_s: float = 600.0
    """A backend that asks for more is asked again after this."""
    unsupported_s: float = 3600.0
    """A signal that the backend does not implement is tried again after this."""
    metrics_s: float = 60.0
    """Between pushes of our own metrics."""


class Reach:
    """Says once that a backend is away and once that it is back, whatever number of signals finds out."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._away: set[Signal] = set()
        self._since = 0.0

    def lost(self, signal: Signal, why: str) -> None:
        if not self._away:
            self._since = asyncio.get_running_loop().time()
            log.warning("backend %s takes nothing now, feedback waits: %s", self._name, why)
        self._away.add(signal)

    def found(self, signal: Signal) -> None:
        if signal in self._away:
            self._away.remove(signal)
            if not self._away:
                log.warning(
                    "backend %s is back after %.0f s", self._name, asyncio.get_running_loop().time() - self._since
                )


class Sender:
    """One signal's way out. It lives on one event loop, where `run` is its only task."""

    def __init__(
        self,
        signal: Signal,
        transport: Transport,
        outbox: Outbox,
        *,
        telemetry: Telemetry,
        reach: Reach,
        pace: Pace,
    ) -> None:
        self.signal: Signal = signal
        self._transport = transport
        self._outbox = outbox
        self._telemetry = telemetry
        self._reach = reach
        self._pace = pace
        self._work = asyncio.Event()
        self._hurry = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._failures = 0
        self._off_until: float | None = None
        self._last_drop = ("", 0.0)

    @property
    def wanted(self) -> bool:
        """False while the backend is known not to implement the signal."""
        return self._off_until is None or asyncio.get_running_loop().time() >= self._off_until

    def wake(self) -> None:
        """Something was put into the outbox."""
        self._idle.clear()
        self._work.set()

    async def drained(self) -> None:
        """Returns once nothing is stored. What only waits for company, or for our own backoff, goes at once."""
        if self._outbox.stored(self.signal):
            self._hurry.set()
        await self._idle.wait()

    async def run(self) -> None:
        while True:
            await self._work.wait()
            await self._pause(self._pace.linger_s)
            while batch := self._outbox.take(
                self.signal, max_items=self._pace.max_items, max_bytes=self._pace.max_bytes
            ):
                await self._deliver_apart(batch)
            self._work.clear()
            self._hurry.clear()
            self._idle.set()

    async def close(self) -> None:
        await self._transport.close()

    async def _deliver_apart(self, batch: Sequence[Item]) -> None:
        """A request for each tenant."""
        by_tenant: dict[str | None, list[Item]] = {}
        for item in batch:
            by_tenant.setdefault(item.tenant, []).append(item)
        groups = list(by_tenant.values())
        try:
            while groups:
                await self._deliver(groups.pop(0))
        except asyncio.CancelledError:
            for group in groups:
                self._outbox.later(group)
            raise

    async def _deliver(self, batch: Sequence[Item]) -> None:
        try:
            outcome = await self._transport.send(join(batch), batch[0].tenant)
        except asyncio.CancelledError:
            self._outbox.later(batch)
            raise
        if isinstance(outcome, Retry):
            self._outbox.later(batch)
            self._telemetry.retried(self.signal, len(batch))
            self._reach.lost(self.signal, outcome.why)
            await self._wait(outcome.after_s)
            return
        self._failures = 0
        self._reach.found(self.signal)
        self._outbox.done(batch)
        match outcome:
            case Accepted():
                self._telemetry.sent(self.signal, len(batch))
            case Partial(rejected, why):
                lost = min(rejected, len(batch))
                self._telemetry.sent(self.signal, len(batch) - lost)
                self._dropped(lost, "partial", why)
            case Unsupported(why) if self.signal != "traces":
                self._switch_off(why)
            case Unsupported(why) | Permanent(why):
                self._dropped(len(batch), "permanent", why)

    async def _wait(self, after_s: float | None) -> None:
        """Until the batch may be tried again. A delay that the backend asked for is not cut short by a flush."""
        if after_s:
            await asyncio.sleep(min(after_s, self._pace.longest_delay_s))
            return
        backoff_s = min(self._pace.max_backoff_s, self._pace.initial_backoff_s * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        await self._pause(backoff_s * random.uniform(0.5, 1.5))

    async def _pause(self, seconds: float) -> None:
        """Sleeps, but not through a flush; of each flush it heeds one call."""
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            return
        self._hurry.clear()

    def _dropped(self, records: int, reason: str, why: str) -> None:
        """Counts; says so once a minute for the same cause."""
        self._telemetry.dropped(self.signal, records, reason)
        now = asyncio.get_running_loop().time()
        last_why, at = self._last_drop
        if why != last_why or now - at >= 60:
            self._last_drop = why, now
            log.warning("%d records (%s) refused for good by the backend: %s", records, self.signal, why)

    def _switch_off(self, why: str) -> None:
        if self._off_until is None:
            hours = self._pace.unsupported_s / 3600
            log.warning(
                "the backend takes no %s, they are left out and tried again in %g h: %s", self.signal, hours, why
            )
        self._off_until = asyncio.get_running_loop().time() + self._pace.unsupported_s
        while batch := self._outbox.take(self.signal, max_items=self._pace.max_items, max_bytes=self._pace.max_bytes):
            self._outbox.done(batch)
