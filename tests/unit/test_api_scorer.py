"""`@scorer`: what it asks for, what it returns, what it raises."""

from __future__ import annotations

import asyncio
import math
import pickle
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_judge import Feedback, Scorer, Task, scorer, threshold
from otel_judge.api.running import background
from otel_judge.api.scorer import FunctionScorer
from otel_judge.errors import InstructionsError
from otel_judge.feedback import JudgeFailure, Outcome
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace


def a_trace(answer: str | None = "It ships today.") -> Trace:
    build = TraceBuilder()
    build.agent("shop", user="Where is it?", answer=answer)
    return build.trace()


TRACE = a_trace()


@scorer
def greets(outputs: Any) -> bool:
    """Says hello."""
    return "hello" in outputs


def returning(value: object) -> FunctionScorer:
    def given_back() -> object:
        return value

    return scorer(given_back)


def graded(value: object) -> Feedback:
    found = returning(value)(trace=TRACE)
    assert isinstance(found, Feedback)
    assert (found.name, found.trace_id, found.span_id) == ("given_back", TRACE.trace_id, TRACE.root.span_id)
    return found


@pytest.mark.parametrize(
    ("value", "score", "label", "passed"),
    [
        (True, 1.0, "pass", True),
        (False, 0.0, "fail", False),
        (3, 3.0, "number", None),
        (0.5, 0.5, "number", None),
        ("completed", None, "completed", None),
        ("Yes", None, "Yes", True),
        ("fail", None, "fail", False),
        ("two words", None, "text", None),
        (["a", 1, True], None, "text", None),
        (("a", 1), None, "text", None),
        ({"a": 1.5}, None, "text", None),
    ],
)
def test_each_kind_of_value(value: object, score: float | None, label: str, passed: bool | None) -> None:
    found = graded(value)
    assert found.value == (list(value) if isinstance(value, tuple) else value)
    assert (found.score, found.label, found.passed) == (score, label, passed)
    assert found.source.source_type == "CODE"


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.binary(), st.lists))
def test_whatever_is_returned_is_a_feedback_or_nothing_and_no_number_is_not_finite(value: object) -> None:
    found = returning(value)(trace=TRACE)
    for each in [] if found is None else found if isinstance(found, list) else [found]:
        assert each.outcome is Outcome.FAILED or each.label
        assert each.score is None or math.isfinite(each.score)


@pytest.mark.parametrize("value", [math.nan, math.inf, b"x", object(), [object()], {"a": None}, {1, 2}])
def test_what_is_no_grade_is_a_failure(value: object) -> None:
    found = graded(value)
    assert found.error is not None
    assert (found.error.type, found.label, found.score) == ("invalid_return", "failed", None)


def test_none_is_no_feedback_and_neither_is_an_empty_list() -> None:
    assert returning(None)(trace=TRACE) is None
    assert returning([])(trace=TRACE) == []


def test_a_list_gives_each_feedback_and_a_bad_one_loses_no_other() -> None:
    found = returning(
        [Feedback(key="a", score=1), None, object(), 0.5, Feedback(key="b", score=False, comment="why")]
    )()
    assert isinstance(found, list)
    assert [(each.name, each.outcome.value, each.score) for each in found] == [
        ("a", "judged", 1.0),
        ("given_back", "failed", None),
        ("given_back", "judged", 0.5),
        ("b", "judged", 0.0),
    ]


def test_a_feedback_by_the_names_of_mlflow_and_ag2() -> None:
    found = graded(Feedback(value="polite", rationale="It says please.", metadata={"words": "2"}))
    assert (found.value, found.label, found.rationale, found.detail) == (
        "polite",
        "polite",
        "It says please.",
        {"words": "2"},
    )
    both = Feedback(key="k", score=0.5, value="partial", comment="half")
    assert (both.key, both.score, both.value, both.label, both.comment) == ("k", 0.5, "partial", "partial", "half")
    failed = Feedback(name="k", error=ValueError("no"))
    assert (failed.error, failed.outcome) == (JudgeFailure("ValueError", "no"), Outcome.FAILED)
    assert Feedback(key="k", comment="no signal").outcome is Outcome.NOT_JUDGEABLE
    with pytest.raises(TypeError, match="Feedback has no 'scores'; it takes name, key"):
        Feedback(scores=1)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="nan is no grade"):
        Feedback(score=math.nan)


