"""otel-judge away, refusing or ending: the Collector's clients and the backend never notice, and no verdict is lost."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from clients import app
from conftest import Start
from jaeger_api import JaegerApi, OtlpSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from processes import Process, wait_for
from stack import CHECKS, Jaeger, Judge, WholePath, demo_app, telemetrygen

from otel_judge.testing.model import Reply, Request, ScriptedModel, verdict

MODEL = "anthropic:claude-sonnet-5-5"
RUNS = 30  # times two requests: with `exporters: [backend, judge]` in one pipeline, 57 of 60 failed
FULL_QUEUE = (
    "{exporters: {otlp_grpc/judge: {sending_queue: {queue_size: 1}}},"
    " processors: {batch/judge: {timeout: 1ms, send_batch_size: 1}}}"
)
"""A batch of its own for each request, and room for one."""


def scores(api: JaegerApi, trace_id: str) -> list[OtlpSpan]:
    return [span for span in api.trace_v3(trace_id) if span.is_score]


def send_all(path: WholePath, service: str) -> None:
    """Traces by the SDK and by telemetrygen, over both protocols; none of the clients may see an error."""
    for http in (False, True):
        endpoint = path.collector.http if http else path.collector.grpc
        with app(endpoint, http=http, service=service) as sdk:
            for _ in range(RUNS):
                sdk.agent_run()
        assert sdk.answers == {SpanExportResult.SUCCESS: 2 * RUNS}
        telemetrygen(endpoint, service, traces=RUNS, http=http)


def assert_backend_has_all(path: WholePath, service: str) -> None:
    """Two spans in each of the four lots of traces, each once."""
    wanted = 4 * RUNS * 2
    wait_for(lambda: len(own(path, service)) >= wanted, f"{wanted} spans of {service} in Jaeger")
    spans = own(path, service)
    assert len(spans) == len({(span.trace_id, span.span_id) for span in spans}) == wanted
    assert set(Counter(span.trace_id for span in spans).values()) == {2}


def own(path: WholePath, service: str) -> list[OtlpSpan]:
    return [span for span in path.jaeger.api.search_v3(service) if span.service == service]


@pytest.mark.parametrize("overlay", [None, FULL_QUEUE], ids=["queue-as-configured", "queue-full"])
def test_with_otel_judge_stopped_no_client_sees_an_error_and_the_backend_has_all(
    folder: Path, jaeger: Jaeger, start: Start[Process], overlay: str | None
) -> None:
    service = f"away-{'full' if overlay else 'queued'}"
    path = WholePath.laid(folder / service, jaeger, overlay=overlay)
    start(path.collector)
    send_all(path, service)
    assert_backend_has_all(path, service)
    assert path.collector.count("otelcol_receiver_refused_spans_total") == 0
    lost = path.collector.count("otelcol_exporter_enqueue_failed_spans_total", exporter="otlp_grpc/judge")
    if overlay is not None:
        assert lost > 0
    else:
        assert lost == 0


def test_what_waited_for_otel_judge_is_judged_whole_once_it_is_there(
    folder: Path, jaeger: Jaeger, start: Start[Process]
) -> None:
    path = WholePath.laid(folder / "back", jaeger, index={})  # with the grace that it has by itself
    start(path.collector)
    runs = demo_app(path.collector.grpc)
    wait_for(lambda: "Will retry the request" in path.collector.log.read_text(), "an export that failed")
    start(path.judge)
    wait_for(lambda: path.judge.count("otel_judge_feedback_total") == len(runs) * len(CHECKS), "verdicts", 45)
    for run in runs.values():
        found = wait_for(lambda run=run: scores(jaeger.api, run.trace_id), "scores in Jaeger")
        assert {score.attributes["otel_judge.trace.spans"] for score in found} == {run.spans}
    assert path.judge.count("otel_judge_index_late_spans_total") == 0


def test_with_otel_judge_refusing_no_client_sees_an_error_and_the_backend_has_all(folder: Path, jaeger: Jaeger) -> None:
    service = "refused"
    never = {"completion": {"root_grace": "5m", "idle": "5m"}, "max_mib": 0.001}
    path = WholePath.laid(folder / service, jaeger, index=never)
    with path.running():
        with app(path.judge.grpc) as sdk:
            sdk.agent_run()  # an empty index takes one request of any size: something has to be in it first
        send_all(path, service)
        assert_backend_has_all(path, service)
        wait_for(lambda: path.judge.count("otel_judge_receiver_refused_spans_total"), "refusals")
        assert path.judge.count("otel_judge_receiver_accepted_spans_total") == 2
        assert path.collector.count("otelcol_receiver_refused_spans_total") == 0
        # Refused for now, not for good: the Collector keeps what it may send again.
        assert "Dropping data" not in path.collector.log.read_text()


def test_sigterm_finishes_open_traces_judges_them_and_delivers_all(
    folder: Path, jaeger: Jaeger, start: Start[Process]
) -> None:
    (folder / "sigterm").mkdir()
    with ScriptedModel(_slow_model) as model:
        judge = Judge(
            folder / "sigterm",
            feedback=jaeger.otlp,
            env={"ANTHROPIC_BASE_URL": model.base_url, "ANTHROPIC_API_KEY": "dummy"},
            index={"completion": {"root_grace": "5m", "idle": "5m"}},
            judges=[{"name": "honest", "instructions": "Is {{ trace }} honest?", "model": MODEL, "type": "bool"}],
        )
        start(judge)
        with app(judge.grpc) as sdk:
            trace_ids = [sdk.agent_run(), sdk.agent_run(ended=False)]
        assert judge.count("otel_judge_index_spans", state="buffered") == 3
        judge.terminate()
        assert judge.wait(15) == 0
    for trace_id in trace_ids:
        found = scores(jaeger.api, trace_id)
        assert len(found) == len(CHECKS) + 1
        assert {score.attributes["otel_judge.completion.reason"] for score in found} == {"shutdown"}
        by_name = {score.name: score for score in found}
        assert "evaluate tool_errors fail" in by_name
        (link,) = by_name["evaluate honest fail"].linked("judge_trace")
        own_work = {span.name for span in jaeger.api.trace_v3(link["trace_id"])}
        assert own_work == {"invoke_agent honest", "chat claude-sonnet-5-5"}


def _slow_model(_: Request) -> Reply:
    time.sleep(1.5)  # as long as a model may well take: the judge is at work when the service is told to stop
    return verdict(value=False)


def test_feedback_waits_for_a_backend_that_was_killed(folder: Path, start: Start[Process]) -> None:
    (folder / "killed").mkdir()
    own_jaeger = Jaeger(folder / "killed")
    start(own_jaeger)
    judge = Judge(folder / "killed", feedback=own_jaeger.otlp, index={"completion": {"root_grace": "200ms"}})
    start(judge)
    with app(judge.grpc) as sdk:
        before = sdk.agent_run()
        wait_for(lambda: len(scores(own_jaeger.api, before)) == len(CHECKS), "scores before")
        own_jaeger.kill()
        during = [sdk.agent_run() for _ in range(3)]
        wait_for(lambda: judge.count("otel_judge_emit_retried_total"), "a retry")
        own_jaeger.start()  # its memory is empty
        for trace_id in during:
            wait_for(lambda trace_id=trace_id: len(scores(own_jaeger.api, trace_id)) == len(CHECKS), "scores after", 30)
    assert judge.count("otel_judge_emit_dropped_total") == 0
    assert scores(own_jaeger.api, before) == []
    assert all(len({score.span_id for score in scores(own_jaeger.api, trace_id)}) == len(CHECKS) for trace_id in during)
