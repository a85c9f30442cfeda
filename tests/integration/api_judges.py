"""What the tests of the Python API share: a trace, and a scripted model that gives what it is asked for."""

from __future__ import annotations

import json
import re

from otel_judge.config import ModelConfig
from otel_judge.testing.model import Reply, Request, ScriptedModel, verdict
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace

MODEL = "anthropic:claude-haiku-4-5"


def a_trace(answer: str | None = "It ships today.", *, user: str | None = "Where is my order?", seed: int = 0) -> Trace:
    build = TraceBuilder(service="shop", seed=seed)
    root = build.agent("shop", user=user, answer=answer, end=2.0)
    build.tool("find_order", parent=root, arguments={"id": 7}, result="ships 2026-03-01", call_id="c1")
    return build.trace()


def named(model: ScriptedModel) -> ModelConfig:
    return ModelConfig(model=MODEL, base_url=model.base_url)


def obliging(request: Request) -> Reply:
    """A valid answer to whatever type of value the judge asks for: the first label, true, 0.8 or 4."""
    (asked,) = re.findall(r'^value: (.*); or "not_judgeable"', request.prompt, re.MULTILINE)
    if asked.startswith("one of "):
        return verdict(json.JSONDecoder().raw_decode(asked.removeprefix("one of "))[0])
    kinds = {"true": True, "an integer": 4, "a number": 0.8, "text": "fine", "a JSON array": [], "a JSON object": {}}
    return verdict(next(value for kind, value in kinds.items() if asked.startswith(kind)))
