"""App -> Collector -> otel-judge where the app writes content to logs alone, as some instrumentations do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jaeger_api import OtlpSpan
from opentelemetry._logs import Logger, LogRecord
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer
from processes import wait_for
from stack import CHECKS, Jaeger, WholePath

from otel_judge.testing.model import Reply, Request, ScriptedModel, verdict

QUESTION, ANSWER = "Where is order 7?", "Order 7 has shipped with Müller & Söhne."
JUDGE = {
    "name": "polite",
    "instructions": "Read the {{ trace }}. Was the question answered?",
    "values": ["pass", "fail"],
    "model": "anthropic:claude-sonnet-5-5",
}
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
LABEL, NAME = "gen_ai.evaluation.score.label", "gen_ai.evaluation.name"


def by_what_it_reads(request: Request) -> Reply:
    asked = str(request.messages)
    return verdict("pass" if QUESTION in asked and ANSWER in asked else "fail")


@pytest.fixture(scope="module")
def path(folder: Path, jaeger: Jaeger) -> Iterator[WholePath]:
    with ScriptedModel(by_what_it_reads) as model:
        env = {"ANTHROPIC_BASE_URL": model.base_url, "ANTHROPIC_API_KEY": "dummy"}
        index = {"completion": {"root_grace": "3s"}}  # spans and logs each wait in a batch of the Collector
        with WholePath.laid(folder, jaeger, env=env, judges=[JUDGE], index=index).running() as running:
            yield running


@contextmanager
def app(endpoint: str) -> Iterator[tuple[Tracer, Logger]]:
    """An app that sends spans and logs to an OTLP endpoint, `host:port`, each in batches of its own."""
    resource = Resource({"service.name": "shop-logs"})
    tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
    logging = LoggerProvider(resource, shutdown_on_exit=False)
    logging.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=endpoint, insecure=True)))
    try:
        yield tracing.get_tracer("test"), logging.get_logger("test")
    finally:
        tracing.shutdown()
        logging.shutdown()


def converse(path: WholePath, *, captured: bool) -> str:
    """One model call; its trace id. What was said stands in its logs, if it was captured."""
    with app(path.collector.grpc) as (tracer, logger), tracer.start_as_current_span("chat", attributes=CHAT) as call:
        logger.emit(LogRecord(body="an ordinary log"))
        if captured:
            logger.emit(LogRecord(event_name="gen_ai.user.message", body={"content": QUESTION}))
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}
            logger.emit(LogRecord(event_name="gen_ai.choice", body=choice))
        return f"{call.get_span_context().trace_id:032x}"


def labels(path: WholePath, trace_id: str) -> dict[str, str]:
    def scored() -> list[OtlpSpan]:
        found = [span for span in path.jaeger.api.trace_v3(trace_id) if span.is_score]
        return found if len(found) == len(CHECKS) + 1 else []

    return {span.attributes[NAME]: span.attributes[LABEL] for span in wait_for(scored, "the scores in Jaeger")}


def test_content_in_logs_alone_is_judged(path: WholePath) -> None:
    found = labels(path, converse(path, captured=True))
    assert (found["polite"], found["answered"]) == ("pass", "pass")
    taken = path.judge.count("otel_judge_receiver_accepted_log_records_total", transport="grpc")
    ordinary = path.judge.count("otel_judge_log_records_unused_total", reason="other")
    assert (taken, ordinary) == (2, 1)


def test_the_same_call_without_its_logs_says_nothing(path: WholePath) -> None:
    found = labels(path, converse(path, captured=False))
    assert (found["polite"], found["answered"]) == ("fail", "not_judgeable")
