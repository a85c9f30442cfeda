"""`python: module:name` under `judges`: loaded at the start, sampled like a judge, never on the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_judges import a_trace, obliging
from session_turns import a_turn, root_of
from test_cli import one_line, otel_judge

from otel_judge.batch import grade
from otel_judge.config_file import parse
from otel_judge.engine import Engine, Plan
from otel_judge.errors import ConfigError
from otel_judge.feedback import JudgeFailure
from otel_judge.otlp_json import encode_traces
from otel_judge.results import Row
from otel_judge.testing.model import ScriptedModel

MODULE = """
import threading
from otel_judge import Feedback, make_judge, scorer, threshold

not_callable = 3
threads = []
held = threading.Event()

@scorer
def length(outputs):
    threads.append(threading.current_thread().name)
    return len(outputs["body"])

def plain(trace):
    return len(trace) == 2

def spans(trace):
    return len(trace)

def asks_for_the_wrong(answer):
    return True

@scorer
def several():
    return [Feedback(key="a", score=1), object(), None]

@scorer
def breaks():
    raise LookupError("no such thing")

@scorer
def hangs():
    return held.wait()

gate = threshold(length, at_least=5)
of_sessions = make_judge("inner", "Was {{ trace }} fine?", "anthropic:claude-haiku-4-5", target="session")
gate_of_sessions = threshold(of_sessions, at_least=1)
judge = make_judge("inner", "Is {{ outputs }} fine?", "anthropic:claude-haiku-4-5", feedback_value_type=bool)
"""
BREAKING = "import no_such_library\n"
RAISING = "1 / 0\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in {"my_scorers": MODULE, "my_breaking": BREAKING, "my_raising": RAISING}.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    import sys

    module = sys.modules.pop("my_scorers", None)
    if module is not None:
        module.held.set()


def engine(*judges: str, more: str = "") -> Engine:
    listed = "\n".join(f"  - {judge}" for judge in judges)
    return Engine(Plan.of(parse(f"checks: []\njudges:\n{listed}\n{more}")))


def graded(*judges: str, more: str = "") -> list[Row]:
    async def work() -> list[Row]:
        built = engine(*judges, more=more)
        try:
            return await grade([a_trace()], built)
        finally:
            await built.aclose()

    return asyncio.run(work())


@pytest.mark.usefixtures("folder")
def test_a_scorer_goes_by_the_name_of_the_config_and_runs_in_a_thread() -> None:
    (row,) = graded('{name: answer_length, python: "my_scorers:length", owner: search}')
    (feedback,) = row.feedback
    assert (feedback.name, feedback.score, feedback.scorer.kind, feedback.scorer.owner) == (
        "answer_length",
        15.0,
        "check",
        "search",
    )
    assert (feedback.trace_id, feedback.span_id) == (row.trace_id, a_trace().root.span_id)
    import my_scorers

    assert my_scorers.threads == ["otel-judge-scorer"]
    assert threading.current_thread().name not in my_scorers.threads


@pytest.mark.usefixtures("folder")
def test_a_gate_a_plain_function_and_names_of_their_own() -> None:
    (row,) = graded(
        '{name: gate, python: "my_scorers:gate"}',
        '{name: small, python: "my_scorers:plain"}',
        '{name: several, python: "my_scorers:several"}',
    )
    found = {feedback.name: feedback.label for feedback in row.feedback}
    assert found == {"gate": "pass", "small": "pass", "a": "number", "several": "failed"}


@pytest.mark.usefixtures("folder")
def test_a_scorer_whose_target_is_the_session_is_given_all_of_it() -> None:
    async def work() -> list[Row]:
        built = engine('{name: turns, target: session, python: "my_scorers:spans"}')
        return await grade([a_turn(number).trace() for number in (1, 0)], built)

    *singles, session = asyncio.run(work())
    assert [row.feedback for row in singles] == [[], []]
    (feedback,) = session.feedback
    assert (feedback.score, feedback.span_id, feedback.target.turns) == (4.0, root_of(a_turn(1)), 2)


@pytest.mark.usefixtures("folder", "anthropic_key")
@pytest.mark.parametrize("name", ["of_sessions", "gate_of_sessions"])
def test_a_judge_of_sessions_is_named_with_that_target(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} judges sessions; set `target: session`"):
        engine(f'{{name: x, python: "my_scorers:{name}"}}')
    assert engine(f'{{name: x, target: session, python: "my_scorers:{name}"}}').judges_sessions


@pytest.mark.usefixtures("folder", "anthropic_key")
def test_a_judge_of_make_judge_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedModel(obliging) as model:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", model.base_url)
        (row,) = graded('{name: outer, python: "my_scorers:judge"}')
    (feedback,) = row.feedback
    assert (feedback.name, feedback.label, feedback.scorer.kind) == ("outer", "pass", "judge")


@pytest.mark.usefixtures("folder")
def test_what_a_scorer_raises_is_a_failure_and_one_that_hangs_is_ended() -> None:
    (row,) = graded(
        '{name: breaks, python: "my_scorers:breaks"}',
        '{name: hangs, python: "my_scorers:hangs", limits: {seconds: 0.05}}',
    )
    errors = {feedback.name: feedback.error for feedback in row.feedback}
    assert errors == {
        "breaks": JudgeFailure("LookupError", "the scorer failed: no such thing"),
        "hangs": JudgeFailure("timeout", "the scorer gave nothing within 0.05 s"),
    }


@pytest.mark.usefixtures("folder")
def test_it_is_sampled_like_a_judge() -> None:
    policy = "sampling: {policies: [{name: e, type: status_code, status_code: {status_codes: [ERROR]}}]}"
    (row,) = graded('{name: answer_length, python: "my_scorers:length"}', more=policy)
    assert row.feedback == []
    assert row.decision is not None
    assert not row.decision.sampled


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("no_such_module:x", "there is no module 'no_such_module'; install it, or put the folder.*PYTHONPATH"),
        ("my_breaking:x", "there is no module 'no_such_library'"),
        ("my_raising:x", "importing my_raising raised ZeroDivisionError"),
        ("my_scorers:lenght", "my_scorers has no 'lenght'"),
        ("my_scorers:not_callable", "not_callable is no scorer"),
        ("my_scorers:asks_for_the_wrong", "there is no 'answer' to give"),
    ],
)
def test_what_cannot_be_loaded_is_an_error_of_the_config_that_names_the_key(reference: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=rf"judges\[1\]\.python: .*{problem}|'y': judges\[1\]\.python: {problem}"):
        engine('{name: x, python: "my_scorers:length"}', f'{{name: y, python: "{reference}"}}')


@pytest.mark.parametrize(
    ("judge", "problem"),
    [
        ('{name: x, python: "my_scorers:length", model: "a:b"}', "`model` stands beside `python`"),
        ("{name: x, python: my_scorers}", r"judges\[0\]\.python: 'my_scorers' names no object.*write module:name"),
        ("{name: x, model: 'a:b'}", r"judges\[0\]: the judge has no instructions"),
        ("{name: x}", "no instructions and no model"),
    ],
)
def test_a_judge_is_either_instructions_and_a_model_or_python(judge: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        parse(f"judges: [{judge}]")


def test_the_commands_run_it_and_say_what_is_wrong(folder: Path) -> None:
    (folder / "trace.json").write_bytes(encode_traces(a_trace().to_otlp()))
    config = folder / "otel-judge.yaml"
    config.write_text('judges: [{name: answer_length, python: "my_scorers:length"}]\nchecks: []\n')
    environ: dict[str, Any] = {"PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"}
    done = otel_judge("check", str(config), cwd=folder, **environ)
    assert (done.returncode, "answer_length (my_scorers:length)" in done.stdout.decode()) == (0, True), done
    done = otel_judge("run", "trace.json", "--json", "-", cwd=folder, **environ)
    assert (done.returncode, '"name": "answer_length"' in done.stdout.decode()) == (0, True), done
    config.write_text('judges: [{name: answer_length, python: "my_missing:length"}]\n')
    line = one_line(otel_judge("check", str(config), cwd=folder, **environ))
    assert "judges[0].python: there is no module 'my_missing'" in line
