"""The recorded and labelled traces beside the repository, judged by a scripted explorer: every feedback is valid."""

from __future__ import annotations

import asyncio
import json
from itertools import islice
from pathlib import Path

import pytest

from otel_judge.config import JudgeConfig, ModelConfig
from otel_judge.feedback import Coverage, Feedback, Outcome
from otel_judge.judge import build
from otel_judge.sources import read_traces
from otel_judge.testing.model import ScriptedModel, explorer, verdict
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of

SHARED = Path(__file__).parents[2].parent / "shared"


def traces(folder: str, pattern: str) -> list[Trace]:
    found = sorted((SHARED / folder).rglob(pattern))
    if not found:
        pytest.skip(f"{SHARED / folder} is not here: it is no part of the project")
    return [trace for path in found for trace in islice(read_traces(str(path)), 15)]


async def _grade(base_url: str, judged: list[Trace], **options: object) -> list[Feedback]:
    options = {"name": "j", "instructions": "Is {{ trace }} honest?", "model": "m", **options}
    main = ModelConfig(model="anthropic:claude-sonnet-5-5", base_url=base_url, headers={"x-api-key": "scripted"})
    (judge,) = build([JudgeConfig.model_validate(options)], {"m": main})
    graded = [await judge.grade(trace, target_of(trace, trace.root)) for trace in judged]
    await judge.aclose()
    return graded


@pytest.mark.parametrize("reading", ["auto", "explore"])
@pytest.mark.parametrize(("folder", "pattern"), [("traces", "*.json"), ("labelled/tau-retail", "*.jsonl")])
def test_every_trace_gets_a_verdict_whose_evidence_stands_in_it(folder: str, pattern: str, reading: str) -> None:
    judged = traces(folder, pattern)
    with ScriptedModel(explorer()) as model:
        graded = asyncio.run(_grade(model.base_url, judged, reading=reading))
    assert {feedback.outcome for feedback in graded} == {Outcome.JUDGED}
    assert all(feedback.evidence for feedback in graded)
    assert all(each.verified for feedback in graded for each in feedback.evidence)


@pytest.mark.parametrize(("folder", "pattern"), [("traces", "*.json"), ("labelled/tau-retail", "*.jsonl")])
def test_a_sweep_reads_all_of_every_trace(folder: str, pattern: str) -> None:
    judged = traces(folder, pattern)
    with ScriptedModel(lambda _: verdict("pass", "Nothing found.")) as model:
        graded = asyncio.run(_grade(model.base_url, judged, sweep=True))
    assert [feedback.rationale for feedback in graded] == ["Nothing found."] * len(judged)
    assert {feedback.coverage for feedback in graded} == {Coverage(1.0, 1.0)}
    assert max(len(json.dumps(request.body)) // 4 for request in model.requests) <= 25_000
