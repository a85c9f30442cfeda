"""Fragments as intake makes them, for the tests of the index."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_judge.config import IndexConfig
from otel_judge.fragment import Fragment
from otel_judge.trace import Origin, Trace

TRACE = b"t" * 16
OTHER_TRACE = b"u" * 16
MIB = 2**20


@cache
def origin(service: str | None = "shop", scope: bytes = b"") -> Origin:
    attributes = [] if service is None else [KeyValue(key="service.name", value=AnyValue(string_value=service))]
    return Origin(Resource(attributes=attributes).SerializeToString(), "", scope, "")


def span_id(number: int) -> bytes:
    return number.to_bytes(8, "big")


@cache
def encode(number: int, *, size: int = 0) -> bytes:
    return Span(span_id=span_id(number), name=f"span {number}", trace_state="x" * size).SerializeToString()


def fragment(
    numbers: Iterable[int], *, service: str | None = "shop", root: bool = False, remote: bool = False, size: int = 0
) -> Fragment:
    """The spans of these numbers, all of one service; with `size`, padded to at least so many bytes each."""
    made = Fragment()
    extend(made, numbers, service=service, size=size)
    made.ended_root = root
    made.remote_root = remote
    return made


def extend(made: Fragment, numbers: Iterable[int], *, service: str | None = "shop", size: int = 0) -> None:
    numbers = list(numbers)
    encoded = [encode(number, size=size) for number in numbers]
    made.blocks.append((origin(service), encoded))
    made.span_ids += map(span_id, numbers)
    made.size += sum(map(len, encoded))


def numbers_of(trace: Trace) -> list[int]:
    """The numbers of a trace's spans as they are kept, without dropping anything twice there."""
    return [int.from_bytes(Span.FromString(data).span_id, "big") for block in trace.blocks for data in block.spans]


def config(
    *,
    root_grace: float = 6,
    idle: float = 30,
    max_age: float = 600,
    max_spans: int = 1000,
    max_trace_mib: float = 64,
    max_mib: float = 512,
    retain_age: float = 3600,
    retain_mib: float = 256,
) -> IndexConfig:
    return IndexConfig.model_validate(
        {
            "completion": {
                "root_grace": f"{root_grace}s",
                "idle": f"{idle}s",
                "max_age": f"{max_age}s",
                "max_spans": max_spans,
                "max_trace_mib": max_trace_mib,
            },
            "max_mib": max_mib,
            "retain": {"max_age": f"{retain_age}s", "max_mib": retain_mib},
        }
    )
