"""What judges of one trace share: the beginning of their requests, which the provider caches."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest
from scripted_judges import MODEL, TRACE, a_large_trace

from otel_judge.config import JudgeConfig, ModelConfig, Sampling
from otel_judge.decision import Decision
from otel_judge.engine import Engine, Plan
from otel_judge.feedback import Feedback, Target
from otel_judge.testing.model import Reply, Request, Script, ScriptedModel, error, verdict
from otel_judge.trace import Trace
from otel_judge.trajectory import Understood

pytestmark = pytest.mark.usefixtures("anthropic_key")


class Results:
    def __init__(self) -> None:
        self.feedback: dict[str, Feedback] = {}

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:
        self.feedback[feedback.name] = feedback

    def decided(self, target: Target, decision: Decision) -> None:
        pass

    def understood(self, spans: Mapping[Understood, int]) -> None:
        pass


def judged(script: Script, trace: Trace = TRACE, names: tuple[str, ...] = ("one", "two")) -> tuple[Any, Results]:
    """Has judges of one model grade a trace as the service does."""

    async def work(base_url: str, results: Results) -> None:
        judges = tuple(
            JudgeConfig(name=name, instructions=f"Is {{{{ trace }}}} {name}?", model="main") for name in names
        )
        models = (("main", ModelConfig(model=MODEL, base_url=base_url)),)
        engine = Engine(Plan((), Sampling(), models, judges))
        try:
            await engine.judge(trace, engine.check(trace, results), results)
        finally:
            await engine.aclose()

    results = Results()
    with ScriptedModel(script) as model:
        asyncio.run(work(model.base_url, results))
    return model, results


@pytest.mark.parametrize("trace", [TRACE, a_large_trace()], ids=["whole", "map"])
def test_two_judges_send_the_same_bytes_before_their_instructions(trace: Trace) -> None:
    model, _ = judged(lambda _: verdict("pass"), trace)
    one, two = (request.body for request in model.requests)
    for part in ("system", "tools"):
        assert json.dumps(one[part]) == json.dumps(two[part])
    assert list(one) == list(two)
    shared, own = zip(*(request["messages"][0]["content"] for request in (one, two)), strict=True)
    assert json.dumps(shared[0]) == json.dumps(shared[1])
    assert shared[0]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert own[0] != own[1]
    assert all(json.dumps(request).count('"cache_control"') <= 4 for request in (one, two))


def test_the_second_judge_reads_the_shared_part_from_the_cache() -> None:
    _, results = judged(lambda _: verdict("pass"), a_large_trace())
    one, two = (results.feedback[name].usage for name in ("one", "two"))
    assert one is not None
    assert two is not None
    assert one.cached_tokens == 0
    assert two.cached_tokens > 0.8 * two.input_tokens


def test_the_others_start_when_the_first_has_its_first_answer() -> None:
    lock, ended, early = threading.Lock(), [0], [0]

    def script(request: Request) -> Reply:
        with lock:
            early[0] += request.number > 0 and not ended[0]
        if request.number == 0:
            time.sleep(0.3)
            with lock:
                ended[0] = 1
        return verdict("pass")

    model, results = judged(script, names=("one", "two", "three"))
    assert early == [0]
    assert len(model.requests) == 3
    assert [results.feedback[name].label for name in ("one", "two", "three")] == ["pass"] * 3


def test_a_failing_first_judge_holds_no_other() -> None:
    def script(request: Request) -> Reply:
        if "one?" in request.prompt:
            return error(529, "overloaded_error", headers={"retry-after": "600"})
        return verdict("pass")

    started = time.monotonic()
    _, results = judged(script)
    assert results.feedback["one"].error is not None
    assert results.feedback["two"].label == "pass"
    assert time.monotonic() - started < 8
