"""OTLP in: request bytes become accepted spans and log records, and a count of rejected ones.

`decode` and `decode_logs` split a request by trace, `accept` hands the pieces over, `grpc` and `http` are the servers.
"""

from __future__ import annotations

from .accept import LogAcceptor, RefusalReason, Refused, Sink
from .decode import Intake
from .decode_logs import LogIntake
from .origins import OriginTable

__all__ = ["Intake", "LogAcceptor", "LogIntake", "OriginTable", "RefusalReason", "Refused", "Sink"]
