"""Each ready-made judge on its worked example, over real HTTP, with a scripted model that gives the verdict of it."""

from __future__ import annotations

import asyncio

import pytest

from otel_judge import ready
from otel_judge.config import ModelConfig
from otel_judge.feedback import Feedback
from otel_judge.judge import build
from otel_judge.testing.model import Script, ScriptedModel, verdict
from otel_judge.trajectory import target_of

pytestmark = pytest.mark.usefixtures("anthropic_key")


def judged(name: str, script: Script) -> tuple[Feedback, ScriptedModel]:
    async def grade(base_url: str) -> Feedback:
        example = ready.EXAMPLES[name]
        config = ready.config(name, model="main", guidelines=example.guidelines)
        (judge,) = build([config], {"main": ModelConfig(model="anthropic:claude-sonnet-5-5", base_url=base_url)})
        feedback = await judge.grade(example.trace, target_of(example.trace, example.trace.root))
        await judge.aclose()
        return feedback

    with ScriptedModel(script) as model:
        return asyncio.run(grade(model.base_url)), model


@pytest.mark.parametrize("name", ready.EXAMPLES)
def test_the_verdict_of_the_example_counts_with_all_its_evidence(name: str) -> None:
    example = ready.EXAMPLES[name]
    evidence = [{"span_id": span_id, "quote": quote} for span_id, quote in example.evidence]
    feedback, model = judged(name, [verdict(example.value, example.rationale, evidence)])
    assert feedback.error is None
    assert (feedback.name, feedback.value, feedback.reading) == (name, example.value, "whole")
    assert feedback.passed is (name == "user_frustration")
    assert len(feedback.evidence) == len(evidence)
    assert all(each.verified for each in feedback.evidence)
    own = model.requests[0].prompt
    assert ready.HANDBOOKS[name].instructions.replace("{{ trace }}", "[trace]") in own


def test_the_label_of_a_failure_is_its_category() -> None:
    value = ready.EXAMPLES["failure_attribution"].value
    feedback, _ = judged("failure_attribution", [verdict(value)])
    assert (feedback.label, feedback.score) == ("resource_limit", None)


def test_a_span_that_is_not_in_the_trace_is_asked_for_again_once() -> None:
    value = ready.EXAMPLES["failure_attribution"].value
    assert isinstance(value, dict)
    wrong = verdict({**value, "span_id": "00f067aa0ba902b7"})
    feedback, model = judged("failure_attribution", [wrong, verdict(value)])
    assert feedback.value == value
    assert "no span has the id '00f067aa0ba902b7'" in model.requests[1].results["verdict"]
    feedback, _ = judged("failure_attribution", [wrong, wrong])
    assert feedback.error is not None
    assert feedback.error.type == "invalid_verdict"
    assert feedback.score is None
