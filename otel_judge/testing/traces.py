"""Traces written by hand, for tests and docs.

    build = TraceBuilder(service="shop")
    root = build.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    build.chat("m-1", parent=root, tokens=(120, 30))
    build.tool("find_order", parent=root, arguments={"id": 7}, error="no such order")
    trace = build.trace()

The same calls give the same bytes: ids are counted, not random, and times are seconds after a fixed moment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TypedDict, Unpack

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanProto
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from ..attributes import AttributeValue, encode_attributes
from ..trace import PARENT_IS_REMOTE, CompletionReason, Origin, SpanBlock, SpanKind, StatusCode, Trace

BASE_NS = 1_760_000_000_000_000_000  # Unix nanoseconds; second 0.0 of every builder


class SpanOptions(TypedDict, total=False):
    """What every kind of span can be given."""

    parent: str | None
    """Span id. It need not be in the trace."""
    start: float
    """Seconds after the base; 0.0 by default."""
    end: float
    """Seconds after the base; by default one second after the start."""
    ended: bool
    """False: the span has no end time."""
    attributes: Mapping[str, AttributeValue]
    error: str | None
    """Message of the status ERROR."""
    status: StatusCode
    kind: SpanKind
    service: str
    """Another service than the builder's."""
    scope: str
    span_id: str
    """16 hex digits; counted by default. The same id twice makes a duplicate."""
    remote_parent: bool
    """The span's flags say that its parent is in another process."""


