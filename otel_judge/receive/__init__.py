"""OTLP in: request bytes become accepted spans and a count of rejected ones.

`decode` splits a request by trace, `accept` hands the pieces over, `grpc` and `http` are the servers.
"""

from __future__ import annotations

from .accept import RefusalReason, Refused, Sink
from .decode import Intake
from .origins import OriginTable

__all__ = ["Intake", "OriginTable", "RefusalReason", "Refused", "Sink"]
