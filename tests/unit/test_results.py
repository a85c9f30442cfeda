"""Results: numbers and their intervals, groups, files, journals, gates, JUnit, and two of them beside each other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verdicts_and_labels import failed, quote, trace_id, unjudgeable, verdict

from otel_judge import intervals
from otel_judge.decision import Decision
from otel_judge.errors import SourceError
from otel_judge.feedback import Coverage, Feedback, Usage
from otel_judge.results import Gate, Journal, JUnit, Results, Row, Tallies, diff, load


def row(number: int, *feedback: Feedback, **fields: Any) -> Row:
    return Row(trace_id(number), "root", 3, feedback=list(feedback), number=number, **fields)


def results(*labels: str, **fields: Any) -> Results:
    """A row a label; `-` is a failure, `?` not judgeable."""
    made = {"-": failed, "?": unjudgeable}
    return Results.of(
        [row(n, made[label](n) if label in made else verdict(n, label, **fields)) for n, label in enumerate(labels)],
        ["task"],
    )


def test_a_pass_rate_has_wilsons_interval_and_what_has_no_verdict_beside_it() -> None:
    found = results(*["pass"] * 8, "fail", "fail", "-", "?")
    measure = found.interval("task")
    assert (measure.value, measure.n) == (0.8, 10)
    assert (round(measure.low or 0, 3), round(measure.high or 0, 3)) == (0.490, 0.943)
    summary = found.summaries["task"]
    assert (summary.not_judgeable, summary.failures, summary.judged) == (1, 1, 10)
    assert summary.worst_case == pytest.approx(8 / 12)


def test_score_stats_have_a_bootstrap_interval() -> None:
    scores = [number / 100 for number in range(100)]
    found = Results.of([row(n, verdict(n, "number", score=score)) for n, score in enumerate(scores)])
    stats = found.score_stats("task")
    assert stats.n == 100
    assert stats.low is not None
    assert stats.high is not None
    assert 0.42 < stats.low < stats.mean < stats.high < 0.57
    assert stats == found.score_stats("task")
    alone = Results.of([row(0, verdict(0, "number", score=0.5))]).score_stats("task")
    assert (alone.mean, alone.low, alone.high) == (0.5, None, None)


def test_rows_are_put_together_by_what_they_are_about() -> None:
    rows = [
        row(0, verdict(0, "pass"), about={"service": "shop"}, tags=("a", "b")),
        row(1, verdict(1, "fail"), about={"service": "shop", "attributes.x": "1"}),
        row(2, verdict(2, "pass"), about={"service": "bank"}),
    ]
    found = Results.of(rows, ["task"])
    assert {value: each.pass_rate("task") for value, each in found.by("service").items()} == {"bank": 1.0, "shop": 0.5}
    assert {value: len(each.rows) for value, each in found.by("tag").items()} == {"a": 1, "b": 1, "(none)": 2}
    assert list(found.by("attributes.x")) == ["1", "(none)"]
    with pytest.raises(KeyError, match="no row has 'colour'; there are service, attributes.x, tag"):
        found.by("colour")
    tallies = Tallies(["task"], ["service"])
    for each in rows:
        tallies.add(each)
    streamed = {value: summaries[0].pass_rate for value, summaries in tallies.by()["service"].items()}
    assert streamed == {"bank": 1.0, "shop": 0.5}
    assert tallies.summaries()[0].as_dict() == found.summaries["task"].as_dict()


def test_results_are_saved_and_loaded(tmp_path: Path) -> None:
    full = verdict(
        0,
        evidence=(quote(),),
        coverage=Coverage(0.5, 0.25),
        usage=Usage(10, 5, 2),
        cost_usd=0.1,
        judged_at_ns=7,
        detail={"charged_usd": 0.2},
    )
    decision = Decision(sampled=True, judges=("task",), policy="p", reason="r", probability=0.5)
    rows = [
        row(0, full, about={"service": "shop"}, tags=("a",), expectations="ab", decision=decision),
        row(1, failed(1)),
    ]
    path = tmp_path / "results.json"
    saved = Results.of(rows, ["task", "never"])
    saved.save(path)
    loaded = load(path)
    assert loaded.keys == ["task", "never"]
    target = {"start_ns": 0, "end_ns": 0}
    for each in rows:
        each.feedback = [replace(feedback, target=replace(feedback.target, **target)) for feedback in each.feedback]
    assert loaded.rows == rows
    assert loaded.summaries["task"].as_dict() == saved.summaries["task"].as_dict()
    with pytest.raises(SourceError, match="cannot be written"):
        saved.save(tmp_path)


def test_a_journal_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.add(row(0, verdict(0)))
    journal.add(row(1, verdict(1)))
    journal.close()
    path.write_bytes(path.read_bytes()[:-40])
    journal = Journal(path)
    assert list(journal.rows) == [trace_id(0)]
    journal.add(row(2, verdict(2)))
    journal.close()
    assert list(Journal(path).rows) == [trace_id(0), trace_id(2)]
    assert [each.trace_id for each in load(path).rows] == [trace_id(0), trace_id(2)]


def test_what_is_no_journal_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(text := json.dumps({"a": 1}, indent=1))
    with pytest.raises(SourceError, match="not the journal of a run"):
        Journal(path)
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("labels", "least", "missed"),
    [
        (["pass"] * 9 + ["fail"], 0.9, None),
        (["pass"] * 9 + ["fail"], 0.91, "the pass rate is 0.900 (95 %: 0.596 to 0.982), and must be at least 0.91"),
        (["pass"] * 19 + ["-"], 1.0, None),  # 5 % without a verdict are not over 5 %
        (["pass"] * 18 + ["-", "?"], 0.9, None),
        (["pass"] * 18 + ["-", "?"], 0.95, "the pass rate is 0.900 in the worst case, and must be at least 0.95"),
    ],
)
def test_a_gate_goes_by_the_worst_case_where_many_have_no_verdict(
    labels: list[str], least: float, missed: str | None
) -> None:
    said = Gate("task", least).check(results(*labels).summaries["task"])
    assert (said is None) if missed is None else (missed in (said or ""))


def test_a_gate_with_nothing_to_go_by_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"no verdict at all \(1 not judgeable, 1 failed\)"):
        Gate("task", 0.0).check(results("-", "?").summaries["task"])
    with pytest.raises(ValueError, match="neither pass nor fail"):
        Gate("task", 0.0).check(results("number", score=0.5).summaries["task"])


def test_junit_tells_failures_errors_and_skipped_apart_and_escapes_all() -> None:
    said = 'He said "no" <b>&\x00\x1b[31m\ud800'
    rows = [
        row(0, verdict(0, "fail", rationale=said, evidence=(quote(),), duration_s=1.5)),
        row(1, failed(1), verdict(1, "pass", shadow_of="task", name="shadow")),
        row(2, unjudgeable(2)),
        row(3, verdict(3, "pass", name="other")),
    ]
    made = JUnit()
    for each in rows:
        made.add(each)
    root = ET.fromstring(b"".join(made.chunks()))
    task, other = root.findall("testsuite")
    counts = {name: task.get(name) for name in ("name", "tests", "failures", "errors", "skipped")}
    assert counts == {"name": "task", "tests": "3", "failures": "1", "errors": "1", "skipped": "1"}
    assert (other.get("name"), other.get("tests"), other.get("failures")) == ("other", "1", "0")
    failure = task.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == 'He said "no" <b>&\ufffd\ufffd[31m\ufffd'
    assert "it ships today" in (failure.text or "")
    assert [case.get("name") for case in task] == [f"root {trace_id(n)}" for n in range(3)]


def test_a_diff_tells_trace_by_trace_what_changed() -> None:
    before = results("pass", "pass", "fail", "-", "pass", "pass")
    after = results("pass", "fail", "pass", "pass", "?")
    after = Results.of([*after.rows, row(9, verdict(9))], ["task"])
    found = before.diff(after)
    assert [(change.kind, change.trace_id) for change in found.scorers["task"].changes] == [
        ("regression", trace_id(1)),
        ("improvement", trace_id(2)),
        ("found", trace_id(3)),
        ("lost", trace_id(4)),
    ]
    assert (found.shared, found.new, found.gone) == (5, (trace_id(9),), (trace_id(5),))
    change = found.scorers["task"].pass_rate
    assert (change.value, change.n) == (0.0, 3)
    assert change.low is not None
    assert change.high is not None
    assert change.low < 0 < change.high
    assert json.dumps(found.as_dict())


def test_another_judge_or_model_is_said() -> None:
    before = results("pass", "pass")
    assert before.diff(results("pass", "fail")).scorers["task"].same_instrument
    assert not before.diff(results("pass", "fail", version="v2")).scorers["task"].same_instrument
    assert not before.diff(results("pass", "fail", model="m-2")).scorers["task"].same_instrument
    mixed = Results.of([*before.rows, *results("pass", version="v2").rows])
    assert len(mixed.summaries["task"].instruments) == 2


def test_results_without_a_trace_in_common_compare_their_rates() -> None:
    before = results(*["pass"] * 8, "fail", "fail")
    later = [row(100 + n, verdict(100 + n, "pass" if n < 5 else "fail")) for n in range(10)]
    change = diff(before, Results.of(later)).scorers["task"].pass_rate
    assert change.value == pytest.approx(-0.3)
    assert change.low is not None
    assert change.high is not None
    assert -0.65 < change.low < -0.3 < change.high < 0.2


LABELS = st.lists(st.sampled_from(["pass", "fail", "-", "?", "number"]), max_size=12)


@given(LABELS, LABELS)
def test_a_diff_and_its_reverse_say_the_reverse(a: list[str], b: list[str]) -> None:
    there, back = diff(results(*a), results(*b)), diff(results(*b), results(*a))
    assert [change.trace_id for change in there.regressions] == [change.trace_id for change in back.improvements]
    assert (there.new, there.gone) == (back.gone, back.new)
    one, other = there.scorers["task"].pass_rate, back.scorers["task"].pass_rate
    assert (one.value is None) == (other.value is None)
    if one.value is not None and other.value is not None:
        assert one.value == pytest.approx(-other.value)
        assert one.low == pytest.approx(-(other.high or 0.0))
    assert not diff(results(*a), results(*a)).regressions


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_an_interval_holds_its_value(gained: int, lost: int, same: int) -> None:
    change = intervals.paired_rate_change(gained, lost, gained + lost + same)
    if change.value is not None and change.low is not None and change.high is not None:
        assert -1 <= change.low <= change.value <= change.high <= 1
    measure = intervals.rate(gained, gained + lost)
    if measure.value is not None and measure.low is not None and measure.high is not None:
        assert 0 <= measure.low <= measure.value <= measure.high <= 1
