"""A request of log records: what they say of spans, by trace.

Most logs say nothing of the kind and are let go. Whether a request holds any that do is seen in its bytes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TypeAlias

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

from ..errors import MalformedRequest
from ..label import Label
from ..log_events import MARK, NotJoinable, SpanEvent, read_record
from ..own_traces import is_emitter, is_own
from .salvage import NONE_UNREAD, Unread

LogRequest: TypeAlias = ExportLogsServiceRequest | LogsData
"""The two are the same on the wire; OTLP/JSON is read as the latter."""


@dataclass(frozen=True, slots=True)
class LogIntake:
    """What one request of log records brought."""

    events: dict[bytes, list[SpanEvent]]
    """What they say of spans, by trace id, 16 bytes."""
    accepted: int
    """Records in `events` and `labels`."""
    rejected: int
    """Records that no span can take; the client is told, and must not send them again."""
    error_message: str
    """How many records were rejected and why; empty without any."""
    own: int
    """Records of otel-judge's own making, dropped without a word to the client."""
    other: int
    """Records that say nothing of a span's content: taken, and let go."""
    labels: tuple[Label, ...] = ()
    """What people said of traces; no event of these."""
    tenant: str | None = None
    """Whose all of it is."""


def parse_logs(body: bytes) -> ExportLogsServiceRequest:
    """The request in `body`; raises `MalformedRequest`."""
    try:
        return ExportLogsServiceRequest.FromString(body)
    except DecodeError as error:
        raise MalformedRequest("the body is not a protobuf ExportLogsServiceRequest") from error


def split_logs(
    request: LogRequest, *, body: bytes | None = None, unread: Unread = NONE_UNREAD, tenant: str | None = None
) -> LogIntake:
    """Groups what a request says of spans by trace. `body` is what it was parsed from, if that was protobuf.

    `unread` are records of the request that could not be read and are not in it: they are rejected.

    Records of otel-judge's own making are dropped: by the mark on their resource, or by their trace id.
    """
    events: dict[bytes, list[SpanEvent]] = {}
    labels: list[Label] = []
    problems = Counter[str]()
    accepted = own = other = 0
    marked = body is None or MARK in body
    for resource_logs in request.resource_logs:
        count = sum(len(scope_logs.log_records) for scope_logs in resource_logs.scope_logs)
        if not marked:
            other += count
            continue
        if is_emitter(resource_logs.resource):
            own += count
            continue
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                try:
                    logged = read_record(record)
                except NotJoinable as problem:
                    problems[str(problem)] += 1
                    continue
                if logged is None:
                    other += 1
                elif is_own(logged.trace_id):
                    own += 1
                else:
                    accepted += 1
                    if logged.labels:
                        labels += logged.labels
                    else:
                        events.setdefault(logged.trace_id, []).append(logged.event)
    rejected = problems.total() + unread.number
    return LogIntake(events, accepted, rejected, _why(problems, unread), own, other, tuple(labels), tenant)


def _why(problems: Counter[str], unread: Unread) -> str:
    reasons = [f"{count} {problem}" for problem, count in problems.items()]
    if unread.number:
        reasons.append(str(unread))
    return f"log records rejected: {', '.join(reasons)}" if reasons else ""
