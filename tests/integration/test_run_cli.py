"""`otel-judge run` and `diff` as a user meets them: what is chosen, paid, kept, gated, written and sent back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from otel_judge.otlp_json import encode_traces
from otel_judge.testing.backend import Backend, Fault
from otel_judge.testing.model import Reply, Request, ScriptedModel, error, verdict
from otel_judge.testing.traces import TraceBuilder

TRACES = 12
PRICE = {"input_per_mtok": 1.0, "output_per_mtok": 2.0}


def number_of(request: Request) -> int:
    return int(request.prompt.split("answer number ")[1].split(".")[0])


def script(request: Request) -> Reply:
    """Passes even numbers. Of 11 it says nothing at all."""
    number = number_of(request)
    return error(401) if number == 11 else verdict("pass" if number % 2 == 0 else "fail", f"Of {number}.")


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(script) as model:
        yield model


def trace_id(number: int) -> str:
    return f"{number + 1:032x}"


def write(folder: Path, model: ScriptedModel | None = None, **judge: Any) -> None:
    """Numbered traces; and a config with one judge where there is a model, else with checks alone."""
    data = TracesData()
    for number in range(TRACES):
        build = TraceBuilder(service="even" if number % 2 == 0 else "odd", trace_id=trace_id(number))
        root = build.agent("shop", user="?", answer=f"This is answer number {number}.", end=1.0 + number)
        build.tool("find", parent=root, arguments={"n": number}, result="found", call_id="c")
        data.resource_spans.extend(build.trace().to_otlp().resource_spans)
    (folder / "traces.json").write_bytes(encode_traces(data))
    if model is None:
        (folder / "otel-judge.yaml").write_text("checks: [answered, {latency: {max: 6s}}]")
        return
    main = {
        "model": "anthropic:scripted",
        "base_url": model.base_url,
        "headers": {"x-api-key": "scripted"},
        "price": PRICE,
        "concurrency": 2,
    }
    given = {"name": "task", "instructions": "Is {{ trace }} good?", "values": ["pass", "fail"], "model": "main"}
    config = {"models": {"main": main}, "judges": [{**given, **judge}], "checks": ["answered"]}
    (folder / "otel-judge.yaml").write_text(json.dumps(config))


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "otel_judge", *arguments]


def otel_judge(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "COLUMNS": "160", **environ}
    return subprocess.run(
        command(*arguments), cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def judged(*arguments: str, cwd: Path) -> dict[str, dict[str, Any]]:
    """What `run --json` gives of each trace, by trace id."""
    done = otel_judge("run", "traces.json", *arguments, "--json", "out.json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return {row["trace_id"]: row for row in json.loads((cwd / "out.json").read_text())["traces"]}


def test_a_condition_and_a_sample_choose_traces_and_a_sample_stays_the_same(tmp_path: Path) -> None:
    write(tmp_path)
    odd = judged("--where", "service=odd", "--where", "duration>4s", cwd=tmp_path)
    assert list(odd) == [trace_id(number) for number in (5, 7, 9, 11)]
    sampled = [list(judged("--sample", "3", cwd=tmp_path)) for _ in range(2)]
    assert sampled[0] == sampled[1]
    assert len(sampled[0]) == 3
    assert list(judged("--sample", "3", "--seed", "0", cwd=tmp_path)) == sampled[0]
    others = [list(judged("--sample", "3", "--seed", seed, cwd=tmp_path)) for seed in ("1", "-2", "3")]
    assert any(other != sampled[0] for other in others)
    none = otel_judge("run", "traces.json", "--where", "service=none", cwd=tmp_path)
    assert (none.returncode, none.stderr.splitlines()) == (
        2, ["otel-judge: traces.json: no trace meets --where; or there are none at all"],
    )  # fmt: skip


def test_rates_are_told_by_field(tmp_path: Path) -> None:
    write(tmp_path)
    done = otel_judge(
        "run", "traces.json", "--by", "service", "--by", "attributes.gen_ai.agent.name", "--json", "x", cwd=tmp_path
    )
    document = json.loads((tmp_path / "x").read_text())
    by = document["by"]["service"]
    assert {value: by[value]["latency"]["pass_rate"] for value in by} == {"even": 0.5, "odd": 0.5}
    assert list(document["by"]["attributes.gen_ai.agent.name"]) == ["shop"]
    assert "  odd: " in done.stdout
    assert document["traces"][0]["about"]["service"] == "even"


def test_the_summary_is_twenty_lines_with_the_essentials(tmp_path: Path, model: ScriptedModel) -> None:
    write(tmp_path, model)
    done = otel_judge("run", "traces.json", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert len(lines) <= 20
    (task,) = [line for line in lines if line.startswith("task ")]
    assert "0.55 (0.28 to 0.79), worst case 0.50" in task
    assert "uncalibrated" in task
    assert any(line.startswith(trace_id(1)) and "Of 1." in line for line in lines)
    assert lines[-1].startswith("12 traces, 24 spans; 12 sampled for judging; ")
    assert lines[-1].split()[-1].startswith("$0.0")


def test_a_gate_that_is_not_met_exits_1_and_one_without_a_verdict_2(tmp_path: Path) -> None:
    write(tmp_path)
    met = otel_judge("run", "traces.json", "--fail-under", "answered=1", "--fail-under", "latency=0.5", cwd=tmp_path)
    assert met.returncode == 0, met.stderr
    missed = otel_judge("run", "traces.json", "--fail-under", "latency=0.6", "--quiet", cwd=tmp_path)
    assert missed.returncode == 1
    assert missed.stdout == ""
    assert missed.stderr.startswith("otel-judge: latency: the pass rate is 0.500 (95 %: 0.254 to 0.746), and must be")
    (tmp_path / "otel-judge.yaml").write_text("checks: [tokens]")
    nothing = otel_judge("run", "traces.json", "--fail-under", "tokens=0.1", cwd=tmp_path)
    assert nothing.returncode == 2
    assert "--fail-under tokens=0.1: there is no verdict at all (12 not judgeable, 0 failed)" in nothing.stderr
    for word in ("nobody=0.5", "tokens=2", "tokens", "tokens=nan"):
        wrong = otel_judge("run", "traces.json", "--fail-under", word, cwd=tmp_path)
        assert (wrong.returncode, wrong.stderr) == (
            2, f"otel-judge: --fail-under {word}: not a gate; write NAME=X with X from 0 to 1 and one of tokens\n",
        )  # fmt: skip


def test_junit_has_a_case_for_each_trace_and_scorer(tmp_path: Path, model: ScriptedModel) -> None:
    write(tmp_path, model)
    done = otel_judge("run", "traces.json", "--junit", "junit.xml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    suites = {suite.get("name"): suite for suite in ET.parse(tmp_path / "junit.xml").getroot()}
    counts = [suites["task"].get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["12", "5", "1", "0"]
    assert suites["answered"].get("failures") == "0"


def test_expectations_reach_the_judge(tmp_path: Path) -> None:
    def compares(request: Request) -> Reply:
        return verdict("pass" if f"reference {number_of(request)}." in request.prompt else "fail")

    with ScriptedModel(compares) as model:
        write(tmp_path, model, instructions="Is {{ trace }} like {{ expectations }}?")
        lines = [{"trace_id": trace_id(n).upper(), "expectations": f"reference {n}."} for n in range(6)]
        (tmp_path / "expected.jsonl").write_text("\n".join(map(json.dumps, lines)))
        rows = judged("--expectations", "expected.jsonl", "--judge", "task", cwd=tmp_path)
    labels = [row["feedback"][0]["label"] for row in rows.values()]
    assert labels == ["pass"] * 6 + ["not_judgeable"] * 6
    (tmp_path / "expected.jsonl").write_text('{"trace_id": "12", "expectations": "x"}')
    wrong = otel_judge("run", "traces.json", "--expectations", "expected.jsonl", cwd=tmp_path)
    assert wrong.stderr.startswith("otel-judge: expected.jsonl:1: '12' is not a trace id; a line is {")
    assert wrong.returncode == 2


def test_a_dry_run_asks_nobody_and_estimates(tmp_path: Path, model: ScriptedModel) -> None:
    write(tmp_path, model, limits={"tokens": 50_000})
    before = len(model.requests)
    done = otel_judge("run", "traces.json", "--sample", "4", "--dry-run", "--emit", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(model.requests) == before
    (task,) = [line.split("│") for line in done.stdout.splitlines() if line.startswith("task ")]
    traces, explored, lacking, least, likely, most = map(str.strip, task[1:])
    assert (traces, explored, lacking, least) == ("4", "", "", likely)
    tokens, usd = int(likely.split()[0].replace(",", "")), float(likely.split("$")[1])
    assert 4 * 1_000 < tokens < 4 * 20_000
    assert usd == pytest.approx(tokens / 1e6, rel=0.5)
    assert most.startswith("200,000 tokens, $")
    assert "likely: each trace is read whole, in one turn; at most: the limits of the judge" in done.stdout
    assert done.stdout.splitlines()[-1] == "4 traces, 8 spans; 4 sampled for judging"


def test_a_dry_run_says_what_it_assumes_of_judges_that_explore(tmp_path: Path, model: ScriptedModel) -> None:
    def foreseen(turns: int) -> tuple[list[int], str]:
        write(tmp_path, model, reading="explore", limits={"turns": turns})
        done = otel_judge("run", "traces.json", "--dry-run", cwd=tmp_path)
        (task,) = [line.split("│") for line in done.stdout.splitlines() if line.startswith("task ")]
        assert [each.strip() for each in task[1:4]] == ["12", "12" if turns > 1 else "", ""]
        return [int(each.split()[0].replace(",", "")) for each in task[4:]], done.stdout

    (least, likely, most), said = foreseen(12)
    assert 4 * least < likely < most == 12 * 200_000
    assert "likely: 4 turns where a judge explores, which is assumed; at least: one; at most: its limits" in said
    (same, fewer, _), said = foreseen(2)
    assert same == least
    assert 2 * least < fewer < likely
    assert "likely: 2 turns where" in said
    (same, likely, _), _ = foreseen(1)
    assert same == likely == least


def test_no_judgement_begins_that_could_cost_more_than_there_is(tmp_path: Path, model: ScriptedModel) -> None:
    write(tmp_path, model, limits={"tokens": 20_000})
    most = 20_000 * 2 / 1e6  # all of it answers
    before = len(model.requests)
    rows = judged("--max-usd", "0.06", cwd=tmp_path)
    feedback = [each for row in rows.values() for each in row["feedback"] if each["name"] == "task"]
    assert sum(each["cost_usd"] or 0 for each in feedback) <= 0.06
    unpaid = [each for each in feedback if each["error"] and each["error"]["type"] == "max_usd"]
    asked = len(model.requests) - before
    assert asked > 0
    assert 0 < len(unpaid) < TRACES
    assert all(row["feedback"][0]["name"] == "answered" for row in rows.values())
    nothing = otel_judge("run", "traces.json", "--max-usd", f"{most / 4}", cwd=tmp_path)
    assert len(model.requests) == before + asked
    assert "12 of them not judged for want of money (--max-usd)" in nothing.stdout


def test_money_cannot_be_held_without_a_price(tmp_path: Path, model: ScriptedModel) -> None:
    write(tmp_path, model)
    path = tmp_path / "otel-judge.yaml"
    config = json.loads(path.read_text())
    del config["models"]["main"]["price"]
    path.write_text(json.dumps(config))
    done = otel_judge("run", "traces.json", "--max-usd", "1", cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot be held: the price of a model of task is not known; set `price` under models" in done.stderr


def test_resume_pays_for_nothing_twice(tmp_path: Path) -> None:
    with ScriptedModel(script) as model:
        write(tmp_path, model)
        first = judged("--resume", "run.jsonl", "--where", "service=even", cwd=tmp_path)
        asked = {number_of(request) for request in model.requests}
        assert asked == {0, 2, 4, 6, 8, 10}
        with (tmp_path / "run.jsonl").open("ab") as journal:
            journal.write(b'{"trace_id": "torn')
        second = judged("--resume", "run.jsonl", cwd=tmp_path)
        later = [number_of(request) for request in model.requests][len(model.requests) - 6 :]
        assert len(second) == TRACES
        task = {key: row["feedback"][-1] for key, row in second.items()}
        assert all(task[key]["duration_s"] == row["feedback"][-1]["duration_s"] for key, row in first.items())
        assert set(later) <= {1, 3, 5, 7, 9, 11}
        before = len(model.requests)
        judged("--resume", "run.jsonl", cwd=tmp_path)
        again = {number_of(request) for request in model.requests[before:]}
        assert again == {11}  # only what had failed
        write(tmp_path, model, instructions="Is {{ trace }} good now?")
        judged("--resume", "run.jsonl", "--where", "service=even", cwd=tmp_path)
        assert {number_of(request) for request in model.requests[before + 1 :]} >= {0, 2, 4, 6, 8, 10}


def test_ctrl_c_keeps_what_is_done_and_resume_goes_on(tmp_path: Path) -> None:
    hung, release = threading.Event(), threading.Event()

    def slow(request: Request) -> Reply:
        if number_of(request) == 3:
            hung.set()
            release.wait(60)
        return script(request)

    with ScriptedModel(slow) as model:
        write(tmp_path, model)
        arguments = command("run", "traces.json", "--json", "out.json", "--resume", "run.jsonl")
        with subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert hung.wait(60)
            while not (tmp_path / "run.jsonl").exists() or (tmp_path / "run.jsonl").read_bytes().count(b"\n") < 3:
                assert process.poll() is None
            assert not (tmp_path / "out.json").exists()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        release.set()
        assert process.returncode == 130, said
        left = sorted(each.name for each in tmp_path.iterdir())
        assert left == ["otel-judge.yaml", "out.json", "run.jsonl", "traces.json"]
        kept = json.loads((tmp_path / "out.json").read_text())["traces"]
        assert 3 <= len(kept) < TRACES
        assert f"interrupted after {len(kept)} traces; their results are kept" in said.decode()
        paid = {row["trace_id"] for row in kept if row["feedback"][-1]["outcome"] == "judged"}
        before = len(model.requests)
        rows = judged("--resume", "run.jsonl", cwd=tmp_path)
        assert len(rows) == TRACES
        assert not paid & {trace_id(number_of(request)) for request in model.requests[before:]}


def test_feedback_is_written_back_and_what_is_refused_is_said(tmp_path: Path) -> None:
    write(tmp_path)
    with Backend() as backend:
        where = {"OTEL_EXPORTER_OTLP_ENDPOINT": backend.http_endpoint}
        done = otel_judge("run", "traces.json", "--emit", "--quiet", cwd=tmp_path, **where)
        assert done.returncode == 0, done.stderr
        spans = backend.spans()
        assert len(spans) == 2 * TRACES
        assert {each.record.trace_id.hex() for each in spans} == {trace_id(number) for number in range(TRACES)}
        assert backend.metrics() == []
    with Backend() as backend:
        backend.fail(Fault.permanent(), times=100)
        where = {"OTEL_EXPORTER_OTLP_ENDPOINT": backend.http_endpoint}
        done = otel_judge("run", "traces.json", "--emit", "--quiet", cwd=tmp_path, **where)
    assert done.returncode == 2
    assert f"otel-judge: {2 * TRACES} spans were not taken by " in done.stderr
    nowhere = otel_judge("run", "traces.json", "--emit", cwd=tmp_path)
    assert nowhere.stderr.startswith("otel-judge: --emit: no backend is named; set exporters.otlp or OTEL_EXPORTER")


def test_diff_tells_regressions_and_gates_on_demand(tmp_path: Path, model: ScriptedModel) -> None:
    write(tmp_path, model)
    judged(cwd=tmp_path)
    (tmp_path / "out.json").rename(tmp_path / "a.json")

    def worse(request: Request) -> Reply:
        return verdict("fail", "Worse.") if number_of(request) in (0, 1, 2) else script(request)

    with ScriptedModel(worse) as other:
        write(tmp_path, other)
        judged(cwd=tmp_path)
    same = otel_judge("diff", "a.json", "a.json", "--fail-on-regression", cwd=tmp_path)
    assert (same.returncode, same.stderr) == (0, "")
    told = otel_judge("diff", "a.json", "out.json", "--json", "diff.json", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert f"{trace_id(0)}  task pass -> fail: Worse." in told.stdout
    assert "-0.18 (" in told.stdout
    document = json.loads((tmp_path / "diff.json").read_text())
    changes = [(each["kind"], each["trace_id"]) for each in document["scorers"]["task"]["changes"]]
    assert changes == [("regression", trace_id(0)), ("regression", trace_id(2))]
    assert document["scorers"]["task"]["same_instrument"]
    gated = otel_judge("diff", "a.json", "out.json", "--fail-on-regression", cwd=tmp_path)
    assert (gated.returncode, gated.stderr) == (1, "otel-judge: 2 verdicts passed before and fail now\n")
    write(tmp_path, model, instructions="Is {{ trace }} any good?")
    judged(cwd=tmp_path)
    said = otel_judge("diff", "a.json", "out.json", cwd=tmp_path).stderr
    assert said.startswith("otel-judge: task (*): not the same judge before and after")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "traces.json", "--where", "servise=x"], "--where servise=x: there is no field 'servise'; there are"),
        (["run", "traces.json", "--by", "colour"], "by colour: there is no such field; use service"),
        (["run", "traces.json", "--resume", "traces.json"], "traces.json: not the journal of a run; name a file"),
        (["run", "traces.json", "--expectations", "none"], "none: no such file"),
        (["diff", "none.json", "none.json"], "none.json: no such file"),
        (["diff", "traces.json", "traces.json"], "traces.json: not the results of a run"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_2(arguments: list[str], expected: str, tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "traces.json").write_bytes((tmp_path / "traces.json").read_bytes() + b"\n")
    done = otel_judge(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"otel-judge: {expected}")


def test_verdicts_go_back_with_the_judges_own_work_and_those_resumed_go_again(
    tmp_path: Path, model: ScriptedModel
) -> None:
    write(tmp_path, model)
    arguments = ("run", "traces.json", "--where", "service=even", "--judge", "task", "--resume", "run.jsonl", "--emit")
    sent: list[dict[bytes, int]] = []
    for _ in range(2):
        with Backend() as backend:
            where = {"OTEL_EXPORTER_OTLP_ENDPOINT": backend.http_endpoint}
            done = otel_judge(*arguments, cwd=tmp_path, **where)
            assert done.returncode == 0, done.stderr
            verdicts = [each.record for each in backend.spans() if each.record.name.startswith("evaluate task")]
            own = {each.record.trace_id for each in backend.spans()} - {each.trace_id for each in verdicts}
            sent.append({each.span_id: each.start_time_unix_nano for each in verdicts})
            assert bool(own) is (len(sent) == 1)
    assert len(sent[0]) == TRACES // 2
    assert sent[0] == sent[1]
