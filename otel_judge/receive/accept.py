"""What both servers do with a decoded request."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ..errors import MalformedRequest, Overloaded
from ..otlp_json import decode_traces
from .decode import Intake, Request, parse, split
from .origins import OriginTable

Sink: TypeAlias = Callable[[Intake], None]
"""Takes what a request brought, at once and whole, or raises `Overloaded` and keeps nothing of it."""

RefusalReason: TypeAlias = Literal["invalid_id", "malformed", "too_large", "overloaded", "internal"]
Refused: TypeAlias = Callable[[int, RefusalReason], None]
"""Told of every refusal: the number of spans, 0 where the request could not be read, and why."""


class Acceptor:
    """Splits a request, hands it to the sink and only then answers it."""

    def __init__(self, sink: Sink, *, refused: Refused, origins: OriginTable) -> None:
        self._sink = sink
        self._origins = origins
        self.refused = refused

    def accept_protobuf(self, body: bytes) -> ExportTraceServiceResponse:
        """The response to a request that was taken. Raises `MalformedRequest`, and `Overloaded` as the sink does."""
        request = self._decode(parse, body)
        return self._take(split(request, self._origins, body=body))

    def accept_json(self, body: bytes) -> ExportTraceServiceResponse:
        """The same for OTLP/JSON."""
        request = self._decode(decode_traces, body)
        return self._take(split(request, self._origins))

    def _decode(self, decode: Callable[[bytes], Request], body: bytes) -> Request:
        try:
            return decode(body)
        except MalformedRequest:
            self.refused(0, "malformed")
            raise

    def _take(self, intake: Intake) -> ExportTraceServiceResponse:
        if intake.accepted or intake.own or intake.labels:
            self._hand_over(intake)
        response = ExportTraceServiceResponse()
        if intake.rejected:
            self.refused(intake.rejected, "invalid_id")
            response.partial_success.rejected_spans = intake.rejected
            response.partial_success.error_message = intake.error_message
        return response

    def _hand_over(self, intake: Intake) -> None:
        try:
            self._sink(intake)
        except Overloaded:
            self.refused(intake.accepted, "overloaded")
            raise
        except Exception:
            self.refused(intake.accepted, "internal")
            raise


def ignore_refusals(_count: int, _reason: RefusalReason) -> None:
    """For who does not count."""


def delay_s(error: Overloaded) -> int:
    """Whole seconds after which to try again, at least one: `Retry-After` knows no fractions."""
    return max(1, math.ceil(error.retry_after_s))
