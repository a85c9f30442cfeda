"""Jaeger's two APIs: the one that its UI asks (`/api`), and `/api/v3`, which answers OTLP."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import httpx

Json: TypeAlias = dict[str, Any]


class JaegerApi:
    def __init__(self, url: str) -> None:
        self._url = url

    def services(self) -> set[str]:
        return set(self._get("/api/services")["data"] or ())

    def search(self, service: str, **tags: str) -> dict[str, list[UiSpan]]:
        """Traces that have a span of this service with all of these tags, by id: what the UI's search finds."""
        now_us = time.time_ns() // 1000
        hour_us = 3_600_000_000
        params = {"service": service, "limit": 1000, "start": now_us - hour_us, "end": now_us + hour_us}
        if tags:
            params["tags"] = json.dumps(tags)
        return {trace["traceID"]: _ui_spans(trace) for trace in self._get("/api/traces", **params)["data"] or ()}

    def trace(self, trace_id: str) -> list[UiSpan]:
        """A trace as the UI is given it; empty where there is none."""
        return next((_ui_spans(trace) for trace in self._get(f"/api/traces/{trace_id}").get("data") or ()), [])

    def download(self, trace_id: str) -> Json:
        """A trace as the UI downloads it."""
        return self._get(f"/api/traces/{trace_id}")

    def trace_v3(self, trace_id: str) -> list[OtlpSpan]:
        """A trace as OTLP; empty where there is none."""
        return _of_answer(self._get(f"/api/v3/traces/{trace_id}"))

    def search_v3(self, service: str) -> list[OtlpSpan]:
        """All spans of the traces that have a span of this service."""
        now = datetime.now(UTC)
        times = [(now + timedelta(hours=hours)).isoformat().replace("+00:00", "Z") for hours in (-1, 1)]
        params = {"query.service_name": service, "query.num_traces": 1000}
        params |= {"query.start_time_min": times[0], "query.start_time_max": times[1]}
        return _of_answer(self._get("/api/v3/traces", **params))

    def _get(self, path: str, **params: Any) -> Json:
        response = httpx.get(f"{self._url}{path}", params=params, timeout=10.0)
        if response.status_code == httpx.codes.NOT_FOUND:
            return {}
        return response.raise_for_status().json()


@dataclass(frozen=True)
class UiSpan:
    """A span as Jaeger's UI sees it. Times are microseconds."""

    trace_id: str
    span_id: str
    name: str
    service: str
    start_us: int
    duration_us: int
    tags: Json
    references: list[tuple[str, str, str]]
    """Kind (CHILD_OF, FOLLOWS_FROM), trace id, span id."""
    logs: list[Json]
    """Fields of each, its name under `event`."""
    process_tags: Json
    warnings: list[str]

    @property
    def parent(self) -> str | None:
        """Span id of the CHILD_OF reference."""
        return next((span_id for kind, _, span_id in self.references if kind == "CHILD_OF"), None)


@dataclass(frozen=True)
class OtlpSpan:
    """A span as `/api/v3` gives it. Times are nanoseconds."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    service: str
    scope: str
    start_ns: int
    end_ns: int
    attributes: Json
    resource: Json
    links: list[Json]
    """`trace_id`, `span_id`, `attributes` of each."""
    events: list[Json]
    """`name`, `attributes` of each."""
    status: int
    message: str
    """Of the status."""

    @property
    def is_score(self) -> bool:
        return "gen_ai.evaluation.name" in self.attributes

    def linked(self, kind: str) -> list[Json]:
        """The links of one kind: target, evidence or judge_trace."""
        return [link for link in self.links if link["attributes"].get("otel_judge.link") == kind]


def duration_ns(spans: list[OtlpSpan]) -> int:
    """From the first start to the last end: the length of the trace in a timeline."""
    return max(span.end_ns for span in spans) - min(span.start_ns for span in spans)


def _ui_spans(trace: Json) -> list[UiSpan]:
    processes = trace["processes"]
    return [
        UiSpan(
            trace_id=span["traceID"],
            span_id=span["spanID"],
            name=span["operationName"],
            service=processes[span["processID"]]["serviceName"],
            start_us=span["startTime"],
            duration_us=span["duration"],
            tags=_tags(span["tags"]),
            references=[(each["refType"], each["traceID"], each["spanID"]) for each in span["references"]],
            logs=[_tags(log["fields"]) for log in span["logs"]],
            process_tags=_tags(processes[span["processID"]].get("tags", [])),
            warnings=span["warnings"] or [],
        )
        for span in trace["spans"]
    ]


def _tags(tags: list[Json]) -> Json:
    return {tag["key"]: tag["value"] for tag in tags}


def _of_answer(answer: Json) -> list[OtlpSpan]:
    return otlp_spans(answer.get("result", {}))


def otlp_spans(traces: Json) -> list[OtlpSpan]:
    """The spans of OTLP/JSON."""
    return [
        OtlpSpan(
            trace_id=span["traceId"],
            span_id=span["spanId"],
            parent_span_id=span.get("parentSpanId", ""),
            name=span["name"],
            service=_attributes(group["resource"]).get("service.name", ""),
            scope=scoped.get("scope", {}).get("name", ""),
            start_ns=int(span["startTimeUnixNano"]),
            end_ns=int(span["endTimeUnixNano"]),
            attributes=_attributes(span),
            resource=_attributes(group["resource"]),
            links=[
                {"trace_id": link["traceId"], "span_id": link["spanId"], "attributes": _attributes(link)}
                for link in span.get("links", ())
            ],
            events=[{"name": event["name"], "attributes": _attributes(event)} for event in span.get("events", ())],
            status=span.get("status", {}).get("code", 0),
            message=span.get("status", {}).get("message", ""),
        )
        for group in traces.get("resourceSpans", ())
        for scoped in group["scopeSpans"]
        for span in scoped["spans"]
    ]


def _attributes(holder: Json) -> Json:
    return {each["key"]: _value(each["value"]) for each in holder.get("attributes", ())}


def _value(value: Json) -> Any:
    ((kind, content),) = value.items() or [("stringValue", "")]
    if kind == "arrayValue":
        return [_value(each) for each in content.get("values", ())]
    return int(content) if kind == "intValue" else content