def test_a_feedback_object_of_another_library_is_taken() -> None:
    ag2 = SimpleNamespace(key="k", score=True, value=None, comment="c", detail={"a": 1})
    mlflow = SimpleNamespace(name="m", value=3, rationale="r", error=None, metadata=None)
    broken = SimpleNamespace(
        name="x", value=None, rationale=None, error=SimpleNamespace(error_code="E", error_message="m"), metadata=None
    )
    found = returning([ag2, mlflow, broken])()
    assert isinstance(found, list)
    assert [(each.name, each.score, each.rationale) for each in found] == [
        ("k", 1.0, "c"),
        ("m", 3.0, "r"),
        ("x", None, "m"),
    ]
    assert found[2].error == JudgeFailure("E", "m")


def test_a_scorer_asks_by_name_for_what_it_needs() -> None:
    seen: dict[str, Any] = {}

    @scorer
    def sees(inputs: Any, outputs: Any, expectations: Any, reference_outputs: Any, trace: Any, task: Any) -> None:
        seen.update(locals())

    task = Task(task_id="t-1", inputs="2 + 2?", reference_outputs={"answer": "4"}, tags=("sums",))
    sees(outputs="4", task=task)
    assert (seen["inputs"], seen["outputs"], seen["trace"], seen["task"]) == ("2 + 2?", "4", None, task)
    assert seen["expectations"] == seen["reference_outputs"] == {"answer": "4"}
    sees(trace=TRACE, expectations="today")
    assert seen["inputs"] == {"input": "Where is it?"}
    assert seen["outputs"] == {"body": "It ships today.", "content": "It ships today."}
    assert (seen["trace"], seen["reference_outputs"]) == (TRACE, "today")
    sees(trace=a_trace('{"answer": 4}'))
    assert seen["outputs"]["content"] == {"answer": 4}
    sees(trace=a_trace(None))
    assert seen["outputs"] == {}


def test_an_expectation_of_none_is_none_that_was_given() -> None:
    same = scorer(lambda expectations: expectations)
    found = same(expectations=None, reference_outputs="x")
    assert isinstance(found, Feedback)
    assert found.value == "x"


def test_values_that_json_cannot_hold_have_ids_too() -> None:
    circle: list[object] = []
    circle.append(circle)
    for inputs in ({1: "a", "b": 2}, {(1, 2): 3}, circle, "\ud800"):
        found = scorer(lambda inputs: True)(inputs=inputs)
        assert isinstance(found, Feedback)
        assert (found.passed, len(found.trace_id), len(found.span_id)) == (True, 32, 16)


@pytest.mark.parametrize(
    "function",
    [lambda answer: True, lambda *inputs: True, lambda **inputs: True, eval("lambda inputs, /: True")],
)
def test_a_parameter_that_cannot_be_given_is_an_error(function: Any) -> None:
    with pytest.raises(TypeError, match="parameter|there is no"):
        scorer(function)


def test_a_parameter_with_a_default_is_left_alone() -> None:
    assert scorer(lambda outputs, least=3: len(outputs) >= least)(outputs="four").passed is True  # type: ignore[union-attr]


@pytest.mark.parametrize("style", ["sync", "async", "awaitable", "callable"])
def test_every_style_of_function_in_every_style_of_call(style: str) -> None:
    async def late(outputs: str) -> bool:
        await asyncio.sleep(0)
        return outputs == "x"

    class Callable:
        async def __call__(self, outputs: str) -> bool:
            return outputs == "x"

    def promises(outputs: str) -> Any:
        return late(outputs)

    functions = {
        "sync": lambda outputs: outputs == "x",
        "async": late,
        "awaitable": promises,
        "callable": Callable(),
    }
    named = scorer(name="is_x")(functions[style])

    async def awaited() -> tuple[Any, Any]:
        return named(outputs="x"), await named.acall(outputs="y")

    first, second = asyncio.run(awaited())
    assert (first.name, first.passed, second.passed) == ("is_x", True, False)


