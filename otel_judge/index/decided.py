"""Traces that are finished, by key alone, so that what comes for them later is known to be late."""

from __future__ import annotations

from collections import deque

DECIDED_TRACES = 200_000
"""So many finished traces are remembered, the oldest forgotten first: about 25 MB when full."""


class Decided:
    """A bounded set of trace keys."""

    def __init__(self, capacity: int = DECIDED_TRACES) -> None:
        self._capacity = capacity
        self.keys: set[bytes] = set()
        """To be asked; a key is added by `add`."""
        self._order: deque[bytes] = deque()

    def add(self, key: bytes) -> None:
        """Remembers a key; one that is remembered already keeps its place."""
        if key in self.keys:
            return
        if len(self._order) >= self._capacity:
            self.keys.discard(self._order.popleft())
        self.keys.add(key)
        self._order.append(key)
