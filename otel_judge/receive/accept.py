"""What both servers do with a decoded request, of spans or of log records."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal, TypeAlias, TypeVar

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ..errors import MalformedRequest, Overloaded
from ..otlp_json import decode_logs, decode_traces
from .decode import Intake, parse, split
from .decode_logs import LogIntake, parse_logs, split_logs
from .origins import OriginTable

T = TypeVar("T")
Sink: TypeAlias = Callable[[Intake], None]
"""Takes what a request brought, at once and whole, or raises `Overloaded` and keeps nothing of it."""
LogSink: TypeAlias = Callable[[LogIntake], None]
"""The same for log records."""

RefusalReason: TypeAlias = Literal["invalid_id", "malformed", "too_large", "overloaded", "internal"]
Refused: TypeAlias = Callable[[int, RefusalReason], None]
"""Told of every refusal: the number of spans or records, 0 where the request could not be read, and why."""


class Acceptor(ABC):
    """Splits a request, hands it to the sink and only then answers it."""

    def __init__(self, refused: Refused) -> None:
        self.refused = refused

    @abstractmethod
    def accept_protobuf(self, body: bytes) -> Message:
        """The response to a request that was taken. Raises `MalformedRequest`, and `Overloaded` as the sink does."""

    @abstractmethod
    def accept_json(self, body: bytes) -> Message:
        """The same for OTLP/JSON."""

    def _decode(self, decode: Callable[[bytes], T], body: bytes) -> T:
        try:
            return decode(body)
        except MalformedRequest:
            self.refused(0, "malformed")
            raise

    def _hand_over(self, sink: Callable[[T], None], intake: T, count: int) -> None:
        try:
            sink(intake)
        except Overloaded:
            self.refused(count, "overloaded")
            raise
        except Exception:
            self.refused(count, "internal")
            raise


class TraceAcceptor(Acceptor):
    """Of spans."""

    def __init__(self, sink: Sink, *, refused: Refused, origins: OriginTable) -> None:
        super().__init__(refused)
        self._sink = sink
        self._origins = origins

    def accept_protobuf(self, body: bytes) -> ExportTraceServiceResponse:
        request = self._decode(parse, body)
        return self._take(split(request, self._origins, body=body))

    def accept_json(self, body: bytes) -> ExportTraceServiceResponse:
        request = self._decode(decode_traces, body)
        return self._take(split(request, self._origins))

    def _take(self, intake: Intake) -> ExportTraceServiceResponse:
        if intake.accepted or intake.own or intake.labels:
            self._hand_over(self._sink, intake, intake.accepted)
        response = ExportTraceServiceResponse()
        if intake.rejected:
            self.refused(intake.rejected, "invalid_id")
            response.partial_success.rejected_spans = intake.rejected
            response.partial_success.error_message = intake.error_message
        return response


class LogAcceptor(Acceptor):
    """Of log records."""

    def __init__(self, sink: LogSink, *, refused: Refused) -> None:
        super().__init__(refused)
        self._sink = sink

    def accept_protobuf(self, body: bytes) -> ExportLogsServiceResponse:
        request = self._decode(parse_logs, body)
        return self._take(split_logs(request, body=body))

    def accept_json(self, body: bytes) -> ExportLogsServiceResponse:
        request = self._decode(decode_logs, body)
        return self._take(split_logs(request))

    def _take(self, intake: LogIntake) -> ExportLogsServiceResponse:
        if intake.accepted or intake.own or intake.other:
            self._hand_over(self._sink, intake, intake.accepted)
        response = ExportLogsServiceResponse()
        if intake.rejected:
            self.refused(intake.rejected, "malformed")
            response.partial_success.rejected_log_records = intake.rejected
            response.partial_success.error_message = intake.error_message
        return response


def ignore_refusals(_count: int, _reason: RefusalReason) -> None:
    """For who does not count."""


def delay_s(error: Overloaded) -> int:
    """Whole seconds after which to try again, at least one: `Retry-After` knows no fractions."""
    return max(1, math.ceil(error.retry_after_s))
