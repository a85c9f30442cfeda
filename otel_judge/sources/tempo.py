"""Tempo's query API: a TraceQL search for ids, and each trace as protobuf.

Its JSON has base64 ids and bare enum names, so protobuf is asked for; an older Tempo has no `/api/v2`, and its answer
is the trace itself. Values over 2 KB were cut when they were stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from ..errors import SourceError
from .api import Api, Query
from .skipped import Skip

PREFIX = "tempo:"
_OPTIONS = ("q", "start", "end", "lookback", "limit", "tenant")
_LIMIT = 100
_PARTIAL = 1
_PROTOBUF = {"Accept": "application/protobuf"}


def read(source: str, trace_id: bytes | None, skip: Skip) -> Iterator[tuple[str, TracesData]]:
    """The traces that `tempo:URL?q=…` finds, or the one of that id. Raises `SourceError`."""
    query = Query.parse(source, PREFIX, _OPTIONS)
    tenant = query.options.get("tenant")
    with Api(query, {} if tenant is None else {"X-Scope-OrgID": tenant}) as api:
        ids = [trace_id.hex()] if trace_id is not None else _search(api, query)
        for each in ids:
            found = _trace(api, query, each, skip)
            if found is not None:
                yield query.source, found
            elif trace_id is None:
                skip(SourceError(query.source, f"trace {each} was found and is not there"))


def _search(api: Api, query: Query) -> list[str]:
    start, end = query.window(datetime.now(UTC))
    asked: dict[str, Any] = {
        "q": query.options.get("q", "{}"),
        "start": int(start.timestamp()),
        "end": int(end.timestamp()) + 1,
        "limit": query.limit(_LIMIT),
    }
    response = api.get("/api/search", asked)
    if response is None:
        raise SourceError(query.source, "no /api/search there", "is it Tempo's query frontend?")
    try:
        found = cast("list[dict[str, object]]", response.json()["traces"] or [])
        return [str(each["traceID"]).zfill(32) for each in found]  # leading zeros are left out
    except KeyError:
        return []
    except (ValueError, TypeError):
        raise SourceError(query.source, "/api/search did not answer Tempo's JSON") from None


def _trace(api: Api, query: Query, trace_id: str, skip: Skip) -> TracesData | None:
    window = {}
    if "start" in query.options or "lookback" in query.options:
        start, end = query.window(datetime.now(UTC))
        window = {"start": int(start.timestamp()), "end": int(end.timestamp()) + 1}
    try:
        response = api.get(f"/api/v2/traces/{trace_id}", {**window}, headers=_PROTOBUF)
        if response is not None:
            answer = cast("Any", _Answer.FromString(response.content))
            if answer.status == _PARTIAL:
                why = answer.message or "Tempo does not say why"
                skip(SourceError(query.source, f"trace {trace_id} is partial: {why}", "what came of it is read"))
            return TracesData.FromString(answer.trace)
        response = api.get(f"/api/traces/{trace_id}", {**window}, headers=_PROTOBUF)
        return None if response is None else TracesData.FromString(response.content)
    except DecodeError:
        skip(SourceError(query.source, f"trace {trace_id} did not come as protobuf"))
        return None


def _answer_class() -> type[Message]:
    """Tempo's `TraceByIDResponse` (pkg/tempopb/tempo.proto): trace 1, status 3, message 4; the trace is read later."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="otel_judge/tempo.proto", package="otel_judge.tempo")
    message = file.message_type.add(name="TraceByIDResponse")
    for name, number, kind in (
        ("trace", 1, field.TYPE_BYTES),
        ("status", 3, field.TYPE_INT32),
        ("message", 4, field.TYPE_STRING),
    ):
        message.field.add(name=name, number=number, type=kind, label=field.LABEL_OPTIONAL)
    file.syntax = "proto3"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("otel_judge.tempo.TraceByIDResponse"))


_Answer = _answer_class()
