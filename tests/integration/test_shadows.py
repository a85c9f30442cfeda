"""Shadows in the engine and in the service: beside their primary, in nobody's way, and in no metric of judges."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import pytest
from scripted_judges import TRACE
from test_service import config_for, running, wait_for

from otel_judge.config import Config
from otel_judge.decision import Decision
from otel_judge.engine import Engine, Plan
from otel_judge.feedback import Feedback
from otel_judge.results import Row
from otel_judge.testing.backend import Backend
from otel_judge.testing.model import Reply, Request, ScriptedModel, error, verdict
from otel_judge.testing.traces import TraceBuilder

TASK = {"name": "task", "instructions": "Is {{ trace }} good?", "values": ["pass", "fail"], "model": "main"}
STRICT = {**TASK, "name": "strict", "instructions": "Be strict: is {{ trace }} good?", "shadow_of": "task"}


def is_strict(request: Request) -> bool:
    return "Be strict" in request.prompt


def sections(model: ScriptedModel, **more: Any) -> dict[str, Any]:
    main = {"model": "anthropic:scripted", "base_url": model.base_url, "headers": {"x-api-key": "scripted"}}
    return {"models": {"main": main}, "judges": [STRICT, TASK], "checks": [], **more}


def judged(model: ScriptedModel, **more: Any) -> tuple[Decision, dict[str, Feedback]]:
    """The decision about a trace, and what the judges of the config say, in the order in which they said it."""

    async def work() -> Row:
        engine = Engine(Plan.of(Config.model_validate(sections(model, **more))))
        row = Row(TRACE.trace_id, "root", 2)
        try:
            await engine.judge(TRACE, engine.check(TRACE, row), row)
        finally:
            await engine.aclose()
        return row

    row = asyncio.run(work())
    assert row.decision is not None
    return row.decision, {feedback.name: feedback for feedback in row.feedback}


def test_a_shadow_runs_with_its_primary_and_says_whether_they_agree() -> None:
    with ScriptedModel(lambda request: verdict("fail" if is_strict(request) else "pass")) as model:
        decision, found = judged(model)
    assert decision.judges == ("task",)
    assert list(found) == ["task", "strict"]
    assert (found["strict"].shadow_of, found["strict"].agrees) == ("task", False)
    assert (found["task"].shadow_of, found["task"].agrees) == (None, None)


def test_a_shadow_does_not_run_where_its_primary_does_not() -> None:
    with ScriptedModel([]) as model:
        policies = [{"name": "slow", "type": "latency", "latency": {"threshold_ms": 3_600_000}}]
        decision, found = judged(model, sampling={"policies": policies})
        assert model.requests == []
    assert (decision.sampled, found) == (False, {})


def test_a_shadow_that_fails_costs_its_primary_nothing() -> None:
    with ScriptedModel(lambda request: error(400) if is_strict(request) else verdict("pass")) as model:
        _, found = judged(model)
    assert (found["task"].label, found["strict"].label) == ("pass", "failed")
    assert found["strict"].agrees is None


@pytest.fixture
def slow_primary() -> Iterator[tuple[ScriptedModel, threading.Event]]:
    """A model that answers the shadow, and the primary once it may."""
    may = threading.Event()

    def script(request: Request) -> Reply:
        if not is_strict(request):
            may.wait(20)
        return verdict("pass")

    with ScriptedModel(script) as model:
        yield model, may
        may.set()


async def test_a_primary_that_is_cut_short_does_not_take_its_shadows_verdict_along(
    slow_primary: tuple[ScriptedModel, threading.Event], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("otel_judge.engine.LEAD_S", 0.0)
    model, _ = slow_primary
    engine = Engine(Plan.of(Config.model_validate(sections(model))), debug_folder=tmp_path)
    row = Row(TRACE.trace_id, "root", 2)

    def verdict_is_there() -> bool:
        return (tmp_path / f"{TRACE.trace_id}-strict.md").exists()

    task = asyncio.create_task(engine.judge(TRACE, engine.check(TRACE, row), row))
    async with asyncio.timeout(20):
        while not verdict_is_there():  # noqa: ASYNC110 - a file says so, not an event
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    await engine.aclose()
    assert {feedback.name: feedback.label for feedback in row.feedback} == {"task": "failed", "strict": "pass"}
    assert [feedback.agrees for feedback in row.feedback] == [None, None]


async def test_the_service_counts_shadows_apart_and_marks_their_spans() -> None:
    build = TraceBuilder()
    build.agent("shop", user="?", answer="!", end=2.0)
    with ScriptedModel(lambda request: verdict("pass")) as model, Backend() as backend:
        async with running(config_for(backend, **sections(model))) as service, httpx.AsyncClient() as client:
            async with grpc.aio.insecure_channel(service.endpoints["OTLP/gRPC"]) as channel:
                export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
                await export(build.request().SerializeToString())
            await wait_for(backend, lambda: len(scores(backend)) == 2, 30)
            metrics = (await client.get(f"http://{service.endpoints['health']}/metrics")).text
        found = scores(backend)
    assert found["strict"]["otel_judge.shadow_of"] == "task"
    assert found["strict"]["otel_judge.shadow.agrees"] is True
    assert found["strict"]["otel_judge.calibration"] == "uncalibrated"
    assert "otel_judge.shadow_of" not in found["task"]
    naming_it = {line.split("{")[0] for line in metrics.splitlines() if 'judge="strict"' in line}
    assert naming_it == {"otel_judge_shadow_feedback_total", "otel_judge_shadow_tokens_total"}
    assert 'agrees="true"' in metrics


def scores(backend: Backend) -> dict[str, dict[str, Any]]:
    attributes = [dict(received.attributes) for received in backend.spans()]
    return {str(each["gen_ai.evaluation.name"]): each for each in attributes if "gen_ai.evaluation.name" in each}
