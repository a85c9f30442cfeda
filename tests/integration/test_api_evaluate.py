"""`evaluate`: traces and rows, many scorers, and what the numbers are of."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_judges import MODEL, a_trace, named, obliging
from hypothesis import given
from hypothesis import strategies as st

from otel_judge import (
    Feedback,
    Scorer,
    Task,
    aevaluate,
    agent_judge,
    evaluate,
    final_answer_matches,
    load_results,
    make_judge,
    no_tool_errors,
    scorer,
    tool_called,
)
from otel_judge.config_judges import Price
from otel_judge.errors import ConfigError
from otel_judge.label import Label
from otel_judge.progress import Progress
from otel_judge.results import ScoreStats
from otel_judge.testing.model import Reply, Request, ScriptedModel, error, verdict

pytestmark = pytest.mark.usefixtures("anthropic_key")
TRACES = [a_trace(f"It ships in {days} days.", seed=days) for days in range(1, 5)]


@scorer
def days(outputs: Any) -> int:
    return int(outputs["body"].split()[3])


@scorer
def kind(inputs: Any) -> str | None:
    return "question" if "?" in inputs["input"] else None


def breaking(outputs: Any) -> bool:
    if "2 days" in outputs["body"]:
        raise LookupError
    return True


def by_days(request: Request) -> Reply:
    """A verdict of 0.0, 0.3, 0.6 or 0.9, and of the answer that names 3 days none at all."""
    number = next(n for n in range(1, 5) if f"in {n} days" in request.prompt)
    return error(401) if number == 3 else verdict(0.3 * (number - 1))


def test_the_numbers_of_many_scorers_on_many_traces() -> None:
    with ScriptedModel(by_days) as model:
        judge = agent_judge(named(model), criterion="x", key="plain")
        gate = agent_judge(named(model), criterion="x", key="gate", threshold=0.3)
        result = evaluate(iter(TRACES), [days, kind, breaking, tool_called("find_order"), judge, gate])
    assert [row.trace_id for row in result.rows] == [trace.trace_id for trace in TRACES]
    assert [feedback.name for feedback in result.rows[0].feedback] == result.keys
    stats = result.score_stats("days")
    assert (stats.mean, stats.p50, stats.p95, stats.n) == (2.5, 2.5, pytest.approx(3.85), 4)
    assert result.value_counts("kind") == {"question": 4}
    assert result.pass_rate("tool_called[find_order]") == 1.0
    assert result.pass_rate("breaking") == 1.0
    assert result.summaries["breaking"].failures == 1
    assert result.score_stats("plain").n == 3
    assert result.pass_rate("gate") == 0.5  # two passed, one did not, and a missing verdict is a fail
    assert result.value_counts("gate") == {"pass": 2, "fail": 2}


def test_a_key_that_nobody_gave_is_an_error_and_so_is_what_a_scorer_does_not_know() -> None:
    result = evaluate(TRACES, [days, kind])
    for ask in (result.pass_rate, result.score_stats, result.value_counts):
        with pytest.raises(KeyError, match="no scorer has the key 'day'; there are days, kind"):
            ask("day")
    with pytest.raises(ValueError, match="neither passes nor fails"):
        result.pass_rate("days")
    with pytest.raises(ValueError, match="gave no score"):
        result.score_stats("kind")


def test_what_was_never_graded_has_no_rate() -> None:
    result = evaluate([{"inputs": "2 + 2?"}], [no_tool_errors()])
    assert result.pass_rate("no_tool_errors") is None
    assert result.value_counts("no_tool_errors") == {"not_judgeable": 1}
    assert evaluate([], [days]).pass_rate("days") is None


def test_rows_of_values_and_of_traces_and_tasks() -> None:
    seen: list[tuple[Any, ...]] = []

    @scorer
    def sees(inputs: Any, outputs: Any, reference_outputs: Any, task: Any) -> None:
        seen.append((inputs, outputs, reference_outputs, task.task_id, task.tags))

    rows: list[Any] = [
        {"inputs": "2 + 2?", "outputs": "4", "expectations": {"answer": "4"}, "task_id": 7, "tags": ["sums"]},
        {"trace": TRACES[0], "reference_outputs": {"answer": "in 1 day"}},
        Task(inputs="x", task_id="t", reference_outputs={"answer": "y"}),
    ]
    result = evaluate(rows, [sees, final_answer_matches()], concurrency=1)
    assert seen == [
        ("2 + 2?", "4", {"answer": "4"}, "7", ("sums",)),
        (
            {"input": "Where is my order?"},
            {"body": "It ships in 1 days.", "content": "It ships in 1 days."},
            {"answer": "in 1 day"},
            "",
            (),
        ),
        ("x", None, {"answer": "y"}, "t", ()),
    ]
    assert [row.feedback[0].label for row in result.rows] == ["pass", "fail", "not_judgeable"]
    assert result.value_counts("sees") == {}


@pytest.mark.parametrize(
    ("data", "problem"),
    [(["trace.json"], "str is nothing to evaluate"), ([{"input": 1}], "the key 'input'; the keys are trace, inputs")],
)
def test_an_item_that_is_none_is_an_error_before_anything_is_spent(data: list[Any], problem: str) -> None:
    with ScriptedModel(obliging) as model:
        judge = make_judge("polite", "Is {{ outputs }} polite?", MODEL, base_url=model.base_url)
        with pytest.raises(TypeError, match=problem):
            evaluate([{"outputs": "x"}, *data], [judge])
    assert model.requests == []


def test_two_scorers_of_one_name_are_an_error() -> None:
    with pytest.raises(ValueError, match="two scorers are called 'days'"):
        evaluate(TRACES, [days, scorer(name="days")(lambda: 1)])
    with pytest.raises(ValueError, match="concurrency=0"):
        evaluate(TRACES, [days], concurrency=0)


def test_a_row_that_lacks_what_a_judge_needs_is_a_failure_of_that_row() -> None:
    with ScriptedModel(obliging) as model:
        judge = make_judge("polite", "Is {{ outputs }} polite?", MODEL, base_url=model.base_url)
        result = evaluate([{"inputs": "x"}, {"outputs": "y"}], [judge])
    first, second = (row.feedback[0] for row in result.rows)
    assert first.error is not None
    assert (first.error.type, second.value) == ("InstructionsError", "fine")


def test_a_scorer_of_somebody_elses_class_loses_no_others() -> None:
    class Broken(Scorer):
        async def score(self, case: Any, *, answered: Any = None) -> list[Feedback]:
            raise LookupError("no")

    result = evaluate(TRACES[:1], [Broken("broken", "check", "1"), days])
    assert [feedback.outcome.value for feedback in result.rows[0].feedback] == ["failed", "judged"]


def test_names_that_a_scorer_gives_are_keys_after_those_of_the_scorers() -> None:
    @scorer
    def several() -> list[Feedback]:
        return [Feedback(key="a", score=True), Feedback(key="b", score=0.5)]

    result = evaluate(TRACES, [several, days])
    assert result.keys == ["several", "days", "a", "b"]
    assert (result.pass_rate("a"), result.score_stats("b").mean) == (1.0, 0.5)


def test_no_more_items_are_graded_side_by_side_than_asked_for() -> None:
    running, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2)

    @scorer
    def counts() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait(30)  # two are needed at a time
        with lock:
            running -= 1

    evaluate(TRACES, [counts], concurrency=2)
    assert most == 2


def test_data_is_read_as_it_is_needed_and_off_the_loop() -> None:
    names: set[str] = set()

    def read() -> Iterator[Any]:
        for trace in TRACES:
            names.add(threading.current_thread().name)
            yield trace

    assert len(evaluate(read(), [days], concurrency=1).rows) == 4
    assert names == {"otel-judge-scorer"}


def test_in_a_running_loop_both_ways_work_and_async_scorers_run_on_the_callers_loop() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    @scorer
    async def where() -> None:
        loops.append(asyncio.get_running_loop())

    async def notebook() -> asyncio.AbstractEventLoop:
        with ScriptedModel(obliging) as model:
            judge = make_judge("polite", "Is {{ outputs }} polite?", MODEL, base_url=model.base_url)
            result = await aevaluate(TRACES[:1], [where, judge])
            assert result.value_counts("polite") == {"text": 1}
            assert evaluate(TRACES[:1], [judge]).value_counts("polite") == {"text": 1}
        return asyncio.get_running_loop()

    assert asyncio.run(notebook()) is loops[0]


def test_judges_of_one_trace_share_its_prefix_and_one_goes_ahead() -> None:
    with ScriptedModel(obliging) as model:
        judges = [
            make_judge(f"judge_{number}", "Is {{ trace }} fine?", MODEL, base_url=model.base_url, values=["a", "b"])
            for number in range(3)
        ]
        result = evaluate(TRACES[:1], judges)
    cached = sorted(feedback.usage.cached_tokens for feedback in result.rows[0].feedback if feedback.usage)
    assert cached[0] == 0
    assert all(tokens > 0 for tokens in cached[1:])


def test_results_by_attribute_tag_and_metadata_and_saved(tmp_path: Path) -> None:
    rows = [
        {"trace": TRACES[0], "tags": ["new"], "metadata": {"tier": "gold"}},
        {"trace": TRACES[1], "tags": ["new", "slow"], "metadata": {"tier": "free"}},
        {"outputs": {"body": "It ships in 9 days."}, "metadata": {"tier": "free"}},
    ]
    result = evaluate(rows, [days], by=["metadata.tier", "attributes.gen_ai.agent.name"])
    assert {tier: each.score_stats("days").mean for tier, each in result.by("metadata.tier").items()} == {
        "free": 5.5,
        "gold": 1.0,
    }
    assert {tag: len(each.rows) for tag, each in result.by("tag").items()} == {"new": 2, "slow": 1, "(none)": 1}
    assert list(result.by("attributes.gen_ai.agent.name")) == ["shop", "(none)"]
    assert list(result.by("service")) == ["shop", "(none)"]
    with pytest.raises(KeyError, match="no row has 'colour'"):
        result.by("colour")
    with pytest.raises(ConfigError, match="by colour: there is no such field"):
        evaluate(rows, [days], by="colour")
    with pytest.raises(TypeError, match="evaluate takes no 'colour'"):
        evaluate(rows, [days], colour=1)
    result.save(tmp_path / "results.json")
    assert load_results(tmp_path / "results.json").score_stats("days") == result.score_stats("days")
    assert result.diff(result).regressions == []


def test_expectations_by_trace_id_and_labels_of_people() -> None:
    expected = {trace.trace_id: {"answer": "It ships in 1 days."} for trace in TRACES[:2]}
    result = evaluate(iter(TRACES[:3]), [final_answer_matches("answer")], expectations=expected)
    assert [row.feedback[0].label for row in result.rows] == ["pass", "fail", "not_judgeable"]
    assert [row.expectations is None for row in result.rows] == [False, False, True]
    labels = [Label(trace.trace_id, label="pass" if number < 3 else "fail") for number, trace in enumerate(TRACES)]
    with ScriptedModel(lambda request: verdict(0.9 if "in 1 days" in request.prompt else 0.1)) as model:
        judge = agent_judge(named(model), criterion="x", key="gate", threshold=0.5)
        result = evaluate(TRACES, [judge], labels=labels)
    assert result.agreement is not None
    (gate,) = result.agreement.judges
    assert (gate.name, gate.table.n) == ("gate", 4)
    assert evaluate(TRACES[:1], [days]).agreement is None


def test_money_is_never_more_than_asked_for_and_code_goes_on() -> None:
    with ScriptedModel(obliging) as model:
        price = Price(input_per_mtok=1.0, output_per_mtok=1.0)
        config = named(model).model_copy(update={"price": price})
        judge = agent_judge(config, criterion="x", key="plain", limits={"tokens": 20_000})
        assert judge.most_usd == pytest.approx(0.02)
        counting = Progress()
        result = evaluate(TRACES, [judge, days], max_usd=0.021, progress=counting, concurrency=4)
        assert evaluate(TRACES, [judge], max_usd=0.019).summaries["plain"].failures == 4
    spent = sum(row.feedback[0].cost_usd or 0.0 for row in result.rows)
    assert 0 < spent <= 0.021
    unpaid = [row.feedback[0].error for row in result.rows if row.feedback[0].error is not None]
    assert unpaid
    assert {error.type for error in unpaid} == {"max_usd"}
    assert result.score_stats("days").n == 4
    assert (counting.total, counting.traces, counting.failures) == (4, 4, len(unpaid))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_percentiles_lie_between_the_scores(scores: list[float]) -> None:
    stats = ScoreStats.of(scores)
    assert min(scores) <= stats.p50 <= stats.p95 <= max(scores)
    assert stats.n == len(scores)
    assert min(scores) - 1e-6 <= stats.mean <= max(scores) + 1e-6
