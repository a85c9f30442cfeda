"""Judges over real HTTP with the real anthropic SDK, against a scripted model: what their tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from otel_judge.config import JudgeConfig, ModelConfig
from otel_judge.feedback import Feedback
from otel_judge.judge import Judge, build
from otel_judge.testing.model import Script, ScriptedModel
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of

MODEL = "anthropic:claude-sonnet-5-5"  # refuses a forced tool_choice
FORCEABLE = "anthropic:claude-haiku-4-5"
NOW_NS = 1_760_000_100_000_000_000


def a_trace() -> Trace:
    build_trace = TraceBuilder(service="shop")
    root = build_trace.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    build_trace.tool("find_order", parent=root, arguments={"id": 7}, error="no such order")
    return build_trace.trace()


def a_large_trace() -> Trace:
    build_trace = TraceBuilder(service="shop")
    root = build_trace.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    for number in range(300):
        build_trace.tool("find_order", parent=root, arguments={"id": number}, result=f"order {number} " + "x" * 500)
    return build_trace.trace()


TRACE = a_trace()
ROOT, TOOL = (span.span_id for span in TRACE.spans)
GOOD = {"span_id": ROOT, "path": "output", "quote": "It ships today."}
FABRICATED = {"span_id": ROOT, "path": "output", "quote": "It shipped yesterday."}


@contextmanager
def judging(script: Script, **options: Any) -> Iterator[tuple[ScriptedModel, Callable[..., Feedback]]]:
    """A scripted model, and a function that has a judge grade a trace with it."""
    with ScriptedModel(script) as model:

        def grade(trace: Trace = TRACE, **given: object) -> Feedback:
            return asyncio.run(grade_once(model.base_url, trace, options, given))

        yield model, grade


async def grade_once(base_url: str, trace: Trace, options: dict[str, Any], given: dict[str, Any]) -> Feedback:
    judge = a_judge(base_url, **options)
    try:
        return await judge.grade(trace, target_of(trace, trace.root), now_ns=lambda: NOW_NS, **given)
    finally:
        await judge.aclose()


def a_judge(base_url: str, *, model: str = MODEL, main: dict[str, Any] | None = None, **options: Any) -> Judge:
    """A judge of the model `main`, whose keys can be given; `spare` is there to be named as its fallback."""
    config = JudgeConfig.model_validate(
        {"name": "task", "instructions": "Was the {{ trace }} honest?", "model": "main", **options}
    )
    models = {
        "main": ModelConfig.model_validate({"model": model, "base_url": base_url, **(main or {})}),
        "spare": ModelConfig(model=FORCEABLE, base_url=base_url),
    }
    (judge,) = build([config], models)
    return judge
