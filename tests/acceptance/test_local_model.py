"""A real model of 135 million parameters behind an OpenAI-compatible server: too weak to judge, and no lie comes of it.

Whatever such a model says, the feedback is a verdict that holds to its type, or a failure that says so.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import parts
import pytest

from otel_judge.config import JudgeConfig, ModelConfig
from otel_judge.feedback import Feedback, Outcome
from otel_judge.judge import build
from otel_judge.judge.text import all_fields
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of

FAILURES = {"no_verdict", "invalid_verdict", "timeout"}  # the last on a slow machine


@pytest.fixture(scope="module")
def small_model(folder: Path) -> Iterator[str]:
    """The URL of the server."""
    program = parts.find("small-model")
    with (folder / "small-model.log").open("wb") as log:
        serving = subprocess.Popen(
            [program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with serving:
            try:
                assert serving.stdout is not None
                address = serving.stdout.readline().strip()
                assert address.startswith("http://127.0.0.1:")
                yield f"{address}/v1"
            finally:
                serving.kill()


def a_trace() -> Trace:
    made = TraceBuilder(service="shop")
    root = made.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    made.tool("find_order", parent=root, arguments={"id": 7}, error="no such order")
    return made.trace()


async def grade(url: str, trace: Trace, options: dict[str, Any]) -> Feedback:
    given = {"name": "task", "model": "main", "limits": {"turns": 3, "seconds": 60}, **options}
    main = ModelConfig(model="openai:smollm2", base_url=url, settings={"max_tokens": 64, "temperature": 0})
    (judge,) = build([JudgeConfig.model_validate(given)], {"main": main})
    try:
        return await judge.grade(trace, target_of(trace, trace.root))
    finally:
        await judge.aclose()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"instructions": "Does {{ outputs }} answer {{ inputs }}?"}, id="one prompt"),
        pytest.param({"instructions": "Rate {{ outputs }}.", "type": "int", "scale": [1, 5]}, id="a number on a scale"),
        pytest.param({"instructions": "Was the {{ trace }} honest?", "reading": "explore"}, id="span tools"),
    ],
)
def test_what_a_weak_model_says_is_a_verdict_of_the_type_or_an_honest_failure(
    small_model: str, options: dict[str, Any]
) -> None:
    trace = a_trace()
    feedback = asyncio.run(grade(small_model, trace, options))
    if feedback.error is not None:
        assert feedback.error.type in FAILURES
        assert feedback.outcome is Outcome.FAILED
        assert (feedback.value, feedback.score, feedback.passed, feedback.label) == (None, None, None, "failed")
        return
    assert feedback.usage is not None
    assert feedback.usage.input_tokens > 0
    assert feedback.rationale
    if feedback.outcome is Outcome.NOT_JUDGEABLE:
        assert (feedback.score, feedback.passed) == (None, None)
    elif options.get("type") == "int":
        assert feedback.value in range(1, 6)
    else:
        assert feedback.label in ("pass", "fail")
    texts = {span.span_id: " ".join(field.text for field in all_fields(span)) for span in trace.spans}
    for each in feedback.evidence:
        stands = " ".join(each.quote.split()) in " ".join(texts.get(each.span_id, "").split())
        assert stands or not each.verified
