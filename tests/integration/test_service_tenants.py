"""Tenants through the whole service: equal trace ids do not mix, and feedback goes out under its trace's tenant."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_raw import METHODS, PROTOBUF

from otel_judge.config import Config
from otel_judge.service import Service
from otel_judge.sources import read_traces
from otel_judge.testing.backend import Backend
from otel_judge.testing.traces import TraceBuilder

CHECKS = ("answered", "tool_errors")
HEADER = "X-Shop"


def config_for(backend: Backend, protocol: str, **sections: Any) -> Config:
    here = {"endpoint": "127.0.0.1:0"}
    grpc = protocol == "grpc"
    return Config.model_validate(
        {
            "receivers": {"otlp": {"protocols": {"grpc": here, "http": here}}},
            "index": {"completion": {"root_grace": "200ms"}},
            "health": here,
            "admin": here,
            "checks": list(CHECKS),
            "tenants": {"header": HEADER},
            "exporters": {
                "otlp": {
                    "endpoint": backend.endpoint if grpc else backend.http_endpoint,
                    "protocol": "grpc" if grpc else "http/protobuf",
                    "headers": {HEADER: "operators"},
                }
            },
            **sections,
        }
    )


def a_trace(answer: str, *, span_id_from: int) -> bytes:
    """Of one and the same trace id."""
    build = TraceBuilder(service="shop")
    build.agent("shop", user="Where is my order?", answer=answer, end=2.0)
    request = build.request()
    for number, span in enumerate(request.resource_spans[0].scope_spans[0].spans):
        span.trace_id = b"\xab" * 16
        span.span_id = (span_id_from + number).to_bytes(8)
    return request.SerializeToString()


TRACE = "ab" * 16


def scored(backend: Backend) -> dict[tuple[str, str], set[str]]:
    """Scorers of each tenant header and judged span, by the spans and the log records of the feedback."""
    found: dict[tuple[str, str], set[str]] = {}
    for request in backend.requests:
        tenant = request.headers.get(HEADER.lower()) or request.headers.get(HEADER) or ""
        if request.signal == "traces":
            for group in ExportTraceServiceRequest.FromString(request.body).resource_spans:
                for span in group.scope_spans[0].spans:
                    found.setdefault((tenant, span.parent_span_id.hex()), set()).add(f"span {span.name.split()[1]}")
        elif request.signal == "logs":
            for logs in ExportLogsServiceRequest.FromString(request.body).resource_logs:
                for record in logs.scope_logs[0].log_records:
                    found.setdefault((tenant, record.span_id.hex()), set()).add(f"log {record.event_name}")
    return found


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_each_tenant_gets_its_own_scores(protocol: str) -> None:
    with Backend() as backend:
        async with Service(config_for(backend, protocol)) as service:
            async with grpc.aio.insecure_channel(service.endpoints["OTLP/gRPC"]) as channel:
                export = channel.unary_unary(METHODS["traces"])
                await export(a_trace("Refunded.", span_id_from=1), metadata=((HEADER.lower(), "a"),))
                await export(a_trace("", span_id_from=100))
            async with httpx.AsyncClient(trust_env=False) as client:
                url = f"http://{service.endpoints['OTLP/HTTP']}/v1/traces"
                headers = {"content-type": PROTOBUF, HEADER: "b"}
                body = a_trace("On its way.", span_id_from=200)
                assert (await client.post(url, content=body, headers=headers)).status_code == 200
                await asyncio.to_thread(backend.wait_for, lambda: len(backend.spans()) == 6, 20.0)
                admin = f"http://{service.endpoints['admin']}"
                listed = {
                    tenant: (await client.get(f"{admin}/traces", params=query)).json()["trace_ids"]
                    for tenant, query in {
                        "a": {"tenant": "a"},
                        "b": {"tenant": "b"},
                        "c": {"tenant": "c"},
                        "": {},
                    }.items()
                }
                other = await client.get(f"{admin}/traces/{TRACE}", params={"tenant": "c"})
                metrics = (await client.get(f"http://{service.endpoints['health']}/metrics")).text
            read = {
                tenant: await asyncio.to_thread(lambda query=query: list(read_traces(f"live:{admin}{query}")))
                for tenant, query in {"a": "?tenant=a", "b": "?tenant=b", "": ""}.items()
            }
    assert listed == {"a": [TRACE], "b": [TRACE], "c": [], "": [TRACE]}
    assert other.status_code == 404
    roots = {tenant: int(trace.root.span_id, 16) for tenant, (trace,) in read.items()}
    assert roots == {"a": 1, "b": 200, "": 100}
    found = scored(backend)
    for tenant, root in (("a", 1), ("b", 200), ("operators", 100)):  # without one, the header of the config
        assert found[tenant, f"{root:016x}"] >= {*(f"span {check}" for check in CHECKS), "log gen_ai.evaluation.result"}
    judged = {(tenant, parent) for tenant, parent in found if parent != "0" * 16}
    assert judged == {("a", f"{1:016x}"), ("b", f"{200:016x}"), ("operators", f"{100:016x}")}
    assert 'tenant="a"' in metrics
    ids = {span.record.span_id for span in backend.spans()}
    assert len(ids) == 6


async def test_what_is_said_of_a_trace_is_said_of_its_tenants() -> None:
    with Backend() as backend:
        async with Service(config_for(backend, "grpc")) as service:
            label = ExportLogsServiceRequest()
            record = (
                label.resource_logs.add()
                .scope_logs.add()
                .log_records.add(event_name="gen_ai.evaluation.result", trace_id=b"\xab" * 16, span_id=(1).to_bytes(8))
            )
            for key, value in (
                ("gen_ai.evaluation.name", "task_success"),
                ("gen_ai.evaluation.evaluator.type", "human"),
                ("gen_ai.evaluation.score.label", "fail"),
            ):
                record.attributes.add(key=key).value.string_value = value
            async with grpc.aio.insecure_channel(service.endpoints["OTLP/gRPC"]) as channel:
                export = channel.unary_unary(METHODS["traces"])
                for tenant in ("a", "b"):
                    await export(a_trace("Refunded.", span_id_from=1), metadata=((HEADER.lower(), tenant),))
                logs = channel.unary_unary(METHODS["logs"])
                await logs(label.SerializeToString(), metadata=((HEADER.lower(), "b"),))
            await asyncio.to_thread(backend.wait_for, lambda: len(backend.spans()) == 4, 20.0)
            async with httpx.AsyncClient(trust_env=False) as client:
                admin = f"http://{service.endpoints['admin']}"
                answers = {
                    tenant: (await client.get(f"{admin}/labels", params={"tenant": tenant})).content
                    for tenant in ("a", "b")
                }
    assert answers["a"] == b""
    assert b'"fail"' in answers["b"]
