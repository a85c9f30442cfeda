"""`agent_judge` and `pairwise_judge`, argument by argument, with the traps of their forerunner."""

from __future__ import annotations

import asyncio
import json
import pickle
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from api_judges import MODEL, a_trace, named, obliging

from otel_judge import Feedback, Task, agent_judge, pairwise_judge, win_rate
from otel_judge.api.pairwise import Comparison
from otel_judge.errors import InstructionsError
from otel_judge.feedback import Outcome
from otel_judge.intervals import wilson
from otel_judge.testing.model import Reply, Request, Script, ScriptedModel, error, refusal, text, tool_use, verdict
from otel_judge.testing.traces import TraceBuilder, answers, asks
from otel_judge.testing.traces import text as message

pytestmark = pytest.mark.usefixtures("anthropic_key")
TRACE = a_trace()


def graded(script: Script, *, call: dict[str, Any] | None = None, **options: Any) -> tuple[Feedback, list[Request]]:
    with ScriptedModel(script) as model:
        judge = agent_judge(named(model), **{"criterion": "The answer helps.", "key": "helps", **options})
        feedback = judge(**(call or {"trace": TRACE}))
    return feedback, model.requests


def test_the_question_and_the_answer_are_seen_without_a_suite_and_the_trajectory_is_not() -> None:
    feedback, (request,) = graded([verdict(0.8, "It helps.")])
    assert (feedback.key, feedback.score, feedback.value, feedback.comment) == ("helps", 0.8, 0.8, "It helps.")
    assert feedback.passed is None
    for said in ("The answer helps.", "Where is my order?", "It ships today.", "from 0 to 1"):
        assert said in request.prompt
    assert "find_order" not in request.prompt
    assert request.tools == ["verdict"]


def test_a_question_that_was_not_captured_is_no_reason_not_to_judge() -> None:
    feedback, (request,) = graded([verdict(0.8)], call={"trace": a_trace(user=None)})
    assert feedback.score == 0.8
    assert "was not captured" in request.prompt


def test_an_answer_that_was_not_captured_is_not_judgeable() -> None:
    feedback, requests = graded([verdict(0.8)], call={"trace": a_trace(answer=None)})
    assert (feedback.outcome, feedback.score, requests) == (Outcome.NOT_JUDGEABLE, None, [])


def test_the_trajectory_is_read_from_plain_gen_ai_spans_with_calls_results_and_errors() -> None:
    build = TraceBuilder()
    asked = message("user", "Refund it.")
    call = asks("refund", {"id": 7}, call_id="c1")
    build.chat("m-1", messages=[asked], output=[call], end=1.0)
    said = [asked, call, answers("Error: declined by the bank", call_id="c1")]
    build.chat("m-1", messages=said, output=[message("assistant", "Refunded.")], start=2.0, end=3.0)
    feedback, (request,) = graded([verdict(0.1)], include_trace=True, call={"trace": build.trace()})
    assert feedback.score == 0.1
    for shown in ("Refund it.", "refund", '{"id": 7}', "declined by the bank", "Refunded."):
        assert shown in request.prompt


@pytest.mark.parametrize("name", ["reference_outputs", "expectations"])
def test_the_reference_goes_in_if_there_is_one_and_is_wanted(name: str) -> None:
    reference = {name: {"answer": "On Monday."}}
    _, (request,) = graded([verdict(0.8)], call={"trace": TRACE, **reference})
    assert "On Monday." in request.prompt
    _, (request,) = graded([verdict(0.8)], include_reference=False, call={"trace": TRACE, **reference})
    assert "On Monday." not in request.prompt
    _, (request,) = graded([verdict(0.8)], call={"task": Task(inputs="a", reference_outputs="b"), "outputs": "c"})
    assert all(f"\n{said}\n" in request.prompt for said in "abc")


@pytest.mark.parametrize(
    ("scale", "given", "score", "comment"),
    [
        ((0.0, 1.0), 1.7, 1.0, "Good. [score clamped from 1.7 to scale 0.0-1.0]"),
        ((0.0, 1.0), -1, 0.0, "Good. [score clamped from -1.0 to scale 0.0-1.0]"),
        ((1, 5), 9, 5.0, "Good. [score clamped from 9.0 to scale 1-5]"),
        ((1, 5), 5, 5.0, "Good."),
    ],
)
def test_the_scale_is_enforced_and_the_comment_says_so(
    scale: tuple[float, float], given: float, score: float, comment: str
) -> None:
    feedback, _ = graded([verdict(given, "Good.")], scale=scale)
    assert (feedback.score, feedback.comment) == (score, comment)


@pytest.mark.parametrize("scale", [(1.0, 0.0), (1.0, 1.0), (0.0, float("nan")), (0.0, float("inf"))])
def test_a_scale_that_is_none_is_an_error(scale: tuple[float, float]) -> None:
    with pytest.raises(InstructionsError, match="judge 'helps'.*scale"):
        agent_judge(MODEL, criterion="x", key="helps", scale=scale)