def test_an_exception_is_a_feedback_without_the_content_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    @scorer
    def breaks(outputs: str) -> bool:
        raise LookupError(f"not in {outputs}")

    for found in (breaks(outputs="secret"), asyncio.run(breaks.acall(outputs="secret"))):
        assert isinstance(found, Feedback)
        assert found.error == JudgeFailure("LookupError", "the scorer failed: not in secret")
        assert (found.score, found.passed, found.label) == (None, None, "failed")
    assert "scorer breaks failed with LookupError in breaks" in caplog.text
    assert "secret" not in caplog.text


def test_a_sync_scorer_does_not_block_the_loop() -> None:
    turned = threading.Event()

    @scorer
    def waits() -> bool:
        return turned.wait(30)

    async def both() -> Any:
        asyncio.get_running_loop().call_soon(turned.set)
        return await waits.acall()

    assert asyncio.run(both()).passed is True


def test_waiting_on_the_loop_that_is_waited_for_is_an_error() -> None:
    async def late() -> None: ...

    async def nested() -> None:
        background.run(late())

    with pytest.raises(RuntimeError, match="acall"):
        background.run(nested())


def test_scorers_pickle_by_their_place_and_say_what_they_are() -> None:
    assert pickle.loads(pickle.dumps(greets)) is greets
    assert repr(greets) == "<FunctionScorer 'greets'>"
    assert greets.description == "Says hello."
    named = pickle.loads(pickle.dumps(scorer(key="other")(len_of)))
    assert (named.name, named(outputs="four").score) == ("other", 4.0)
    with pytest.raises(TypeError, match="is a scorer already"):
        scorer(greets)


def len_of(outputs: str) -> int:
    return len(outputs)


LENGTH = scorer(len_of)


@pytest.mark.parametrize(
    ("bounds", "score", "passed"),
    [
        ({"at_least": 4}, 4, True),
        ({"at_least": 4.5}, 4, False),
        ({"at_most": 4}, 4, True),
        ({"at_most": 3}, 4, False),
        ({"at_least": 3, "at_most": 4}, 4, True),
    ],
)
def test_the_bounds_of_a_threshold_are_inclusive(bounds: dict[str, float], score: float, *, passed: bool) -> None:
    gate = threshold(LENGTH, **bounds)
    for found in (gate(outputs="four"), asyncio.run(gate.acall(outputs="four"))):
        assert isinstance(found, Feedback)
        assert (found.name, found.score, found.passed) == ("len_of", score, passed)
        assert found.label == ("pass" if passed else "fail")
        assert found.detail == {"at_least": None, "at_most": None, **bounds, "score": score}


@pytest.mark.parametrize("value", [True, False, "good", None, ["x"]])
def test_what_is_no_number_passes_through_a_threshold(value: object) -> None:
    inner = returning(value)
    found, plain = threshold(inner, at_least=0.9)(), inner()
    if plain is None:
        assert found is None
    else:
        assert isinstance(found, Feedback)
        assert isinstance(plain, Feedback)
        assert (found.value, found.label, found.passed, found.detail) == (plain.value, plain.label, plain.passed, {})


def test_a_threshold_names_its_gate_keeps_failures_and_takes_lists() -> None:
    @scorer
    def several() -> list[Feedback]:
        return [Feedback(key="a", score=0.9), Feedback(key="b", score=0.1), Feedback(key="c", error="broken")]

    gate = threshold(several, at_least=0.5)
    found = gate()
    assert isinstance(found, list)
    assert [(each.name, each.passed) for each in found] == [("a", True), ("b", False), ("c", None)]
    assert found[2].outcome is Outcome.FAILED
    assert threshold(LENGTH, at_least=1, key="long").name == "long"
    assert threshold(LENGTH, at_least=1).version != LENGTH.version
    other = pickle.loads(pickle.dumps(threshold(LENGTH, at_most=9, key="short")))
    assert other(outputs="four").name == "short"
    assert repr(other) == "<Threshold 'short', at_most=9, of <FunctionScorer 'len_of'>>"


@pytest.mark.parametrize("bounds", [{}, {"at_least": math.nan}, {"at_least": 2, "at_most": 1}])
def test_a_threshold_without_a_bound_that_can_be_met_is_an_error(bounds: dict[str, float]) -> None:
    with pytest.raises(InstructionsError, match="len_of"):
        threshold(LENGTH, **bounds)


def test_every_scorer_is_a_scorer() -> None:
    assert isinstance(greets, Scorer)
    assert greets.key == greets.name == "greets"
