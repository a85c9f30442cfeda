"""Which service an origin belongs to."""

from __future__ import annotations

from functools import lru_cache

from ..trace import Origin, OriginView

_CACHED_RESOURCES = 1024
_LARGEST_CACHED = 64 * 1024  # bytes; with the count above, what a sender of odd resources can make us keep


def service_name(origin: Origin) -> str | None:
    """`service.name` of the origin's resource, decoded at first use; `None` when it has none."""
    if len(origin.resource) > _LARGEST_CACHED:
        return _decode(origin.resource)
    return _decode_once(origin.resource)


def _decode(resource: bytes) -> str | None:
    return OriginView(Origin(resource, "", b"", "")).service


_decode_once = lru_cache(maxsize=_CACHED_RESOURCES)(_decode)
