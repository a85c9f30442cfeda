"""Inside an app: the processor and the exporter, with the SDK's own provider and a real backend."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
from importlib.metadata import entry_points

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otel_judge import exporter as module
from otel_judge.config import Config
from otel_judge.exporter import JudgeSpanExporter, JudgeSpanProcessor
from otel_judge.testing.backend import Backend
from otel_judge.testing.model import ScriptedModel
from otel_judge.testing.scripts import hang

CHECKS = 5


def config_for(backend: Backend, **sections: object) -> Config:
    return Config.model_validate({"exporters": {"otlp": {"endpoint": backend.endpoint}}, **sections})


def names(backend: Backend) -> list[str]:
    return sorted(received.record.name for received in backend.spans())


@pytest.mark.parametrize("kind", ["processor", "exporter"])
def test_force_flush_scores_what_has_ended_and_waits_for_no_grace(kind: str) -> None:
    with Backend() as backend:
        config = config_for(backend, index={"completion": {"root_grace": "1h", "idle": "2h", "max_age": "3h"}})
        provider = TracerProvider()
        if kind == "processor":
            provider.add_span_processor(JudgeSpanProcessor(config))
            with provider.get_tracer("test").start_as_current_span("root"):
                pass
            assert provider.force_flush()
        else:
            exporter = JudgeSpanExporter(config)
            provider.add_span_processor(BatchSpanProcessor(exporter))
            with provider.get_tracer("test").start_as_current_span("root"):
                pass
            assert provider.force_flush()
            assert exporter.force_flush()  # the SDK's batch processor does not call it
        assert len(backend.spans()) == CHECKS
        provider.shutdown()
        assert len(backend.spans()) == CHECKS


def test_shutdown_scores_what_is_still_open() -> None:
    with Backend() as backend:
        provider = TracerProvider()
        provider.add_span_processor(JudgeSpanProcessor(config_for(backend)))
        tracer = provider.get_tracer("test")
        with tracer.start_as_current_span("root"), tracer.start_as_current_span("child"):
            pass
        provider.shutdown()
        reasons = {received.attributes["otel_judge.completion.reason"] for received in backend.spans()}
    assert reasons == {"shutdown"}


def test_what_people_say_in_an_app_is_no_part_of_a_trace_and_its_loss_is_counted_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = {
        "gen_ai.evaluation.name": "task",
        "gen_ai.evaluation.score.label": "fail",
        "gen_ai.evaluation.evaluator.type": "human",
    }
    with Backend() as backend, caplog.at_level(logging.WARNING):
        provider = TracerProvider()
        provider.add_span_processor(JudgeSpanProcessor(config_for(backend)))
        tracer = provider.get_tracer("test")
        for _ in range(2):
            with tracer.start_as_current_span("root"):
                tracer.start_span("feedback", attributes=said).end()
            assert provider.force_flush()
        provider.shutdown()
        spans = {received.attributes["otel_judge.trace.spans"] for received in backend.spans()}
        dropped = [
            point.as_int
            for received in backend.metrics()
            for point in received.record.sum.data_points
            if received.record.name == "otel_judge.labels" and point.attributes[0].value.string_value == "dropped"
        ]
    assert spans == {1}
    assert max(dropped) == 2
    told = [record.message for record in caplog.records]
    assert told == ["labels of people are not kept inside an app; `otel-judge agree` reads them from the backend"]


def test_spans_that_are_not_sampled_are_not_judged() -> None:
    with Backend() as backend:
        processor = JudgeSpanProcessor(config_for(backend))
        provider = TracerProvider(sampler=ALWAYS_OFF)
        provider.add_span_processor(processor)
        with provider.get_tracer("test").start_as_current_span("root"):
            pass
        provider.shutdown()
        assert backend.requests == []


def test_a_judge_that_is_too_slow_is_a_failure_at_shutdown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "unused")
    with Backend() as backend, ScriptedModel([hang()]) as model:
        judge = {"name": "slow", "instructions": "{{ trace }}", "values": ["pass", "fail"], "model": "main"}
        models = {"main": {"model": "anthropic:scripted", "base_url": model.base_url}}
        processor = JudgeSpanProcessor(config_for(backend, checks=[], judges=[judge], models=models))
        provider = TracerProvider()
        provider.add_span_processor(processor)
        with provider.get_tracer("test").start_as_current_span("root"):
            pass
        assert not processor.force_flush(2_000)
        processor.shutdown(4_000)
        (score,) = [received for received in backend.spans() if received.record.name.startswith("evaluate")]
    assert score.record.name == "evaluate slow failed"
    assert score.attributes["error.type"] == "shutdown"
    assert "gen_ai.evaluation.score.value" not in score.attributes


def test_what_cannot_work_is_one_line_in_the_log_and_nothing_in_the_app(caplog: pytest.LogCaptureFixture) -> None:
    judge = {"name": "j", "instructions": "no variable at all", "values": ["a"], "model": "anthropic:scripted"}
    processor = JudgeSpanProcessor(Config.model_validate({"judges": [judge]}))
    provider = TracerProvider()
    provider.add_span_processor(processor)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with provider.get_tracer("test").start_as_current_span("root"):
                pass
        assert not processor.force_flush(20_000)
        provider.shutdown()
    assert len([record for record in caplog.records if "judging is off" in record.message]) == 1
    assert processor.dropped == 3


def test_a_full_queue_drops_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE_SPANS", 10)
    monkeypatch.setattr(module, "TICK_S", 60.0)
    with Backend() as backend:
        processor = JudgeSpanProcessor(config_for(backend))
        provider = TracerProvider()
        provider.add_span_processor(processor)
        processor.force_flush()  # nothing yet: no thread, no time
        tracer = provider.get_tracer("test")
        with tracer.start_as_current_span("first"):
            pass
        processor.force_flush()  # the thread is up, and looks again in a minute
        for _ in range(25):
            with tracer.start_as_current_span("more"):
                pass
        assert processor.dropped == 15
        provider.shutdown()
        assert len(backend.spans()) == 11 * CHECKS


def test_the_exporter_is_the_entry_point_judge() -> None:
    (entry,) = entry_points(group="opentelemetry_traces_exporter", name="judge")
    assert entry.load() is JudgeSpanExporter


SCRIPT = """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from otel_judge.exporter import JudgeSpanProcessor

    trace.set_tracer_provider(TracerProvider())
    trace.get_tracer_provider().add_span_processor(JudgeSpanProcessor())
    with trace.get_tracer("app").start_as_current_span("root"):
        pass
    # No shutdown: the provider does it while the interpreter exits.
"""


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_script_that_just_ends_has_its_trace_scored(protocol: str, tmp_path) -> None:
    with Backend() as backend:
        endpoint = backend.http_endpoint if protocol == "http/protobuf" else f"http://{backend.endpoint}"
        # A name, not an address: looking it up while the interpreter exits is what used to fail.
        environ = {
            "PATH": "",
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.replace("127.0.0.1", "localhost"),
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        }
        command = [sys.executable, "-W", "error", "-c", textwrap.dedent(SCRIPT)]
        done = subprocess.run(
            command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert len(names(backend)) == CHECKS
