"""Many judgements and few requests at once: who goes first, and what a turn may cost."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic_ai.profiles import JsonSchemaTransformer
from scripted_judges import TRACE, a_judge, a_large_trace

from otel_judge.config import JudgeConfig, ModelConfig
from otel_judge.feedback import Feedback
from otel_judge.judge import Judge, build
from otel_judge.judge import judge as judge_module
from otel_judge.judge.reading import Mode, Opening
from otel_judge.judge.tools import TOOLS
from otel_judge.testing.model import Reply, Request, ScriptedModel, error, explorer, hang, verdict
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of

pytestmark = pytest.mark.usefixtures("anthropic_key")


async def graded(judge: Judge, trace: Trace = TRACE) -> Feedback:
    return await judge.grade(trace, target_of(trace, trace.root))


def a_trace_of(user: str) -> Trace:
    build_trace = TraceBuilder(service="shop")
    build_trace.agent("shop", user=user, answer="It ships today.", end=2.0)
    return build_trace.trace()


def asked_about(request: Request) -> str:
    """What tells the conversation of a request from others: the trace, as it was first shown."""
    return request.messages[0]["content"][0]["text"]


def test_judgements_that_have_begun_end_before_others_begin() -> None:
    """So what waits holds no open trace and no conversation whose cached prefix grows cold."""
    asked: list[str] = []
    explores = explorer()

    def script(request: Request) -> Reply:
        asked.append(asked_about(request))
        return explores(request)

    async def many(base_url: str) -> list[Feedback]:
        judge = a_judge(base_url, main={"concurrency": 1}, reading="explore")
        feedback = await asyncio.gather(
            *(graded(judge, a_trace_of(f"Where is order {number}?")) for number in range(6))
        )
        await judge.aclose()
        return feedback

    with ScriptedModel(script) as model:
        assert [feedback.label for feedback in asyncio.run(many(model.base_url))] == ["pass"] * 6
    assert len(asked) == 18
    for place, trace in enumerate(asked):
        begun, ended = set(asked[: place + 1]), {each for each in asked if asked[:place].count(each) == 3}
        assert trace in begun - ended
        assert len(begun - ended) <= 2


def test_a_request_is_on_its_way_before_all_others_have_read_their_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Trace] = []
    reading = judge_module.open_trace

    def counted(trace: Trace, mode: Mode) -> Opening:
        read.append(trace)
        return reading(trace, mode)

    monkeypatch.setattr(judge_module, "open_trace", counted)
    read_by_then: list[int] = []

    def script(_: Request) -> Reply:
        read_by_then.append(len(read))
        return verdict("pass")

    async def many(base_url: str) -> list[Feedback]:
        judge = a_judge(base_url, main={"concurrency": 20})
        await graded(judge)  # imports the SDK and connects
        read.clear()
        read_by_then.clear()
        feedback = await asyncio.gather(*(graded(judge, a_large_trace()) for _ in range(20)))
        await judge.aclose()
        return feedback

    with ScriptedModel(script) as model:
        assert [feedback.label for feedback in asyncio.run(many(model.base_url))] == ["pass"] * 20
    assert len(read) == 20
    assert read_by_then[0] < 10


def test_a_judgement_that_waits_to_ask_again_holds_no_other() -> None:
    async def first_to_end(base_url: str) -> str:
        judge = a_judge(base_url, main={"concurrency": 1})
        both = {asyncio.create_task(graded(judge, a_trace_of(user))): user for user in ("Where is it?", "Who are you?")}
        done, waiting = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().label for task in done] == ["pass"]
        await asyncio.wait(waiting)
        await judge.aclose()
        return both[done.pop()]

    def script(request: Request) -> Reply:
        return error(529, "overloaded_error", headers={"retry-after": "1"}) if not request.number else verdict("pass")

    with ScriptedModel(script) as model:
        ended = asyncio.run(first_to_end(model.base_url))
        first, second, third = model.requests
    assert ended in asked_about(second)
    assert asked_about(first) == asked_about(third) != asked_about(second)


def test_a_model_that_hangs_holds_no_judge_of_another() -> None:
    async def grade(hanging_url: str, base_url: str) -> Feedback:
        hanging, other = build(
            [
                JudgeConfig(name=name, instructions="Is {{ trace }} honest?", model=name)
                for name in ("hanging", "other")
            ],
            {
                name: ModelConfig(model="anthropic:claude-haiku-4-5", base_url=url, concurrency=1)
                for name, url in (("hanging", hanging_url), ("other", base_url))
            },
        )
        stuck = [asyncio.create_task(graded(hanging)) for _ in range(4)]
        feedback = await graded(other)
        assert not any(task.done() for task in stuck)
        for task in stuck:
            task.cancel()
        await asyncio.wait(stuck)
        await other.aclose()
        return feedback

    with ScriptedModel(lambda _: hang()) as hanging, ScriptedModel([verdict("pass")]) as model:
        assert asyncio.run(grade(hanging.base_url, model.base_url)).label == "pass"


@pytest.mark.parametrize("named", ["anthropic:claude-haiku-4-5", "openai:gpt-5.4", "openai-responses:gpt-5.4"])
def test_tools_are_translated_for_a_provider_once(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It rests on a hook of the library: were that to change, each request would translate them again."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-scripted")
    translated: list[Any] = []
    walk = JsonSchemaTransformer.walk

    def counted(self: JsonSchemaTransformer) -> Any:
        translated.append(self.schema)
        return walk(self)

    monkeypatch.setattr(JsonSchemaTransformer, "walk", counted)

    async def grade(base_url: str) -> None:
        judge = a_judge(base_url, model=named, reading="explore")
        for _ in range(2):
            assert (await graded(judge)).error is None
        await judge.aclose()

    with ScriptedModel(explorer()) as model:
        asyncio.run(grade(model.base_url if named.startswith("anthropic") else model.openai_url))
    assert len(model.requests) == 6
    assert len(translated) == len(TOOLS) + 1
    assert len({json.dumps(request.body["tools"]) for request in model.requests}) == 1


def test_what_serve_has_loaded_is_out_of_the_garbage_collectors_way() -> None:
    code = (
        "import gc, sys; from otel_judge.engine import settle; settle();"
        "print('anthropic' in sys.modules, gc.get_freeze_count() > 100_000, len(gc.get_objects()) < 10_000)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "True True True\n"
