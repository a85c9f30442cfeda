"""Worker processes: real ones, with a scripted model over HTTP."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from otel_judge.config import Config
from otel_judge.decision import Decision
from otel_judge.errors import ModelUnavailable, OtelJudgeError
from otel_judge.feedback import Feedback, Target
from otel_judge.outlet import Outlet
from otel_judge.telemetry import Telemetry
from otel_judge.testing.model import Reply, ScriptedModel, hang, verdict
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace
from otel_judge.workers.launch import launch
from otel_judge.workers.pool import WorkerPool

pytestmark = pytest.mark.usefixtures("anthropic_key")
CHECKS = {"tool_errors", "repeated_calls", "answered", "latency", "tokens"}
WAIT_S = 60.0


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[Feedback] = []
        self.decisions: list[Decision] = []
        self._changed = asyncio.Event()

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        self.given.append(feedback)
        self._changed.set()

    def decided(self, target: Target, decision: Decision, *, at_ns: int) -> None:
        self.decisions.append(decision)

    async def flush(self, deadline_s: float) -> bool:
        return True

    async def close(self, deadline_s: float = 5.0) -> None: ...

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    def of(self, name: str) -> list[Feedback]:
        return [each for each in self.given if each.name == name]


def a_trace(spans: int = 3) -> Trace:
    build = TraceBuilder(trace_id=secrets.token_hex(16), service="shop")
    root = build.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    for number in range(spans):
        build.tool("find_order", parent=root, arguments={"id": number}, result="word " * 30)
    return build.trace()


def a_config(base_url: str | None = None, **sections: object) -> Config:
    judging = {
        "models": {"main": {"model": "anthropic:claude-haiku-4-5", "base_url": base_url}},
        "judges": [{"name": "honest", "instructions": "Is the {{ trace }} honest?", "model": "main"}],
    }
    return Config.model_validate({**(judging if base_url else {}), **sections})


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[tuple[WorkerPool, Kept, Telemetry]]:
    sink, telemetry = Kept(), Telemetry()
    pool = WorkerPool(config, Outlet(sink, telemetry), telemetry, lambda _id, _tenant: None)
    await pool.start()
    try:
        yield pool, sink, telemetry
    finally:
        await pool.close()


class Asked:
    """A model whose first answers never come; says when it has been asked."""

    def __init__(self, hanging: int) -> None:
        self._hanging = hanging
        self._asked = threading.Semaphore(0)

    def __call__(self, request: object) -> Reply:
        self._hanging -= 1
        self._asked.release()
        return hang() if self._hanging >= 0 else verdict("pass")

    async def wait(self) -> None:
        assert await asyncio.to_thread(self._asked.acquire, timeout=WAIT_S)


async def test_every_trace_is_graded_once_by_one_of_the_workers() -> None:
    traces = [a_trace() for _ in range(40)]
    async with running(a_config(judge_workers=3)) as (pool, sink, _):
        assert len(set(pool.pids)) == 3
        assert os.getpid() not in pool.pids
        for trace in traces:
            pool.submit(trace)
        await pool.drain(WAIT_S)
        assert pool.waiting == pool.judging == 0
    got = [(each.trace_id, each.name) for each in sink.given]
    assert sorted(got) == sorted(itertools.product((trace.trace_id for trace in traces), CHECKS))
    assert len(sink.decisions) == len(traces)


async def test_a_trace_larger_than_a_message_is_graded_whole() -> None:
    trace = a_trace(12_000)
    assert trace.size > 2 << 20
    async with running(a_config()) as (pool, sink, _):
        pool.submit(trace)
        pool.submit(a_trace())
        await pool.drain(WAIT_S)
    (large,) = {each.target.trace_spans for each in sink.given if each.trace_id == trace.trace_id}
    assert large == 12_001
    assert len(sink.given) == 2 * len(CHECKS)


async def test_what_a_worker_had_in_its_hands_is_judged_once_more_by_another() -> None:
    model = Asked(hanging=1)
    with ScriptedModel(model) as server:
        async with running(a_config(server.base_url)) as (pool, sink, telemetry):
            pool.submit(a_trace())
            await model.wait()
            await sink.until(lambda: len(sink.given) == len(CHECKS))
            (worker,) = pool.pids
            os.kill(worker, signal.SIGKILL)
            await sink.until(lambda: len(sink.of("honest")) == 1)
            assert pool.pids != [worker]
            await pool.drain(WAIT_S)
            assert "otel_judge_workers_ended_total 1.0" in telemetry.render()[0].decode()
    assert [each.label for each in sink.of("honest")] == ["pass"]
    assert len(sink.given) == len(CHECKS) + 1  # no check is reported twice
    assert len(sink.decisions) == 1
    assert len(server.requests) == 2


async def test_a_judgement_that_has_ended_two_workers_is_a_failure() -> None:
    model = Asked(hanging=2)
    with ScriptedModel(model) as server:
        async with running(a_config(server.base_url)) as (pool, sink, _):
            pool.submit(a_trace())
            for _ in range(2):
                await model.wait()
                os.kill(*pool.pids, signal.SIGKILL)
            await sink.until(lambda: len(sink.of("honest")) == 1)
            pool.submit(a_trace())
            await sink.until(lambda: len(sink.of("honest")) == 2)
    failed, after = sink.of("honest")
    assert failed.error is not None
    assert failed.error.type == "worker_ended"
    assert after.label == "pass"
    assert len(server.requests) == 3


async def test_a_trace_whose_check_ends_every_worker_is_given_up_and_the_next_are_graded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "deadly.py").write_text(
        "import os\ndef judge(trace):\n    if trace.span_count > 4: os.kill(os.getpid(), 9)\n    return True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    config = a_config(judges=[{"name": "deadly", "python": "deadly:judge"}])
    async with running(config) as (pool, sink, _):
        pool.submit(a_trace(9))
        await sink.until(lambda: len(sink.of("deadly")) == 1)
        pool.submit(a_trace(3))
        await sink.until(lambda: len(sink.of("deadly")) == 2)
    first, second = sink.of("deadly")
    assert first.error is not None
    assert first.error.type == "worker_ended"
    assert second.passed
    assert "was ended by SIGKILL" in caplog.text


async def test_judgements_that_outlast_the_drain_are_reported_as_shut_down() -> None:
    model = Asked(hanging=1)
    with ScriptedModel(model) as server:
        async with running(a_config(server.base_url)) as (pool, sink, _):
            pool.submit(a_trace())
            await model.wait()
            await pool.drain(0.2)
    (feedback,) = sink.of("honest")
    assert feedback.error is not None
    assert feedback.error.type == "shutdown"


async def test_workers_share_the_requests_that_a_model_may_have_at_once() -> None:
    running_now = most = 0
    lock = threading.Lock()

    def script(request: object) -> Reply:
        nonlocal running_now, most
        with lock:
            running_now += 1
            most = max(most, running_now)
        time.sleep(0.1)  # the model at work
        with lock:
            running_now -= 1
        return verdict("pass")

    with ScriptedModel(script) as server:
        config = a_config(server.base_url, checks=[], judge_workers=2)
        config = config.model_copy(
            update={"models": {"main": config.models["main"].model_copy(update={"concurrency": 3})}}
        )
        async with running(config) as (pool, sink, _):
            for _ in range(12):
                pool.submit(a_trace())
            await sink.until(lambda: len(sink.of("honest")) == 12)
    assert most == 3


async def test_what_a_worker_cannot_start_with_is_raised_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(ModelUnavailable, match="ANTHROPIC_API_KEY"):
        async with running(a_config("http://127.0.0.1:9")):
            pass


def test_a_machine_that_starts_no_process_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(OtelJudgeError, match="no worker process can be started .*lower judge_workers"):
        launch()


SERVICE = """
import asyncio, sys
from otel_judge.config import Config
from otel_judge.emit.printing import Printer
from otel_judge.outlet import Outlet
from otel_judge.telemetry import Telemetry
from otel_judge.workers.pool import WorkerPool

async def main():
    telemetry = Telemetry()
    pool = WorkerPool(Config(), Outlet(Printer(), telemetry), telemetry, lambda _id, _tenant: None)
    await pool.start()
    print(*pool.pids, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_worker_ends_with_its_service() -> None:
    with subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        worker = int(service.stdout.readline())
        os.kill(worker, signal.SIGTERM)  # as a terminal or a supervisor does to the whole group: not its to answer
        service.kill()
        # The worker writes to the same pipe, which ends with the last that holds it.
        assert service.communicate(timeout=WAIT_S) == ("", None)