@pytest.mark.parametrize("given", [float("nan"), "NaN", float("inf"), "much", None, True])
def test_what_is_no_number_is_asked_for_again_and_no_score_comes_of_it(given: object) -> None:
    feedback, requests = graded([verdict(given), verdict(0.5)])
    assert (feedback.score, len(requests)) == (0.5, 2)
    feedback, requests = graded([verdict(given)] * 2)
    assert (feedback.score, feedback.comment, len(requests)) == (None, "judge returned no verdict", 2)
    assert feedback.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "answer",
    [
        '```json\n{"value": 0.6, "rationale": "Fair."}\n```',
        'My verdict:\n```\n{"score": 0.6, "reasoning": "Fair."}\n```',
        '{"score": 0.6, "reasoning": "Fair."}',
    ],
)
def test_a_verdict_as_fenced_json_costs_no_retry(answer: str) -> None:
    feedback, requests = graded([text(answer)], retries=0)
    assert (feedback.score, feedback.comment, len(requests)) == (0.6, "Fair.", 1)


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ([verdict("x")] * 9, "invalid_verdict"),
        ([text("Hm.")] * 9, "no_verdict"),
        ([refusal()], "refused"),
        ([error(401)], "authentication"),
        (lambda _: tool_use("get_span", span_id="0" * 16), "no_verdict"),
    ],
)
def test_without_a_verdict_there_is_no_score_and_with_a_threshold_that_is_a_fail(script: Script, kind: str) -> None:
    feedback, _ = graded(script, limits={"turns": 4})
    assert (feedback.score, feedback.passed, feedback.comment) == (None, None, "judge returned no verdict")
    assert feedback.error is not None
    assert feedback.error.type == kind
    feedback, _ = graded(script, threshold=0.5, limits={"turns": 4})
    assert (feedback.score, feedback.passed, feedback.label) == (None, False, "fail")
    assert (feedback.comment, feedback.detail["score"]) == ("judge returned no verdict", None)


@pytest.mark.parametrize("retries", [0, 1, 2])
@pytest.mark.parametrize("reply", [verdict("x"), text("Hm.")])
def test_retries(retries: int, reply: Reply) -> None:
    _, requests = graded([reply] * 9, retries=retries)
    assert len(requests) == retries + 1


@pytest.mark.parametrize(("score", "passed"), [(0.7, True), (0.69, False), (1.0, True)])
def test_the_threshold_is_inclusive_and_the_number_stays(score: float, *, passed: bool) -> None:
    feedback, _ = graded([verdict(score)], threshold=0.7)
    assert (feedback.score, feedback.passed, feedback.label) == (score, passed, "pass" if passed else "fail")
    assert feedback.detail["score"] == score


def test_not_judgeable_is_a_verdict_and_neither_passes_nor_fails() -> None:
    feedback, _ = graded([verdict("not_judgeable", "It was cut off.")], threshold=0.5)
    assert (feedback.passed, feedback.score, feedback.label) == (None, None, "not_judgeable")


class Provider(StrEnum):
    ANTHROPIC = "anthropic"
    OPENAI = "openai"


@dataclass
class AnthropicConfig:
    model: str
    provider: Provider = Provider.ANTHROPIC
    api_key: str | None = None
    base_url: str | None = None
    max_tokens: int = 4096
    temperature: float | None = None
    default_headers: dict[str, str] | None = None
    streaming: bool = True
    http_client: object = object()


def test_a_config_object_of_ag2_is_taken_with_all_that_shapes_the_answer() -> None:
    with ScriptedModel(obliging) as model:
        config = AnthropicConfig(
            "claude-haiku-4-5", api_key="sk-1", base_url=model.base_url, temperature=0, default_headers={"x-team": "a"}
        )
        judge = agent_judge(config, criterion="x", key="helps")
        assert judge(trace=TRACE).score == 0.8
    (request,) = model.requests
    assert (request.headers["authorization"], request.headers["x-team"]) == ("Bearer sk-1", "a")
    assert (request.body["temperature"], request.body["max_tokens"]) == (0, 4096)


def test_a_dict_and_a_config_list_are_taken_and_openai_is_asked_in_chat_completions() -> None:
    with ScriptedModel(obliging) as model:
        openai = {"model": "gpt-5.4", "api_type": "openai", "base_url": model.openai_url, "api_key": "k"}
        assert agent_judge(openai, criterion="x", key="helps")(trace=TRACE).score == 0.8
        assert agent_judge({"config_list": [openai]}, criterion="x", key="helps")(trace=TRACE).score == 0.8
    assert all("messages" in request.body for request in model.requests)  # not `input`, as the Responses API has it


@pytest.mark.parametrize("config", [object(), {"api_type": "openai"}, {"model": 3}, "gpt", None])
def test_a_config_that_names_no_model_is_an_error_without_the_values(config: object) -> None:
    with pytest.raises(InstructionsError, match="judge 'helps'"):
        agent_judge(config, criterion="x", key="helps")


