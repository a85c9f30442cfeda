"""Content in logs, by the real SDK: the running service judges a trace by what its logs say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
from test_service import CHECKS, config_for, running, scores, wait_for

from otel_judge.label import parse_label
from otel_judge.service import Service
from otel_judge.sources import read_traces
from otel_judge.testing.backend import Backend
from otel_judge.trajectory import final_output, user_request

RESOURCE = Resource({"service.name": "shop"})
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
QUESTION, ANSWER = "Where is order 7?", "On its way."


def exporter_over(transport: str, service: Service) -> LogRecordExporter:
    if transport == "grpc":
        return GrpcLogExporter(endpoint=service.endpoints["OTLP/gRPC"], insecure=True)
    return HttpLogExporter(endpoint=f"http://{service.endpoints['OTLP/HTTP']}/v1/logs")


class Logs:
    """The logs of an app, each sent as it is written."""

    def __init__(self, exporter: LogRecordExporter) -> None:
        self._provider = LoggerProvider(RESOURCE, shutdown_on_exit=False)
        self._provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        self._logger = self._provider.get_logger("test")

    def say(self, name: str, body: object = None, *, about: SpanContext, **attributes: object) -> None:
        context = set_span_in_context(NonRecordingSpan(about))
        self._logger.emit(LogRecord(event_name=name, body=body, attributes=attributes, context=context))  # pyright: ignore

    def close(self) -> None:
        self._provider.shutdown()


def converse(service: Service, say: Callable[..., None]) -> SpanContext:
    """A model call whose content is told by `say` alone: one part before its span is sent, one after."""
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=service.endpoints["OTLP/gRPC"], insecure=True)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    span = provider.get_tracer("test").start_span("chat m", attributes=CHAT)
    where = span.get_span_context()
    say("gen_ai.user.message", {"content": QUESTION}, about=where)
    span.end()
    say("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": ANSWER}}, about=where)
    provider.shutdown()
    return where


@pytest.mark.parametrize("transport", ["grpc", "http"])
async def test_a_trace_is_judged_by_content_that_came_in_logs_alone(transport: str) -> None:
    with Backend() as backend:
        config = config_for(backend, index={"completion": {"root_grace": "1s"}})
        async with running(config) as service, httpx.AsyncClient() as client:
            logs = Logs(exporter_over(transport, service))
            where = await asyncio.to_thread(converse, service, logs.say)
            trace_id = f"{where.trace_id:032x}"
            await wait_for(backend, lambda: len(scores(backend, trace_id)) == len(CHECKS))
            (trace,) = await asyncio.to_thread(lambda: list(read_traces(f"live:{service.endpoints['admin']}")))
            await asyncio.to_thread(say_more, logs, where)
            metrics = (await client.get(f"http://{service.endpoints['health']}/metrics")).text
            labels = (await client.get(f"http://{service.endpoints['admin']}/labels")).json()
            await asyncio.to_thread(logs.close)
    assert scores(backend, trace_id)["answered"] == "pass"
    assert user_request(trace) == QUESTION
    answer = final_output(trace)
    assert answer is not None
    assert answer.text == ANSWER
    label = parse_label(labels)
    assert label is not None
    assert (label.trace_id, label.span_id, label.label) == (trace_id, f"{where.span_id:016x}", "fail")
    assert f'otel_judge_receiver_accepted_log_records_total{{transport="{transport}"}} 5.0' in metrics
    assert 'otel_judge_log_records_unused_total{reason="late"} 1.0' in metrics
    assert 'otel_judge_log_records_unused_total{reason="other"} 1.0' in metrics
    assert 'otel_judge_labels_total{outcome="kept"} 1.0' in metrics


def say_more(logs: Logs, judged: SpanContext) -> None:
    """After the trace was judged: a person's word, a late message, an ordinary log, and one of no span that comes."""
    said = {"gen_ai.evaluation.score.label": "fail", "gen_ai.evaluation.evaluator.type": "human"}
    logs.say("gen_ai.evaluation.result", about=judged, **said)
    logs.say("gen_ai.user.message", {"content": "Hello?"}, about=judged)
    logs.say("app.started", "hello", about=judged)
    logs.say("gen_ai.user.message", about=SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1)))


async def test_without_its_logs_the_same_trace_has_no_verdict() -> None:
    with Backend() as backend:
        async with running(config_for(backend)) as service:
            where = await asyncio.to_thread(converse, service, lambda *_, **__: None)
            trace_id = f"{where.trace_id:032x}"
            await wait_for(backend, lambda: len(scores(backend, trace_id)) == len(CHECKS))
    assert scores(backend, trace_id)["answered"] == "not_judgeable"


async def test_logs_without_any_span_are_judged_by_nobody_when_the_service_ends() -> None:
    with Backend() as backend:
        async with running(config_for(backend)) as service:
            logs = Logs(exporter_over("grpc", service))
            stranger = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(1))
            await asyncio.to_thread(lambda: logs.say("gen_ai.user.message", {"content": "?"}, about=stranger))
            await asyncio.to_thread(logs.close)
        assert backend.spans() == []
