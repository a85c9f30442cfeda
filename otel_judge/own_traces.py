"""The judge never judges itself: how any otel-judge recognises what an otel-judge made.

Everything that we emit says so on its resource (`is_emitter`), and the traces that judges open say so by their id
(`is_own`).

The second half of such an id is a hash of its random first half. So the trace of a judgement is known by its id
alone, on every replica and after a restart, with nothing to remember and nothing to expire. A random id passes by
chance once in 2**64.

Spans under these ids are dropped at intake: whatever answered a judge's call (a gateway, a self-hosted model)
may report spans of its own into the same pipeline, and a judge must never judge judging.
"""

from __future__ import annotations

import secrets
from hashlib import blake2b

from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from . import semconv

_PERSON = b"otel-judge-trace"  # domain separation, 16 bytes at most


def new_trace_id() -> bytes:
    """A fresh trace id, 16 bytes, that `is_own` recognises."""
    head = secrets.token_bytes(8)
    return head + _tail(head)


def is_own(trace_id: bytes) -> bool:
    """Whether a judge opened the trace with this id (16 bytes)."""
    return trace_id[8:] == _tail(trace_id[:8])


def is_emitter(resource: Resource) -> bool:
    """Whether otel-judge emitted what comes from this resource, whatever service it names."""
    for attribute in resource.attributes:
        if attribute.key == semconv.EMITTER:
            value = attribute.value
            # Stores and processors on the way may have made text of it.
            return value.bool_value or value.string_value.lower() == "true"
    return False


def _tail(head: bytes) -> bytes:
    return blake2b(head, digest_size=8, person=_PERSON).digest()
