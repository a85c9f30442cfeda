"""One object for each resource and scope that spans come from, however many requests repeat them."""

from __future__ import annotations

from ..trace import Origin


class OriginTable:
    """Interns origins, so that buffered spans share them. Bounded; safe to share between servers on one event loop.

    Two generations: when the young one is full it becomes the old one, and what is asked for again moves back.
    An origin that falls out stays alive where spans hold it; it only stops being shared.
    """

    def __init__(self, *, max_entries: int = 8192, max_bytes: int = 16 * 1024 * 1024) -> None:
        self._entries_per_generation = max(1, max_entries // 2)
        self._bytes_per_generation = max_bytes // 2
        self._young: dict[tuple[bytes, str, bytes, str], Origin] = {}
        self._old: dict[tuple[bytes, str, bytes, str], Origin] = {}
        self._young_bytes = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def intern(self, resource: bytes, resource_schema_url: str, scope: bytes, scope_schema_url: str) -> Origin:
        """The shared `Origin` of these values."""
        key = (resource, resource_schema_url, scope, scope_schema_url)
        known = self._young.get(key)
        if known is not None:
            return known
        origin = self._old.pop(key, None) or Origin(*key)
        size = len(resource) + len(resource_schema_url) + len(scope) + len(scope_schema_url)
        if size > self._bytes_per_generation:
            return origin
        if len(self._young) >= self._entries_per_generation or self._young_bytes + size > self._bytes_per_generation:
            self._old, self._young, self._young_bytes = self._young, {}, 0
        self._young[origin] = origin
        self._young_bytes += size
        return origin
