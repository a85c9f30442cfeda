"""`otel-judge agree`, `queue` and `run` with shadows as a user meets them, with a scripted model over real HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from otel_judge.otlp_json import encode_traces
from otel_judge.testing.model import Reply, Request, ScriptedModel, explorer, verdict
from otel_judge.testing.traces import TraceBuilder

LABELLED = Path(__file__).parents[2].parent / "shared" / "labelled"
TRACES = 12
HUMAN = {"gen_ai.evaluation.name": "task", "gen_ai.evaluation.evaluator.type": "human"}


def script(request: Request) -> Reply:
    """Passes what answers with an even number; `strict` fails the first three of them too, and quotes what is not."""
    number = int(request.prompt.split("answer number ")[1].split(".")[0])
    strict = "Be strict" in request.prompt
    quote = {"span_id": "ab" * 8, "quote": "never said"}
    return verdict("pass" if number % 2 == 0 and not (strict and number < 6) else "fail", f"Of {number}.", [quote])


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(script) as model:
        yield model


def trace_id(number: int) -> str:
    return f"{number + 1:032x}"


def write(folder: Path, model: ScriptedModel, *, labelled: bool = False, **sections: Any) -> None:
    data = TracesData()
    for number in range(TRACES):
        build = TraceBuilder(trace_id=trace_id(number))
        root = build.agent("shop", user="?", answer=f"This is answer number {number}.", end=2.0)
        if labelled:
            said = {**HUMAN, "gen_ai.evaluation.score.label": "pass" if number % 3 else "fail"}
            build.span("feedback", parent=root if number % 2 else None, end=3600.0, attributes=said)
        data.resource_spans.extend(build.trace().to_otlp().resource_spans)
    (folder / "traces.json").write_bytes(encode_traces(data))
    judge = {"name": "task", "instructions": "Is {{ trace }} good?", "values": ["pass", "fail"], "model": "main"}
    strict = {**judge, "name": "strict", "instructions": "Be strict: is {{ trace }} good?", "shadow_of": "task"}
    main = {"model": "anthropic:scripted", "base_url": model.base_url, "headers": {"x-api-key": "scripted"}}
    config = {"models": {"main": main}, "judges": [judge, strict], "checks": [], **sections}
    (folder / "otel-judge.yaml").write_text(json.dumps(config))


def write_labels(folder: Path, **fields: Any) -> None:
    """Of ten traces, nine as the judge says."""
    lines = [{"trace_id": trace_id(n), "label": "pass" if n % 2 == 0 and n else "fail", **fields} for n in range(10)]
    (folder / "labels.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def otel_judge(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "otel_judge", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def agreed(*arguments: str, cwd: Path) -> dict[str, dict[str, Any]]:
    """What `agree --json -` says, by judge."""
    done = otel_judge("agree", *arguments, "--json", "-", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return {judge["judge"]: judge for judge in json.loads(done.stdout)["judges"]}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, model: ScriptedModel) -> Path:
    """A folder in which `run` has written run.json."""
    folder = tmp_path_factory.mktemp("ran")
    write(folder, model)
    write_labels(folder)
    done = otel_judge("run", "traces.json", "--json", "run.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "shown.txt").write_text(done.stdout)
    return folder


def test_agree_judges_the_labelled_traces_alone(tmp_path: Path, model: ScriptedModel) -> None:
    write(tmp_path, model)
    write_labels(tmp_path, rationale="I asked them.", annotator="kim")
    before = len(model.requests)
    gate = ("--fail-under", "kappa=0.7")  # which the shadow would not meet
    done = otel_judge("agree", "--labels", "labels.jsonl", "traces.json", *gate, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    judged = {request.prompt.split("answer number ")[1].split(".")[0] for request in model.requests[before:]}
    assert judged == set(map(str, range(10)))
    assert "0.90 (" in done.stdout
    assert "kim: I asked them." in done.stdout
    assert "NOT FOUND abababababababab “never said”" in done.stdout
    assert "strict" in done.stdout  # a shadow answers the same question


def test_agree_reads_labels_in_the_traces(tmp_path: Path, model: ScriptedModel) -> None:
    write(tmp_path, model, labelled=True)
    task = agreed("traces.json", "--judge", "task", cwd=tmp_path)["task"]
    assert task["labels"] == TRACES
    assert task["confusion"] == [[2, 2], [4, 4]]


def test_agree_over_results_asks_no_model_and_several_are_repeats(ran: Path, model: ScriptedModel) -> None:
    before = len(model.requests)
    results = ("--results", "run.json", "--results", "run.json")
    task = agreed("--labels", "labels.jsonl", *results, "--judge", "task", cwd=ran)["task"]
    assert (task["labels"], task["flips"]) == (10, {"targets": 10, "flipped": 0, "rate": 0.0})
    assert len(model.requests) == before


def test_a_judge_that_changes_its_mind_is_told(tmp_path: Path) -> None:
    def fickle(request: Request) -> Reply:
        return verdict("pass" if request.number % 4 < 2 else "fail")  # each verdict is asked for evidence once

    with ScriptedModel(fickle) as model:
        write(tmp_path, model)
        write_labels(tmp_path, name="task")
        flips = agreed("--labels", "labels.jsonl", "traces.json", "--judge", "task", "--repeat", "3", cwd=tmp_path)[
            "task"
        ]["flips"]
    assert flips["targets"] == 10
    assert 0 < flips["rate"] < 1


def test_a_shadow_that_is_asked_alone_answers_for_its_primary(tmp_path: Path, model: ScriptedModel) -> None:
    write(tmp_path, model)
    write_labels(tmp_path, name="task")
    arguments = ("agree", "--labels", "labels.jsonl", "traces.json", "--judge", "strict")
    done = otel_judge(*arguments, "--fail-under", "kappa=0.7", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "strict: kappa is" in done.stderr


def test_a_gate_that_is_not_met_exits_1(ran: Path) -> None:
    arguments = ("agree", "--labels", "labels.jsonl", "--results", "run.json", "--judge", "task")
    passed = otel_judge(*arguments, "--fail-under", "kappa=0.7", "--fail-under", "accuracy=0.9", cwd=ran)
    assert passed.returncode == 0, passed.stderr
    missed = otel_judge(*arguments, "--fail-under", "kappa=0.7", "--fail-under", "tpr=1.0", "--fail-under", "tnr=0.9",
                        cwd=ran)  # fmt: skip
    assert missed.returncode == 1
    assert missed.stderr == "otel-judge: task: tnr is 0.833, and must be at least 0.9\n"


def test_what_a_judge_was_measured_at_is_on_what_it_says_later(tmp_path: Path, model: ScriptedModel) -> None:
    write(tmp_path, model)
    write_labels(tmp_path)
    agreed("--labels", "labels.jsonl", "traces.json", "--judge", "task", "--save", "calibration.json", cwd=tmp_path)
    write(tmp_path, model, calibration="calibration.json")
    done = otel_judge("run", "traces.json", "--json", "run.json", cwd=tmp_path)
    assert "kappa 0.80" in done.stdout
    document = json.loads((tmp_path / "run.json").read_text())
    assert document["summary"]["task"]["calibration"] == "calibrated"
    stamps = {each["name"]: each["calibration"] for row in document["traces"] for each in row["feedback"]}
    assert stamps == {"task": "calibrated", "strict": "uncalibrated"}


def test_a_shadow_is_in_no_pass_rate_and_has_a_table_of_its_own(ran: Path) -> None:
    document = json.loads((ran / "run.json").read_text())
    shown = (ran / "shown.txt").read_text()
    assert list(document["summary"]) == ["task"]
    assert document["summary"]["task"]["pass_rate"] == 0.5
    (shadow,) = document["shadows"]
    assert (shadow["shadow"], shadow["primary"], shadow["agreement"]["value"]) == ("strict", "task", 0.75)
    assert [each["trace_id"] for each in shadow["disagreements"]] == [trace_id(number) for number in (0, 2, 4)]
    assert "0.75 (" in shown
    assert "uncalibrated" in shown
    alone = otel_judge("run", "traces.json", "--judge", "strict", "--json", "-", cwd=ran)
    assert json.loads(alone.stdout)["summary"]["strict"]["pass_rate"] == 0.25


def test_queue_picks_what_people_fill_in_and_agree_reads(ran: Path) -> None:
    picked = otel_judge("queue", "--results", "run.json", "-n", "6", cwd=ran)
    again = otel_judge("queue", "traces.json", "-n", "6", "--out", "queue.jsonl", cwd=ran)
    assert picked.returncode == again.returncode == 0, picked.stderr + again.stderr
    assert picked.stdout == (ran / "queue.jsonl").read_text()
    assert picked.stderr.startswith("6 traces: 3 at random, 3 uncertain\n")
    lines = [json.loads(line) for line in picked.stdout.splitlines()]
    assert len({line["trace_id"] for line in lines}) == 6
    empty = otel_judge("agree", "--labels", "queue.jsonl", "--results", "run.json", cwd=ran)
    assert "no labels" in empty.stderr
    for line in lines[:4]:
        line["label"] = "pass"
    (ran / "queue.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = otel_judge("agree", "--labels", "queue.jsonl", "--results", "run.json", cwd=ran)
    assert "2 lines are not filled in yet" in done.stdout
    uncertain = sum(line["picked"] == "uncertain" for line in lines[:4])
    assert f"{uncertain} labels are of traces picked as uncertain" in done.stdout
    labels = ("--labels", "queue.jsonl", "--results", "run.json", "--random-only")
    assert agreed(*labels, cwd=ran)["task"]["labels"] == 4 - uncertain


def test_queue_leaves_out_what_people_have_labelled_for_that_judge(tmp_path: Path, model: ScriptedModel) -> None:
    write(tmp_path, model, labelled=True)
    done = otel_judge("queue", "traces.json", cwd=tmp_path)
    said = f"otel-judge: traces.json: no traces to pick from; {TRACES} labelled already\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
    other = otel_judge("queue", "traces.json", "--judge", "strict", cwd=tmp_path)
    assert len(other.stdout.splitlines()) == TRACES, other.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["agree", "traces.json"], "--labels: no labels; name a file, or a source that holds some"),
        (["agree", "--labels", "none.jsonl", "traces.json"], "none.jsonl: no such file"),
        (
            ["agree", "--labels", "labels.jsonl", "traces.json", "-c", "two.yaml"],
            "choose one with --judge; there are a, b",
        ),
        (["agree", "--labels", "labels.jsonl", "traces.json", "--judge", "x"], "--judge x: no such scorer"),
        (["agree", "--labels", "tone.jsonl", "traces.json"], "they are about tone, which no scorer is called; there"),
        (["agree", "--labels", "far.jsonl", "traces.json", "--judge", "task"], "none of the 1 labels is about a trace"),
        (["agree", "--labels", "labels.jsonl", "x", "--fail-under", "f1=1"], "--fail-under f1=1: not a gate; write"),
        (["agree", "--labels", "labels.jsonl", "x", "--fail-under", "kappa"], "--fail-under kappa: not a gate"),
        (["agree", "--labels", "labels.jsonl", "--results", "labels.jsonl"], "labels.jsonl: not the results of a run"),
        (["queue"], "SOURCE: no traces to pick from; name a source, or results with --results"),
        (["queue", "--results", "none.json"], "none.json: no such file"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_2(arguments: list[str], expected: str, ran: Path) -> None:
    (ran / "tone.jsonl").write_text(json.dumps({"trace_id": trace_id(0), "name": "tone", "label": "warm"}))
    two = json.loads((ran / "otel-judge.yaml").read_text())
    two["judges"] = [{**two["judges"][0], "name": name} for name in ("a", "b")]
    (ran / "two.yaml").write_text(json.dumps(two))
    (ran / "far.jsonl").write_text(json.dumps({"trace_id": "ab" * 16, "label": "pass"}))
    done = otel_judge(*arguments, cwd=ran)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert expected in line


def test_bad_lines_are_named_and_cost_no_others(ran: Path) -> None:
    with (ran / "some.jsonl").open("w") as file:
        file.write((ran / "labels.jsonl").read_text())
        file.write("nonsense\n" + json.dumps({"trace_id": 3}) + "\n")
    done = otel_judge("agree", "--labels", "some.jsonl", "--results", "run.json", "--judge", "task", cwd=ran)
    assert done.returncode == 0
    first, second, count = done.stderr.splitlines()
    assert first.startswith("otel-judge: some.jsonl:11: not JSON: ")
    assert second == "otel-judge: some.jsonl:12: trace_id is not 32 hex digits"
    assert count == "otel-judge: 2 lines are no labels and are left out"


def test_the_labelled_runs_are_judged_and_compared(tmp_path: Path) -> None:
    traces, labels = sorted(LABELLED.rglob("traces.jsonl")), sorted(LABELLED.rglob("labels.jsonl"))
    if not labels:
        pytest.skip(f"{LABELLED} is not here: it is no part of the project")
    with ScriptedModel(explorer("fail")) as model:
        write(tmp_path, model)
        task = agreed(
            *(argument for file in labels for argument in ("--labels", str(file))),
            *map(str, traces),
            *("--judge", "task"),
            cwd=tmp_path,
        )["task"]
    assert (task["classes"], task["confusion"]) == (["fail", "pass"], [[13, 0], [37, 0]])
    assert (task["kappa"]["value"], task["tpr"]["value"], task["tnr"]["value"]) == (0.0, 0.0, 1.0)
    assert task["kappa"]["high"] < 0.3
    assert len(task["disagreements"]) == 37
    assert all(each["evidence"][0]["verified"] for each in task["disagreements"])
