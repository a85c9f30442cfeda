"""What an app that instruments everything hears of judging: nothing. What the judge itself reports: its own trace."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry import trace as otel
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor, HTTPXClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from otel_judge import own_traces, semconv
from otel_judge.config import JudgeConfig, ModelConfig
from otel_judge.feedback import Feedback
from otel_judge.judge import build
from otel_judge.testing.model import Script, ScriptedModel, error, explorer
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trajectory import target_of

BUILD = TraceBuilder(service="shop")
ROOT = BUILD.agent("shop", user="Where is my order?", answer="It ships today.")
TRACE = BUILD.trace()


@pytest.fixture
def app_spans() -> Iterator[InMemorySpanExporter]:
    """An app with a global tracer provider and every instrumentation on."""
    from pydantic_ai import Agent

    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    before = otel._TRACER_PROVIDER
    otel._TRACER_PROVIDER = provider
    Agent.instrument_all()
    instrumentors = [HTTPXClientInstrumentor(), HTTPX2ClientInstrumentor()]
    for each in instrumentors:
        each.instrument(tracer_provider=provider, skip_dep_check=True)
    yield exporter
    for each in instrumentors:
        each.uninstrument()
    Agent.instrument_all(instrument=False)
    otel._TRACER_PROVIDER = before
    provider.shutdown()


async def _grade(base_url: str, own: InMemorySpanExporter | None = None) -> Feedback:
    config = JudgeConfig(name="task", instructions="Is {{ trace }} honest?", model="main", reading="explore")
    main = ModelConfig(model="anthropic:claude-sonnet-5-5", base_url=base_url, headers={"x-api-key": "scripted"})
    (judge,) = build([config], {"main": main}, own_spans=own, own_resource=Resource({"service.name": "otel-judge"}))
    with otel.get_tracer("app").start_as_current_span("the app's own work"):
        feedback = await judge.grade(TRACE, target_of(TRACE, TRACE.root))
    await judge.aclose()
    return feedback


def judged(script: Script) -> tuple[Feedback, tuple[ReadableSpan, ...], ScriptedModel]:
    own = InMemorySpanExporter()
    with ScriptedModel(script) as model:
        feedback = asyncio.run(_grade(model.base_url, own))
    return feedback, own.get_finished_spans(), model


def test_an_instrumented_app_gets_no_span_from_judging(app_spans: InMemorySpanExporter) -> None:
    with ScriptedModel(explorer()) as model:
        feedback = asyncio.run(_grade(model.base_url))
    assert feedback.label == "pass"
    assert [span.name for span in app_spans.get_finished_spans()] == ["the app's own work"]


def test_nor_from_a_request_that_fails(app_spans: InMemorySpanExporter) -> None:
    with ScriptedModel([error(401, "authentication_error")]) as model:
        asyncio.run(_grade(model.base_url))
    assert [span.name for span in app_spans.get_finished_spans()] == ["the app's own work"]


def test_the_judges_work_is_a_trace_of_its_own_linked_to_the_judged_span() -> None:
    feedback, spans, _ = judged(explorer())
    names = [span.name for span in sorted(spans, key=lambda span: span.start_time or 0)]
    assert names == [
        "invoke_agent task",
        "chat claude-sonnet-5-5",
        "execute_tool get_trace_info",
        "execute_tool list_spans",
        "chat claude-sonnet-5-5",
        "execute_tool get_span",
        "chat claude-sonnet-5-5",
    ]
    root = next(span for span in spans if span.parent is None)
    assert root.context is not None
    assert {span.context.trace_id for span in spans if span.context} == {root.context.trace_id}
    assert own_traces.is_own(root.context.trace_id.to_bytes(16))
    (link,) = root.links
    assert (f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") == (TRACE.trace_id, ROOT)
    assert feedback.judge_trace is not None
    assert feedback.judge_trace.trace_id == f"{root.context.trace_id:032x}"
    assert feedback.judge_trace.span_id == f"{root.context.span_id:016x}"
    assert root.resource.attributes[semconv.EMITTER] is True
    assert root.resource.attributes["service.name"] == "otel-judge"


def test_its_chat_spans_carry_the_tokens_of_the_feedback_and_no_content() -> None:
    feedback, spans, _ = judged(explorer())
    chats = [span.attributes or {} for span in spans if span.name.startswith("chat")]
    assert feedback.usage is not None
    assert sum(int(str(chat[semconv.USAGE_INPUT])) for chat in chats) == feedback.usage.input_tokens
    assert sum(int(str(chat[semconv.USAGE_OUTPUT])) for chat in chats) == feedback.usage.output_tokens
    assert "order" not in " ".join(span.to_json() for span in spans)


def test_requests_carry_the_context_of_that_trace_so_that_a_gateways_spans_are_known() -> None:
    feedback, _, model = judged(explorer())
    assert feedback.judge_trace is not None
    for request in model.requests:
        _, trace_id, _, _ = request.headers["traceparent"].split("-")
        assert trace_id == feedback.judge_trace.trace_id


def test_a_failed_judgement_is_an_error_in_its_trace() -> None:
    _, spans, _ = judged([error(401, "authentication_error")])
    assert {span.status.status_code for span in spans} == {StatusCode.ERROR}
    assert {(span.attributes or {})["error.type"] for span in spans} == {"authentication"}
