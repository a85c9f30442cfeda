"""Makes room when memory runs short: the cheapest loss first, and refusal last."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from .errors import Overloaded
from .memory import MemoryLimiter, trim
from .trace import Trace

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 2.0
SAY_S = 60.0  # between two log lines about memory
_LEAST_BYTES = 1 << 20  # let go at a time: smaller pieces free no page


class Holder(Protocol):
    """What can let go: the index."""

    def drop_retained(self, size: int) -> int: ...
    def finish_oldest(self, size: int, now: float) -> list[Trace]: ...


class Relief:
    """Looks at memory now and then. Above the soft limit, in this order: retained traces are dropped, the oldest
    unfinished ones are finished with reason `memory_pressure`, and requests are refused until there is room.

    To finish the oldest keeps it from locking up: the roots that would finish them may be among what is refused.
    """

    def __init__(
        self,
        limiter: MemoryLimiter,
        holder: Holder,
        *,
        workers: Callable[[], Sequence[int]],
        end_worker: Callable[[int], None],
    ) -> None:
        self._limiter = limiter
        self._holder = holder
        self._workers = workers
        self._end_worker = end_worker
        self._refusing = False
        self._say_at = 0.0

    def admit(self) -> None:
        """Raises `Overloaded` while requests are refused."""
        if self._refusing:
            limit = f"memory_limiter.limit_mib is {self._limiter.limit_bytes / 2**20:g}"
            raise Overloaded(f"memory is short ({limit}); send again later", RETRY_AFTER_S)

    def look(self, now: float, *, may_finish: bool) -> list[Trace]:
        """Makes room where it is short, and returns the traces that it finished; none unless `may_finish`."""
        if (excess := self._limiter.excess_bytes()) > 0:
            trim()
            excess = self._limiter.excess_bytes()
        if excess <= 0:
            if self._refusing:
                logger.info("there is memory again: requests are taken")
            self._refusing = False
            return []
        dropped = self._holder.drop_retained(max(excess, _LEAST_BYTES))
        if dropped:
            trim()
            excess = self._limiter.excess_bytes()
        finished = list[Trace]()
        if excess > 0 and may_finish:
            finished = self._holder.finish_oldest(max(excess, _LEAST_BYTES), now)
        if excess > 0 and (worker := self._limiter.largest(self._workers())) is not None:
            logger.error("worker process %d has over half of memory_limiter.limit_mib, and is ended", worker)
            self._end_worker(worker)
        self._refusing = excess > 0
        self._say(dropped, len(finished))
        return finished

    def _say(self, dropped: int, finished: int) -> None:
        if time.monotonic() < self._say_at:
            return
        self._say_at = time.monotonic() + SAY_S
        logger.warning(
            "memory is short: %.0f MiB in use, %.0f MiB is the soft limit; %.1f MiB of retained traces were dropped, "
            "%d traces finished early, requests are %s",
            self._limiter.used_bytes() / 2**20,
            self._limiter.soft_bytes / 2**20,
            dropped / 2**20,
            finished,
            "refused" if self._refusing else "taken",
        )
