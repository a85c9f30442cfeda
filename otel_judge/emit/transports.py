"""Which transport a destination needs. Only the one that is used is imported."""

from __future__ import annotations

from .outbox import Signal
from .transport import Destination, Transport


def open_transport(signal: Signal, destination: Destination) -> Transport:
    """The transport for `destination`; it connects with its first request. Raises `OSError` for a CA file unread."""
    if destination.protocol == "grpc":
        from .otlp_grpc import GrpcTransport

        return GrpcTransport(signal, destination)
    from .otlp_http import HttpTransport

    return HttpTransport(signal, destination)