def test_a_wrong_config_shows_no_key() -> None:
    with pytest.raises(InstructionsError) as raised:
        agent_judge({"model": "not a model", "api_key": "sk-secret"}, criterion="x", key="helps")
    assert "sk-secret" not in f"{raised.value} {raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r}"


def test_an_agent_judge_pickles_with_what_it_was_made_of() -> None:
    with ScriptedModel(obliging) as model:
        judge = agent_judge(named(model), criterion="x", key="helps", include_reference=False, threshold=0.7)
        other = pickle.loads(pickle.dumps(judge))
        assert other(trace=TRACE, expectations="secret").passed is True
        assert "secret" not in model.requests[0].prompt


# Of two answers.


def prefers(wanted: str) -> Any:
    """A judge that finds the answer that holds a text, whatever its place."""

    def script(request: Request) -> Reply:
        sides = json.loads(request.prompt.split("[outputs]\n")[1].split("\n", 1)[1].split("\nrecord ")[0])
        found = [place for place, said in sides.items() if wanted in json.dumps(said)]
        return verdict(found[0] if len(found) == 1 else "tie", f"By {wanted}.")

    return script


def compared(script: Script, a: object, b: object, *, call: dict[str, Any] | None = None, **options: Any) -> Comparison:
    with ScriptedModel(script) as model:
        judge = pairwise_judge(named(model), **{"criterion": "It is right.", "key": "right", **options})
        return judge(a, b, **(call or {}))


def test_a_win_needs_both_orders() -> None:
    assert compared(prefers("Monday"), "On Monday.", "Soon.").winner == "a"
    won = compared(prefers("Monday"), "Soon.", "On Monday.")
    assert (won.winner, won.detail, won.reasoning, won.flipped) == (
        "b",
        {"order1": "second", "order2": "first"},
        "By Monday.",
        False,
    )
    assert len(won.feedback) == 2
    assert compared(prefers("Never"), "Soon.", "On Monday.").winner == "tie"


@pytest.mark.parametrize("place", ["first", "second"])
def test_a_preference_for_a_place_is_a_tie(place: str) -> None:
    outcome = compared([verdict(place)] * 2, "x", "y")
    assert (outcome.winner, outcome.flipped) == ("tie", True)


def test_without_swapping_the_judge_is_asked_once() -> None:
    outcome = compared([verdict("first")], "x", "y", swap=False)
    assert (outcome.winner, outcome.detail) == ("a", {"order1": "first"})


def test_a_failed_judgement_is_no_tie() -> None:
    outcome = compared([verdict("third")] * 2 + [verdict("first")] * 2, "x", "y", retries=0)
    assert outcome.winner is None
    assert outcome.error is not None
    outcome = compared([verdict("not_judgeable", "Both are empty.")] * 2, "", "")
    assert outcome.error is not None
    assert (outcome.winner, outcome.error.type) == (None, "not_judgeable")


def test_traces_are_compared_by_their_answers_and_if_wanted_by_what_was_done() -> None:
    other = a_trace("On Monday.", seed=1)
    with ScriptedModel(prefers("Monday")) as model:
        judge = pairwise_judge(named(model), criterion="It is right.", key="right")
        task = Task(reference_outputs={"answer": "Monday"})
        outcome = asyncio.run(judge.compare(task=task, trace_a=TRACE, trace_b=other))
        assert outcome.winner == "b"
        assert all("Where is my order?" in request.prompt for request in model.requests)
        assert all('"answer": "Monday"' in request.prompt for request in model.requests)
        assert "find_order" not in model.requests[0].prompt
        wide = pairwise_judge(named(model), criterion="x", key="right", include_trace=True, include_reference=False)
        wide = pickle.loads(pickle.dumps(wide))
        wide(TRACE, other, reference_outputs="kept out")
        assert "find_order" in model.requests[-1].prompt
        assert "ships 2026-03-01" in model.requests[-1].prompt
        assert "kept out" not in model.requests[-1].prompt


def test_the_win_rate_counts_ties_as_half_and_leaves_failures_out() -> None:
    outcomes = [Comparison("k", winner, "") for winner in ("b", "b", "b", "a", "tie", "tie", None)]
    rate = win_rate(outcomes)
    assert (rate.rate, rate.wins, rate.losses, rate.ties, rate.failures, rate.n) == (4 / 6, 3, 1, 2, 1, 6)
    assert (rate.low, rate.high) == wilson(4 / 6, 6)
    assert win_rate([]).rate is None


def test_wilsons_interval_is_that_of_the_tables() -> None:
    low, high = wilson(0.5, 100)
    assert (round(low, 4), round(high, 4)) == (0.4038, 0.5962)
    assert wilson(0.0, 10)[0] == 0.0
    assert round(wilson(0.0, 10)[1], 4) == 0.2775
    assert wilson(1.0, 10)[1] == pytest.approx(1.0)
