"""The resident memory of the service's processes, and the lid on it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from functools import cache

from .config import MemoryLimiterConfig

Read = Callable[[int], int]


def rss_bytes(pid: int) -> int:
    """Resident memory of a process; 0 for one that is gone."""
    import psutil

    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def trim() -> None:
    """Gives memory that was freed back to the system, which glibc else keeps for later."""
    if (release := _malloc_trim()) is not None:
        release(0)


class MemoryLimiter:
    """Says by how much the processes are past the soft limit, and whether they are past the hard one.

    Between the two lies `spike_limit_mib`: what may come in between two looks.
    """

    def __init__(
        self, config: MemoryLimiterConfig, pids: Callable[[], Sequence[int]], *, read: Read = rss_bytes
    ) -> None:
        self._pids = pids
        self._read = read
        self.limit_bytes = int(config.limit_mib * 2**20)
        self.soft_bytes = int((config.limit_mib - config.spike_mib) * 2**20)

    def used_bytes(self) -> int:
        """Resident memory of all processes together."""
        return sum(map(self._read, self._pids()))

    def excess_bytes(self) -> int:
        """Bytes above the soft limit; none or fewer: there is room."""
        return self.used_bytes() - self.soft_bytes

    def largest(self, pids: Sequence[int]) -> int | None:
        """Of these processes the one to end, where all are past the hard limit and it alone has half of that."""
        if self.used_bytes() <= self.limit_bytes or not pids:
            return None
        pid = max(pids, key=self._read)
        return pid if self._read(pid) > self.limit_bytes / 2 else None


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl has not
