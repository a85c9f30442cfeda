"""`make_judge`, argument by argument, over real HTTP with the real anthropic SDK."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import pickle
import subprocess
import sys
import threading
from typing import Any, Literal, Optional

import pytest
from api_judges import MODEL, a_trace, named, obliging
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_judge import Feedback, make_judge
from otel_judge.errors import InstructionsError
from otel_judge.feedback import Outcome
from otel_judge.testing.model import Reply, Request, ScriptedModel, error, verdict

pytestmark = pytest.mark.usefixtures("anthropic_key")
TRACE = a_trace()
OUTPUTS = "Is {{ outputs }} polite?"


def asked(value: object, *, call: dict[str, Any] | None = None, **options: Any) -> tuple[Feedback, list[Request]]:
    with ScriptedModel(lambda _: verdict(value, "So it is.")) as model:
        options.setdefault("instructions", OUTPUTS)
        judge = make_judge(name="polite", **{"model": MODEL, "base_url": model.base_url, **options})
        feedback = judge(**(call or {"outputs": "Please wait."}))
        judge.close()
    return feedback, model.requests


@pytest.mark.parametrize("model", ["anthropic:claude-haiku-4-5", "anthropic:/claude-haiku-4-5"])
def test_a_model_is_named_either_way(model: str) -> None:
    feedback, (request,) = asked("fine", model=model)
    assert request.body["model"] == "claude-haiku-4-5"
    assert (feedback.name, feedback.value, feedback.rationale) == ("polite", "fine", "So it is.")


@pytest.mark.parametrize(
    ("wanted", "given", "value", "score", "label", "passed"),
    [
        (None, "words of praise", "words of praise", None, "text", None),
        (str, "fine", "fine", None, "text", None),
        (bool, True, True, 1.0, "pass", True),
        (int, 4, 4, 4.0, "number", None),
        (float, 0.25, 0.25, 0.25, "number", None),
        (Optional[float], None, None, None, "none", None),  # noqa: UP045 - as MLflow's users write it
        (int | None, 3, 3, 3.0, "number", None),
        (Literal["yes", "no"], "no", "no", None, "no", False),
        (Literal["good", "bad"], "good", "good", None, "good", None),
        (Literal[1, 2, 3], 2, 2, 2.0, "2", None),
        (Literal["a", 1], 1, 1, None, "1", None),
        (Literal[True, False], True, True, 1.0, "true", True),
        (dict[str, int], {"a": 1}, {"a": 1}, None, "text", None),
        (list[str], ["a", "b"], ["a", "b"], None, "text", None),
    ],
)
def test_each_type_of_value(
    wanted: Any, given: object, value: object, score: float | None, label: str, passed: bool | None
) -> None:
    feedback, _ = asked(given, feedback_value_type=wanted)
    assert (feedback.value, feedback.score, feedback.label, feedback.passed) == (value, score, label, passed)
    assert type(feedback.value) is type(value)


@pytest.mark.parametrize(
    "wanted", [bytes, dict[int, str], list[bytes], int | str, Literal[b"x"], list[list[int]], ["pass", "fail"]]
)
def test_what_is_no_type_of_a_grade_is_an_error(wanted: Any) -> None:
    with pytest.raises(InstructionsError, match="feedback_value_type"):
        make_judge("polite", OUTPUTS, MODEL, feedback_value_type=wanted)


@pytest.mark.parametrize(
    ("options", "given", "label", "score"),
    [
        ({"values": ["good", "bad"], "passing": ["good"]}, "good", "good", None),
        ({"values": {"good": 1, "bad": 0}}, "bad", "bad", 0.0),
        ({"scale": (0, 10)}, 9, "8-10", 9.0),
        ({"scale": (0.0, 1.0), "threshold": 0.5}, 0.5, "pass", 0.5),
        ({"feedback_value_type": int, "scale": (1, 5)}, 5, "4.2-5", 5.0),
    ],
)
def test_a_type_as_the_config_says_it(options: Any, given: object, label: str, score: float | None) -> None:
    feedback, _ = asked(given, **options)
    assert (feedback.label, feedback.score) == (label, score)


def test_variables_are_filled_from_the_call_or_the_trace_and_without_a_trace_there_are_no_tools() -> None:
    instructions = "Is {{ outputs }} right for {{ inputs }}, given {{ expectations }}?"
    given = {"inputs": {"question": "2 + 2?"}, "outputs": "4", "expectations": {"answer": "four"}}
    _, (request,) = asked("fine", instructions=instructions, call=given)
    assert all(text in request.prompt for text in ('"question": "2 + 2?"', "\n4\n", '"answer": "four"'))
    assert request.tools == ["verdict"]
    _, (request,) = asked("fine", instructions=instructions, call={"trace": TRACE, "reference_outputs": "today"})
    assert all(text in request.prompt for text in ("Where is my order?", "It ships today.", "\ntoday\n"))


def test_with_a_trace_the_judge_explores() -> None:
    feedback, (request,) = asked("fine", instructions="Was {{ trace }} fine?", call={"trace": TRACE})
    assert "get_span" in request.tools
    assert feedback.coverage is not None
    assert (feedback.trace_id, feedback.span_id) == (TRACE.trace_id, TRACE.root.span_id)


def test_a_session_is_a_conversation_in_the_order_of_time() -> None:
    first, second = a_trace("Of what?", user="I want a refund."), a_trace("Done.", user="Of my order.", seed=1)
    feedback, (request,) = asked("fine", instructions="Is {{ conversation }} calm?", call={"session": [first, second]})
    places = [request.prompt.index(said) for said in ("I want a refund.", "Of what?", "Of my order.", "Done.")]
    assert places == sorted(places)
    assert feedback.trace_id == second.trace_id


@pytest.mark.parametrize(
    ("instructions", "problem"),
    [
        ("Is {{ answer }} fine?", r"unknown variable \{\{ answer \}\}.*\{\{ trace \}\}, \{\{ inputs \}\}"),
        ("Is it fine?", "no variable.*at least one"),
    ],
)
def test_instructions_that_cannot_work_are_errors_that_name_what_is_allowed(instructions: str, problem: str) -> None:
    with pytest.raises(InstructionsError, match=problem):
        make_judge("polite", instructions, MODEL)


@pytest.mark.parametrize(
    ("instructions", "call", "problem"),
    [
        (OUTPUTS, {"inputs": "x"}, "outputs= or trace="),
        ("Was {{ trace }} fine?", {"outputs": "x"}, "give trace="),
        ("Is {{ conversation }} calm?", {}, "session= or trace="),
    ],
)
def test_a_call_that_lacks_what_the_instructions_use_is_an_error(
    instructions: str, call: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InstructionsError, match=problem):
        make_judge("polite", instructions, MODEL)(**call)


def test_what_is_no_trace_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="trace is a str, not a Trace; otel_judge.read_traces"):
        make_judge("polite", "Was {{ trace }} fine?", MODEL)(trace="trace.json")  # type: ignore[typeddict-item]


def test_a_trace_without_the_content_is_not_judgeable() -> None:
    feedback, requests = asked("fine", call={"trace": a_trace(answer=None)})
    assert feedback.outcome is Outcome.NOT_JUDGEABLE
    assert requests == []


def test_parameters_and_headers_go_with_each_request() -> None:
    _, (request,) = asked(
        "fine", inference_params={"temperature": 0.5, "max_tokens": 300}, extra_headers={"x-team": "search"}
    )
    assert (request.body["temperature"], request.body["max_tokens"]) == (0.5, 300)
    assert request.headers["x-team"] == "search"


def test_a_sampling_parameter_that_the_model_does_not_take_is_left_out_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    feedback, (request,) = asked("fine", model="anthropic:claude-sonnet-5-5", inference_params={"temperature": 0.0})
    assert feedback.error is None
    assert "temperature" not in request.body
    assert "takes no temperature" in caplog.text


def test_limits_price_and_owner() -> None:
    price = {"input_per_mtok": 1.0, "output_per_mtok": 1.0}
    feedback, _ = asked("fine", limits={"usd": 0.5, "turns": 3}, price=price, owner="payments")
    assert feedback.scorer.owner == "payments"
    assert feedback.cost is not None
    with pytest.raises(InstructionsError, match=r"judge 'polite': `turns`"):
        make_judge("polite", OUTPUTS, MODEL, limits={"turns": 0})
    with pytest.raises(InstructionsError, match="price"):
        make_judge("polite", OUTPUTS, MODEL, price={"input_per_mtok": -1.0, "output_per_mtok": 1.0})


def test_a_fallback_is_asked_where_the_model_is_away() -> None:
    def away(request: Request) -> Reply:
        return error(529, "overloaded_error", headers={"retry-after": "0"}) if "haiku" in request.body["model"] else ok

    ok = verdict("fine")
    with ScriptedModel(away) as model:
        spare = named(model).model_copy(update={"model": "anthropic:claude-sonnet-5-5"})
        judge = make_judge("polite", OUTPUTS, MODEL, base_url=model.base_url, fallback=[spare], concurrency=2)
        feedback = judge(outputs="x")
    assert (feedback.value, feedback.model) == ("fine", "claude-sonnet-5-5")


def test_retries_say_how_often_an_invalid_verdict_is_asked_for_again() -> None:
    for retries in (0, 1, 3):
        feedback, requests = asked("five", feedback_value_type=int, retries=retries)
        assert feedback.error is not None
        assert feedback.error.type == "invalid_verdict"
        assert (len(requests), feedback.score, feedback.value) == (retries + 1, None, None)


def test_sweep_and_reading() -> None:
    options = {"instructions": "Is there a leak in {{ trace }}?", "sweep": True, "reading": "explore"}
    feedback, requests = asked("fine", call={"trace": TRACE}, **options)
    assert feedback.reading == "explored"
    assert len(requests) > 1  # it is told what it has not read
    with pytest.raises(InstructionsError, match="sweep"):
        make_judge("polite", OUTPUTS, MODEL, sweep=True)


def test_what_mlflow_offers_and_this_does_not_is_an_error() -> None:
    feedback, _ = asked("fine", generate_rationale_first=False, model_api="chat_completions", description="Politeness.")
    assert feedback.error is None
    with pytest.raises(InstructionsError, match="include_timing_in_conversation"):
        make_judge("polite", OUTPUTS, MODEL, include_timing_in_conversation=True)
    with pytest.raises(InstructionsError, match="model_api"):
        make_judge("polite", OUTPUTS, MODEL, model_api="decisions")
    with pytest.raises(InstructionsError, match="no model is named"):
        make_judge("polite", OUTPUTS)


def test_a_failing_model_is_a_feedback_with_an_error_under_the_names_of_mlflow_too() -> None:
    with ScriptedModel([error(401, "authentication_error")]) as model:
        feedback = make_judge("polite", OUTPUTS, MODEL, base_url=model.base_url)(outputs="x")
    assert feedback.error is not None
    assert (feedback.error.error_code, feedback.error.error_message) == (feedback.error.type, feedback.error.message)
    assert (feedback.value, feedback.score, feedback.source.source_type) == (None, None, "LLM_JUDGE")


def test_a_missing_key_is_a_failure_of_the_call_not_of_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    feedback = make_judge("polite", OUTPUTS, MODEL)(outputs="x")
    assert feedback.error is not None
    assert "export ANTHROPIC_API_KEY" in feedback.error.message


def test_the_result_has_the_names_of_mlflow_and_ag2() -> None:
    feedback, _ = asked("fine")
    assert feedback.source == ("LLM_JUDGE", "claude-haiku-4-5")
    assert feedback.metadata["version"] == feedback.scorer.version
    assert (feedback.key, feedback.comment) == (feedback.name, feedback.rationale)
    assert feedback.detail == {"requests": 1}
    again, _ = asked("fine")
    assert (again.trace_id, again.span_id) == (feedback.trace_id, feedback.span_id)


def test_middleware_stands_around_each_request_and_own_spans_are_handed_over() -> None:
    seen: list[str] = []

    def around(name: str) -> Any:
        async def middleware(send: Any, messages: Any) -> Any:
            seen.append(f"{name} asks")
            response = await send(messages)
            seen.append(f"{name} hears {response.usage.output_tokens > 0}")
            return response

        return middleware

    spans = InMemorySpanExporter()
    asked("fine", own_spans=spans)  # the exporter is lent: closing a judge does not shut it down
    spans.clear()
    asked("fine", middleware=[around("outer"), around("inner")], own_spans=spans)
    assert seen == ["outer asks", "inner asks", "inner hears True", "outer hears True"]
    names = {span.name for span in spans.get_finished_spans()}
    assert names == {"invoke_agent polite", "chat claude-haiku-4-5"}


def test_a_middleware_that_is_no_async_function_is_refused() -> None:
    with pytest.raises(InstructionsError, match="middleware.*no async function.*own_spans="):
        make_judge("polite", OUTPUTS, MODEL, middleware=[lambda event, context: None])  # type: ignore[list-item]


def test_a_call_works_in_a_running_loop_and_in_several_loops() -> None:
    with ScriptedModel(obliging) as model:
        judge = make_judge("polite", OUTPUTS, MODEL, base_url=model.base_url)

        async def notebook() -> tuple[object, object]:
            return judge(outputs="a").value, (await judge.acall(outputs="b")).value

        assert [asyncio.run(notebook()) for _ in range(2)] == [("fine", "fine")] * 2


def test_several_threads_share_a_judge() -> None:
    with ScriptedModel(obliging) as model:
        judge = make_judge("polite", OUTPUTS, MODEL, base_url=model.base_url)
        values: list[object] = []
        threads = [threading.Thread(target=lambda n=n: values.append(judge(outputs=f"{n}").value)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert values == ["fine"] * 8


def test_a_judge_pickles_by_its_config_and_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedModel(obliging) as model:
        config = named(model).model_copy(update={"api_key": "sk-ant-hidden-1"})
        judge = make_judge("polite", OUTPUTS, config, extra_headers={"x-token": "hidden-2"})
        judge(outputs="x")
        other = pickle.loads(pickle.dumps(judge))
        assert other.version == judge.version
        feedback = other(outputs="x")
        assert feedback.value == "fine"
    assert [request.headers["authorization"] for request in model.requests] == ["Bearer sk-ant-hidden-1"] * 2
    shown = f"{judge!r} {other} {judge.config!r} {feedback!r} {caplog.text}"
    assert "hidden-" not in shown
    assert repr(judge) == f"<ModelJudge 'polite', model '{MODEL}', version {judge.version}>"


def test_a_forked_process_opens_connections_of_its_own() -> None:
    with ScriptedModel(obliging) as model:
        judge = make_judge("polite", OUTPUTS, MODEL, base_url=model.base_url)
        judge(outputs="here")
        results: Any = multiprocessing.get_context("fork").SimpleQueue()
        process = multiprocessing.get_context("fork").Process(
            target=lambda: results.put(judge(outputs="there").value), daemon=True
        )
        process.start()
        assert results.get() == "fine"
        process.join(30)
        assert judge(outputs="here again").value == "fine"


def test_a_process_that_ends_leaves_nothing_open() -> None:
    script = """
import otel_judge
from otel_judge.testing.model import ScriptedModel, verdict
with ScriptedModel([verdict("fine")]) as model:
    judge = otel_judge.make_judge("p", "Is {{ outputs }} fine?", "anthropic:claude-haiku-4-5", base_url=model.base_url)
    print(judge(outputs="x").value)
"""
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")


def test_a_closed_judge_opens_again() -> None:
    with ScriptedModel(obliging) as model:
        judge = make_judge("polite", OUTPUTS, MODEL, base_url=model.base_url)
        for _ in range(2):
            assert judge(outputs="x").value == "fine"
            judge.close()