class TraceBuilder:
    """Builds one trace span by span. Each method that adds a span returns its id, 16 hex digits.

    `seed` tells the ids of several traces apart.
    """

    def __init__(
        self,
        service: str | None = "app",
        *,
        seed: int = 0,
        trace_id: str | None = None,
        scope: str = "app",
        resource: Mapping[str, AttributeValue] | None = None,
        base_ns: int = BASE_NS,
    ) -> None:
        self.trace_id = trace_id or blake2b(f"trace {seed}".encode(), digest_size=16).hexdigest()
        self._service = service
        self._scope = scope
        self._resource = dict(resource or {})
        self._base_ns = base_ns
        self._spans: list[tuple[tuple[str | None, str], SpanProto]] = []

    def span(self, name: str, **options: Unpack[SpanOptions]) -> str:
        """Add a span."""
        start = options.get("start", 0.0)
        error = options.get("error")
        span_id = options.get("span_id") or self._next_id()
        proto = SpanProto(
            trace_id=bytes.fromhex(self.trace_id),
            span_id=bytes.fromhex(span_id),
            parent_span_id=bytes.fromhex(options.get("parent") or ""),
            name=name,
            kind=SpanProto.SpanKind.Value(f"SPAN_KIND_{options.get('kind', 'INTERNAL')}"),
            start_time_unix_nano=self._at(start),
            end_time_unix_nano=self._at(options.get("end", start + 1.0)) if options.get("ended", True) else 0,
            attributes=encode_attributes(options.get("attributes", {})),
            flags=PARENT_IS_REMOTE if options.get("remote_parent", False) else 0,
        )
        status = options.get("status") or ("UNSET" if error is None else "ERROR")
        if status != "UNSET":
            proto.status.CopyFrom(Status(code=Status.StatusCode.Value(f"STATUS_CODE_{status}"), message=error or ""))
        self._spans.append(((options.get("service", self._service), options.get("scope", self._scope)), proto))
        return span_id

    def event(
        self, span_id: str, name: str, attributes: Mapping[str, AttributeValue] | None = None, *, at: float = 0.0
    ) -> None:
        """Add an event to the span of that id that was added last."""
        self._find(span_id).events.add(
            name=name, time_unix_nano=self._at(at), attributes=encode_attributes(attributes or {})
        )

    def link(
        self, span_id: str, to_trace: str, to_span: str, attributes: Mapping[str, AttributeValue] | None = None
    ) -> None:
        """Add a link, to ids in hex, to the span of that id that was added last."""
        self._find(span_id).links.add(
            trace_id=bytes.fromhex(to_trace),
            span_id=bytes.fromhex(to_span),
            attributes=encode_attributes(attributes or {}),
        )

    def agent(
        self, name: str, *, user: str | None = None, answer: str | None = None, **options: Unpack[SpanOptions]
    ) -> str:
        """Add one run of an agent, in GenAI semantic conventions. None: not captured."""
        attributes: dict[str, AttributeValue] = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}
        if user is not None:
            attributes["gen_ai.input.messages"] = json.dumps([text("user", user)])
        if answer is not None:
            attributes["gen_ai.output.messages"] = json.dumps([text("assistant", answer)])
        return self._add(f"invoke_agent {name}", attributes, options)

    def chat(
        self,
        model: str,
        *,
        messages: Sequence[object] | None = None,
        output: Sequence[object] | None = None,
        tokens: tuple[int, int] | None = None,
        finish: str | None = None,
        **options: Unpack[SpanOptions],
    ) -> str:
        """Add one model call, in GenAI semantic conventions. `tokens` are input and output; None: not captured."""
        attributes: dict[str, AttributeValue] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": model}
        if messages is not None:
            attributes["gen_ai.input.messages"] = json.dumps(messages)
        if output is not None:
            attributes["gen_ai.output.messages"] = json.dumps(output)
        if tokens is not None:
            attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"] = tokens
        if finish is not None:
            attributes["gen_ai.response.finish_reasons"] = [finish]
        return self._add(f"chat {model}", attributes, options)

    def tool(
        self,
        name: str,
        *,
        arguments: object = None,
        result: object = None,
        call_id: str | None = None,
        **options: Unpack[SpanOptions],
    ) -> str:
        """Add one execution of a tool, in GenAI semantic conventions. None: not captured."""
        attributes: dict[str, AttributeValue] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
        if arguments is not None:
            attributes["gen_ai.tool.call.arguments"] = _as_text(arguments)
        if result is not None:
            attributes["gen_ai.tool.call.result"] = _as_text(result)
        if call_id is not None:
            attributes["gen_ai.tool.call.id"] = call_id
        return self._add(f"execute_tool {name}", attributes, options)

    def blocks(self) -> list[SpanBlock]:
        """The spans as the index keeps them, in the order in which they were added."""
        grouped: dict[tuple[str | None, str], list[bytes]] = {}
        for key, proto in self._spans:
            grouped.setdefault(key, []).append(proto.SerializeToString())
        return [
            SpanBlock(
                Origin(
                    self._encode_resource(service).SerializeToString(),
                    "",
                    InstrumentationScope(name=scope).SerializeToString(),
                    "",
                ),
                spans,
            )
            for (service, scope), spans in grouped.items()
        ]

    def trace(self, *, completion: CompletionReason = CompletionReason.STORED, tenant: str | None = None) -> Trace:
        """The finished trace."""
        return Trace(bytes.fromhex(self.trace_id), self.blocks(), completion=completion, tenant=tenant)

    def request(self) -> ExportTraceServiceRequest:
        """The OTLP request that would bring the trace, one ResourceSpans for each service and scope."""
        request = ExportTraceServiceRequest()
        for origin, spans in self.blocks():
            resource_spans = request.resource_spans.add(resource=Resource.FromString(origin.resource))
            scope_spans = resource_spans.scope_spans.add(scope=InstrumentationScope.FromString(origin.scope))
            scope_spans.spans.extend(SpanProto.FromString(span) for span in spans)
        return request

    def _add(self, name: str, attributes: dict[str, AttributeValue], options: SpanOptions) -> str:
        merged: SpanOptions = {**options, "attributes": {**attributes, **options.get("attributes", {})}}
        return self.span(name, **merged)

    def _encode_resource(self, service: str | None) -> Resource:
        own = {} if service is None else {"service.name": service}
        return Resource(attributes=encode_attributes({**own, **self._resource}))

    def _find(self, span_id: str) -> SpanProto:
        raw = bytes.fromhex(span_id)
        return next(proto for _, proto in reversed(self._spans) if proto.span_id == raw)

    def _next_id(self) -> str:
        return blake2b(f"{self.trace_id} {len(self._spans)}".encode(), digest_size=8).hexdigest()

    def _at(self, seconds: float) -> int:
        return self._base_ns + round(seconds * 1e9)


def text(role: str, content: str, *, finish: str | None = None) -> dict[str, object]:
    """A message of one text part, in the JSON shape of the GenAI semantic conventions."""
    message: dict[str, object] = {"role": role, "parts": [{"type": "text", "content": content}]}
    return message if finish is None else {**message, "finish_reason": finish}


def asks(name: str, arguments: object, *, call_id: str) -> dict[str, object]:
    """An assistant message that asks for a tool."""
    part = {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
    return {"role": "assistant", "parts": [part], "finish_reason": "tool_call"}


def answers(result: object, *, call_id: str) -> dict[str, object]:
    """A tool message that gives a tool's result back to the model."""
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": result}]}


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
