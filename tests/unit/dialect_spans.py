"""Spans as their instrumentations write them: one attribute map for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from otel_judge.dialects import read
from otel_judge.dialects.base import Content, Message, Text
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Span


def span_of(
    attributes: Mapping[str, Any],
    name: str = "a span",
    *,
    scope: str = "app",
    events: Iterable[tuple[str, Mapping[str, Any]]] = (),
) -> Span:
    build = TraceBuilder()
    span_id = build.span(name, attributes=attributes, scope=scope)
    for event, fields in events:
        build.event(span_id, event, fields)
    return build.trace().spans[0]


def content(attributes: Mapping[str, Any], name: str = "a span", **options: Any) -> Content:
    return read(span_of(attributes, name, **options))


def said(role: str, text: str) -> Message:
    return Message(role, (Text(text),))
