"""The emitter against a backend that refuses, goes away and comes back."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from prometheus_client.parser import text_string_to_metric_families

from otel_judge.config import Exporters, FeedbackConfig, OtlpExporter
from otel_judge.decision import Decision
from otel_judge.emit.emitter import Emitter
from otel_judge.emit.outbox import MemoryOutbox
from otel_judge.emit.own_spans import OwnSpanExporter, resource
from otel_judge.emit.sender import Pace
from otel_judge.emit.settings import resolve
from otel_judge.feedback import Feedback, Scorer, Target
from otel_judge.telemetry import Telemetry
from otel_judge.testing.backend import Backend, Fault

FAST = Pace(linger_s=0.02, initial_backoff_s=0.02, max_backoff_s=0.05)
DECISION = Decision(sampled=True, judges=(), policy="all", reason="every trace", probability=1.0)


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as backend:
        yield backend


@pytest.fixture(params=["grpc", "http/protobuf"])
def protocol(request: pytest.FixtureRequest) -> Literal["grpc", "http/protobuf"]:
    return request.param


def feedback(n: int = 0, **fields: Any) -> Feedback:
    now = time.time_ns()
    target = Target(f"{n + 1:032x}", f"{n + 1:016x}", now - 10**9, now, service="shop", completion_reason="root")
    options: dict[str, Any] = {"label": "pass", "score": 1.0, "rationale": "fine", "judged_at_ns": now, **fields}
    return Feedback(target, Scorer("answered", "check", "v1"), **options)


def emitter(
    backend: Backend,
    protocol: Literal["grpc", "http/protobuf"] = "grpc",
    *,
    telemetry: Telemetry | None = None,
    pace: Pace = FAST,
    **options: Any,
) -> Emitter:
    endpoint = backend.endpoint if protocol == "grpc" else backend.http_endpoint
    export = resolve(Exporters(otlp=OtlpExporter(endpoint=endpoint, protocol=protocol, **options)), environ={})
    assert export is not None
    return Emitter(export, FeedbackConfig(), telemetry or Telemetry(), pace=pace)


async def seen(backend: Backend, predicate: Callable[[], bool]) -> None:
    await asyncio.to_thread(backend.wait_for, predicate, 10)


def counters(telemetry: Telemetry, name: str) -> dict[tuple[str, ...], float]:
    """Values of `otel_judge_emit_NAME_total` by the values of their labels."""
    text = telemetry.render()[0].decode()
    return {
        tuple(sample.labels[key] for key in sorted(sample.labels)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"otel_judge_emit_{name}_total"
    }


async def test_a_feedback_arrives_as_span_and_log_and_a_decision_as_log(
    backend: Backend, protocol: Literal["grpc", "http/protobuf"]
) -> None:
    telemetry = Telemetry()
    async with emitter(backend, protocol, telemetry=telemetry) as out:
        one = feedback()
        out.emit(one, DECISION)
        out.decided(one.target, DECISION, at_ns=7)
        assert await out.flush(5)
        (span,) = backend.spans()
        assert span.attributes["gen_ai.evaluation.score.label"] == "pass"
        assert span.resource["otel_judge.emitter"] is True
        assert {log.record.event_name for log in backend.logs()} == {"gen_ai.evaluation.result", "otel_judge.decision"}
    assert counters(telemetry, "sent")[("traces",)] == 1
    assert counters(telemetry, "sent")[("logs",)] == 2
    assert counters(telemetry, "dropped") == {}


async def test_without_a_flush_a_feedback_arrives_by_itself(backend: Backend) -> None:
    async with emitter(backend) as out:
        out.emit(feedback(), None)
        await seen(backend, lambda: bool(backend.spans()) and bool(backend.logs()))


async def test_feedback_shares_requests_and_a_resource_group(backend: Backend) -> None:
    async with emitter(backend, pace=Pace(linger_s=5, max_items=50)) as out:
        for n in range(120):
            out.emit(feedback(n), None)
        assert await out.flush(5)
    assert [request.signal for request in backend.requests].count("traces") == 3
    assert len({span.record.span_id for span in backend.spans()}) == 120


async def test_a_resend_is_byte_for_byte_the_same(backend: Backend, protocol: Literal["grpc", "http/protobuf"]) -> None:
    for fault in (Fault.unavailable(), Fault.unavailable(1), Fault.reset(), Fault.throttled(1)):
        backend.fail(fault, signal="traces")
    telemetry = Telemetry()
    async with emitter(backend, protocol, telemetry=telemetry) as out:
        out.emit(feedback(), DECISION)
        await seen(backend, lambda: bool(backend.spans()))
    bodies = [request.body for request in backend.requests if request.signal == "traces"]
    assert len(bodies) == 5
    assert len(set(bodies)) == 1
    assert len(backend.spans()) == 1
    assert counters(telemetry, "retried")[("traces",)] == 4


async def test_a_delay_that_the_backend_asks_for_is_kept_even_by_a_flush(backend: Backend) -> None:
    backend.fail(Fault.unavailable(1), signal="traces")
    async with emitter(backend) as out:
        out.emit(feedback(), None)
        await seen(backend, lambda: any(request.signal == "traces" for request in backend.requests))
        refused = time.monotonic()
        assert not await out.flush(0.2)
        assert await out.flush(5)
        assert time.monotonic() - refused > 0.9
        assert len(backend.spans()) == 1


async def test_a_flush_does_not_wait_for_our_own_backoff(backend: Backend) -> None:
    backend.fail(Fault.unavailable(), signal="traces")
    async with emitter(backend, pace=Pace(linger_s=0, initial_backoff_s=60)) as out:
        out.emit(feedback(), None)
        await seen(backend, lambda: any(request.signal == "traces" for request in backend.requests))
        assert await out.flush(5)
        assert len(backend.spans()) == 1


async def test_a_backend_that_goes_away_and_comes_back_gets_everything_once(
    backend: Backend, protocol: Literal["grpc", "http/protobuf"], caplog: pytest.LogCaptureFixture
) -> None:
    telemetry = Telemetry()
    async with emitter(backend, protocol, telemetry=telemetry) as out:
        out.emit(feedback(0), None)
        assert await out.flush(5)
        await asyncio.to_thread(backend.down)
        for n in range(1, 30):
            out.emit(feedback(n), None)
            await asyncio.sleep(0.005)
        assert not await out.flush(0.2)
        await asyncio.to_thread(backend.up)
        await seen(backend, lambda: len(backend.spans()) >= 30 and len(backend.logs()) >= 30)
        assert await out.flush(5)
    assert sorted(int.from_bytes(span.record.trace_id) for span in backend.spans()) == list(range(1, 31))
    assert len(backend.logs()) == 30
    assert counters(telemetry, "dropped") == {}
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("otel_judge")]
    assert [("takes nothing now" in message, "is back after" in message) for message in messages] == [
        (True, False),
        (False, True),
    ]


async def test_a_full_queue_loses_the_oldest_and_counts_them(backend: Backend) -> None:
    await asyncio.to_thread(backend.down)
    telemetry = Telemetry()
    async with emitter(backend, telemetry=telemetry, queue_mib=0.05) as out:
        for n in range(200):
            out.emit(feedback(n), None)
        await asyncio.to_thread(backend.up)
        assert await out.flush(10)
    kept = sorted(int.from_bytes(span.record.trace_id) for span in backend.spans())
    lost = counters(telemetry, "dropped")[("queue_full", "traces")]
    assert 0 < len(kept) < 200
    assert lost == 200 - len(kept)
    assert kept[-1] == 200, "the newest are kept"


async def test_a_partial_success_is_counted_and_its_reason_said(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.fail(Fault.partial(2, "spans too old"), signal="traces")
    telemetry = Telemetry()
    async with emitter(backend, telemetry=telemetry) as out:
        for n in range(5):
            out.emit(feedback(n), None)
        assert await out.flush(5)
    assert counters(telemetry, "sent")[("traces",)] == 3
    assert counters(telemetry, "dropped") == {("partial", "traces"): 2}
    assert "spans too old" in caplog.text
    assert len([request for request in backend.requests if request.signal == "traces"]) == 1, "never sent again"


async def test_bad_data_is_dropped_counted_and_does_not_stop_what_follows(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.fail(Fault.permanent("no such tenant"), signal="traces")
    telemetry = Telemetry()
    async with emitter(backend, telemetry=telemetry) as out:
        out.emit(feedback(0), None)
        assert await out.flush(5)
        out.emit(feedback(1), None)
        assert await out.flush(5)
    assert counters(telemetry, "dropped") == {("permanent", "traces"): 1}
    assert [int.from_bytes(span.record.trace_id) for span in backend.spans()] == [2]
    assert "no such tenant" in caplog.text


async def test_a_backend_of_traces_alone_gets_traces_and_is_told_of_logs_once(
    protocol: Literal["grpc", "http/protobuf"], caplog: pytest.LogCaptureFixture
) -> None:
    telemetry = Telemetry()
    with Backend(signals=["traces"]) as jaeger:
        async with emitter(jaeger, protocol, telemetry=telemetry) as out:
            for n in range(5):
                out.emit(feedback(n), None)
                assert await out.flush(5)
        assert len(jaeger.spans()) == 5
        signals = [request.signal for request in jaeger.requests]
        assert signals.count("logs") == signals.count("metrics") == 1
    assert counters(telemetry, "dropped") == {}, "what a backend does not know is no loss"
    assert sorted(record.args[0] for record in caplog.records if "takes no" in record.msg and record.args) == [
        "logs",
        "metrics",
    ]


async def test_a_signal_that_was_not_implemented_is_tried_again_later(backend: Backend) -> None:
    backend.fail(Fault.unimplemented(), signal="logs")
    async with emitter(backend, pace=Pace(linger_s=0, unsupported_s=0.05)) as out:
        out.emit(feedback(0), None)
        assert await out.flush(5)
        assert backend.logs() == []
        await asyncio.sleep(0.06)
        out.emit(feedback(1), None)
        assert await out.flush(5)
        assert len(backend.logs()) == 1


async def test_a_backend_that_hangs_does_not_hold_up_the_end(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.fail(Fault.hang(), times=10)
    telemetry = Telemetry()
    out = emitter(backend, telemetry=telemetry)
    await out.start()
    out.emit(feedback(), None)
    started = time.monotonic()
    await out.close(0.2)
    assert time.monotonic() - started < 2
    assert counters(telemetry, "dropped")[("shutdown", "traces")] == 1
    assert "not accepted before the end" in caplog.text
    out.emit(feedback(1), None)
    assert counters(telemetry, "dropped")[("shutdown", "traces")] == 2, "what comes after the end is counted"


async def test_any_thread_may_emit(backend: Backend) -> None:
    async with emitter(backend) as out:
        threads = [threading.Thread(target=out.emit, args=(feedback(n), None)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert await out.flush(5)
        assert len(backend.spans()) == 20


async def test_an_emit_after_its_loop_has_ended_is_counted_not_raised(backend: Backend) -> None:
    telemetry = Telemetry()
    out = emitter(backend, telemetry=telemetry)

    def other_loop() -> None:
        asyncio.run(out.start())

    await asyncio.to_thread(other_loop)
    out.emit(feedback(), None)
    assert counters(telemetry, "dropped") == {("shutdown", "traces"): 1, ("shutdown", "logs"): 1}


async def test_the_judges_own_spans_take_the_same_way_marked_as_ours(backend: Backend) -> None:
    async with emitter(backend) as out:
        provider = TracerProvider(resource=resource(), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(OwnSpanExporter(out.put_spans)))

        def work() -> None:
            tracer = provider.get_tracer("otel_judge.judge")
            with tracer.start_as_current_span("judge task_success"), tracer.start_as_current_span("chat"):
                pass

        await asyncio.to_thread(work)
        assert await out.flush(5)
    spans = {span.record.name: span for span in backend.spans()}
    assert spans["chat"].record.parent_span_id == spans["judge task_success"].record.span_id
    assert all(span.resource["otel_judge.emitter"] is True for span in spans.values())
    assert spans["chat"].scope == "otel_judge.judge"


async def test_metrics_are_pushed_and_only_the_newest_push_waits(backend: Backend) -> None:
    telemetry = Telemetry()
    await asyncio.to_thread(backend.down)
    async with emitter(backend, telemetry=telemetry, pace=Pace(linger_s=0, metrics_s=0.01)) as out:
        for _ in range(10):
            telemetry.feedback(feedback())
            await asyncio.sleep(0.02)
        await asyncio.to_thread(backend.up)
        await out.flush(5)
    pushed = [metric for metric in backend.metrics() if metric.record.name == "otel_judge.feedback"]
    assert pushed[0].record.sum.data_points[0].as_int >= 9, "earlier pushes gave way"
    assert pushed[-1].record.sum.data_points[0].as_int == 10
    assert pushed[0].resource["otel_judge.emitter"] is True
    assert pushed[0].resource["service.name"] == "otel-judge"


async def test_a_close_pushes_metrics_that_count_what_was_just_sent(backend: Backend) -> None:
    async with emitter(backend) as out:
        out.emit(feedback(), None)
    sent = [metric for metric in backend.metrics() if metric.record.name == "otel_judge.emit.sent"]
    assert {point.attributes[0].value.string_value for point in sent[-1].record.sum.data_points} >= {"traces", "logs"}


async def test_the_queues_gauges_are_read_from_the_outbox(backend: Backend) -> None:
    await asyncio.to_thread(backend.down)
    telemetry = Telemetry()
    out = emitter(backend, telemetry=telemetry)
    await out.start()
    out.emit(feedback(), None)
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(telemetry.render()[0].decode())
        for sample in family.samples
        if sample.labels.get("queue") == "emit"
    }
    await out.close(0)
    assert samples["otel_judge_queue_capacity"] == 64 * 1024 * 1024
    assert 0 < samples["otel_judge_queue_size"] < 20_000
    assert samples["otel_judge_queue_oldest_seconds"] >= 0


class LastingOutbox(MemoryOutbox):
    lasts = True


async def test_a_restarted_emitter_sends_what_its_outbox_still_holds(backend: Backend) -> None:
    telemetry = Telemetry()
    outbox = LastingOutbox(10**6, telemetry.dropped)
    export = resolve(Exporters(otlp=OtlpExporter(endpoint=backend.endpoint)), environ={})
    assert export is not None
    await asyncio.to_thread(backend.down)
    first = Emitter(export, FeedbackConfig(), telemetry, outbox=outbox, pace=Pace(linger_s=5))
    await first.start()
    first.emit(feedback(), None)
    await first.close(0)
    await asyncio.to_thread(backend.up)
    async with Emitter(export, FeedbackConfig(), telemetry, outbox=outbox, pace=FAST):
        await seen(backend, lambda: len(backend.spans()) == 1)
    assert counters(telemetry, "dropped") == {}, "what outlives the process is not lost with it"


async def test_a_secret_header_is_in_no_log(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    backend.fail(Fault.permanent(), times=2)
    async with emitter(backend, headers={"authorization": "s3cr3t-token"}) as out:
        out.emit(feedback(), None)
        await out.flush(5)
        assert "s3cr3t-token" not in repr(out)
    assert backend.requests[0].headers["authorization"] == "s3cr3t-token"
    assert "s3cr3t-token" not in caplog.text
