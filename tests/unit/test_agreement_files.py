"""Files of labels, results of a run, and the calibration file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from verdicts_and_labels import failed, quote, said, trace_id, unjudgeable, verdict

from otel_judge.agreement import Calibrations, agreement, read_labels, read_results
from otel_judge.errors import ConfigError, SourceError
from otel_judge.feedback import Coverage, Feedback, Scorer, Usage
from otel_judge.results import Row

LABELLED = Path(__file__).parents[2].parent / "shared" / "labelled"


def test_a_bad_line_is_named_and_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    lines = [said(0, "pass").as_dict(), {"trace_id": "12", "label": "x"}, {"trace_id": trace_id(1), "label": None}]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n{nonsense\n")
    found = read_labels([path])
    assert found.labels == [said(0, "pass")]
    assert found.blank == 1
    first, second = map(str, found.bad)
    assert first == f"{path}:2: trace_id is not 32 hex digits"
    assert second.startswith(f"{path}:5: not JSON: ")


@pytest.mark.parametrize("content", [None, b"{}\n", b"\xff\xfe\n"])
def test_a_file_without_one_label_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match="labels.jsonl"):
        read_labels([path])


def test_the_labelled_runs_are_read_as_they_are() -> None:
    files = sorted(LABELLED.rglob("labels.jsonl"))
    if not files:
        pytest.skip(f"{LABELLED} is not here: it is no part of the project")
    found = read_labels(files)
    assert (found.bad, found.blank) == ([], 0)
    assert len(found.labels) == 50
    assert sum(label.passed is False for label in found.labels) == 13


def test_results_of_a_run_are_read_back(tmp_path: Path) -> None:
    full = verdict(
        0,
        evidence=(quote(), quote(verified=False)),
        coverage=Coverage(0.5, 0.25),
        usage=Usage(10, 5, 2),
        cost_usd=0.1,
        forced="turns",
        shadow_of="other",
        agrees=False,
        score=1.0,
        value=True,
    )
    given = [full, failed(1), unjudgeable(2)]
    rows = [Row(each.trace_id, "root", 1, feedback=[each]) for each in given]
    path = tmp_path / "run.json"
    path.write_bytes(orjson.dumps({"traces": [row.as_dict() for row in rows]}))
    target = {"start_ns": 0, "end_ns": 0}
    assert read_results(path) == [replace(each, target=replace(each.target, **target)) for each in given]


@pytest.mark.parametrize("content", ["[]", "{}", '{"traces": [{"trace_id": "a", "feedback": [{}]}]}', "nonsense"])
def test_what_is_no_result_is_said(content: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(content)
    with pytest.raises(SourceError, match="not the results of a run"):
        read_results(path)


def calibrated(*feedback: Feedback) -> Calibrations:
    found = agreement(feedback, [said(number, "pass") for number in range(9)])
    return Calibrations(judge.calibration() for judge in found.judges)


def test_calibrations_are_written_read_and_renewed(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    calibrated(verdict(0), verdict(1, version="v2")).save(path)
    known = Calibrations.load(path)
    assert {record.version: record.labels for record in known} == {"v1": 1, "v2": 1}
    newer = known.with_records(calibrated(verdict(0), verdict(1), verdict(2)))
    assert {record.version: record.labels for record in newer} == {"v1": 3, "v2": 1}


def test_a_judge_is_known_by_version_and_model_whatever_its_name() -> None:
    known = calibrated(verdict(0), verdict(1, "fail"))
    stamped = known.stamp(verdict(5, name="renamed"))
    assert stamped.calibration == "calibrated"
    assert stamped.calibrated_by is not None
    assert stamped.calibrated_by.labels == 2
    assert known.stamp(failed(5)).calibration == "calibrated"
    assert known.stamp(verdict(5, model="m-2")).calibration == "uncalibrated"
    assert known.stamp(verdict(5, version="v2")).calibration == "uncalibrated"


def test_a_check_is_not_calibrated_for_it_is_code() -> None:
    check = replace(verdict(0), scorer=Scorer("answered", "check", "v1"))
    assert calibrated(verdict(0)).stamp(check).calibration is None


@pytest.mark.parametrize("content", [None, "[]", '{"calibrations": [{"judge": "task"}]}', "nonsense"])
def test_a_calibration_file_that_cannot_be_used_is_refused(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match="calibration: .*calibration.json"):
        Calibrations.load(path)
