"""What both servers do with a decoded request, of spans or of log records."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, Literal, TypeAlias, TypeVar

from google.protobuf.message import Message
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ..errors import MalformedRequest, Overloaded, Unauthenticated
from ..otlp_json import decode_logs, decode_traces
from .decode import Intake, parse, split
from .decode_logs import LogIntake, parse_logs, split_logs
from .origins import OriginTable
from .salvage import NONE_UNREAD, Unread, salvage_json, salvage_protobuf

T = TypeVar("T")
MessageT = TypeVar("MessageT", bound=Message)
_SPAN_LISTS: Final = ("resourceSpans", "scopeSpans", "spans")
_LOG_LISTS: Final = ("resourceLogs", "scopeLogs", "logRecords")
Sink: TypeAlias = Callable[[Intake], None]
"""Takes what a request brought, at once and whole, or raises `Overloaded` and keeps nothing of it."""
LogSink: TypeAlias = Callable[[LogIntake], None]
"""The same for log records."""

RefusalReason: TypeAlias = Literal["invalid", "malformed", "too_large", "overloaded", "unauthenticated", "internal"]
Refused: TypeAlias = Callable[[int, RefusalReason], None]
"""Told of every refusal: the number of spans or records, 0 where the request could not be read, and why."""


class Acceptor(ABC):
    """Splits a request, hands it to the sink and only then answers it."""

    def __init__(self, refused: Refused) -> None:
        self.refused = refused

    @abstractmethod
    def accept_protobuf(self, body: bytes, tenant: str | None = None) -> Message:
        """The response to a request that was taken. Raises `MalformedRequest`, and `Overloaded` as the sink does."""

    @abstractmethod
    def accept_json(self, body: bytes, tenant: str | None = None) -> Message:
        """The same for OTLP/JSON."""

    @contextmanager
    def counting_refusals(self) -> Generator[None]:
        """Tells of a request that is turned away by its header."""
        try:
            yield
        except Unauthenticated:
            self.refused(0, "unauthenticated")
            raise
        except MalformedRequest:
            self.refused(0, "malformed")
            raise

    def _parse(self, parse: Callable[[bytes], T], body: bytes, record: type[Message]) -> tuple[T, bytes, Unread]:
        """The request, the bytes that it stands in, and what of it could not be read."""
        try:
            return parse(body), body, NONE_UNREAD
        except MalformedRequest as malformed:
            try:
                cleaned, unread = salvage_protobuf(body, record)
                return parse(cleaned), cleaned, unread
            except MalformedRequest:
                self.refused(0, "malformed")
                raise malformed from None

    def _load(
        self, decode: Callable[[bytes | dict[str, Any]], MessageT], body: bytes, names: tuple[str, str, str]
    ) -> tuple[MessageT, Unread]:
        """The same for JSON."""
        try:
            return decode(body), NONE_UNREAD
        except MalformedRequest as malformed:
            try:
                return salvage_json(body, names, decode)
            except MalformedRequest:
                self.refused(0, "malformed")
                raise malformed from None

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

    def accept_protobuf(self, body: bytes, tenant: str | None = None) -> ExportTraceServiceResponse:
        request, body, unread = self._parse(parse, body, Span)
        return self._take(split(request, self._origins, body=body, unread=unread, tenant=tenant))

    def accept_json(self, body: bytes, tenant: str | None = None) -> ExportTraceServiceResponse:
        request, unread = self._load(decode_traces, body, _SPAN_LISTS)
        return self._take(split(request, self._origins, unread=unread, tenant=tenant))

    def _take(self, intake: Intake) -> ExportTraceServiceResponse:
        if intake.accepted or intake.own or intake.labels:
            self._hand_over(self._sink, intake, intake.accepted)
        response = ExportTraceServiceResponse()
        if intake.rejected:
            self.refused(intake.rejected, "invalid")
            response.partial_success.rejected_spans = intake.rejected
            response.partial_success.error_message = intake.error_message
        return response


class LogAcceptor(Acceptor):
    """Of log records."""

    def __init__(self, sink: LogSink, *, refused: Refused) -> None:
        super().__init__(refused)
        self._sink = sink

    def accept_protobuf(self, body: bytes, tenant: str | None = None) -> ExportLogsServiceResponse:
        request, body, unread = self._parse(parse_logs, body, LogRecord)
        return self._take(split_logs(request, body=body, unread=unread, tenant=tenant))

    def accept_json(self, body: bytes, tenant: str | None = None) -> ExportLogsServiceResponse:
        request, unread = self._load(decode_logs, body, _LOG_LISTS)
        return self._take(split_logs(request, unread=unread, tenant=tenant))

    def _take(self, intake: LogIntake) -> ExportLogsServiceResponse:
        if intake.accepted or intake.own or intake.other:
            self._hand_over(self._sink, intake, intake.accepted)
        response = ExportLogsServiceResponse()
        if intake.rejected:
            self.refused(intake.rejected, "invalid")
            response.partial_success.rejected_log_records = intake.rejected
            response.partial_success.error_message = intake.error_message
        return response


def ignore_refusals(_count: int, _reason: RefusalReason) -> None:
    """For who does not count."""


def bad_request(code: Code, message: str) -> Status:
    """A `google.rpc.Status` that names what is wrong with the request, as the OTLP specification asks for bad data."""
    status = Status(code=code, message=message)
    status.details.add().Pack(BadRequest(field_violations=[BadRequest.FieldViolation(description=message)]))
    return status


def delay_s(error: Overloaded) -> int:
    """Whole seconds after which to try again, at least one: `Retry-After` knows no fractions."""
    return max(1, math.ceil(error.retry_after_s))
