"""The labelled runs beside the repository through `otel-judge run`, with a scripted explorer: none is invalid."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from otel_judge.testing.model import ScriptedModel, explorer

LABELLED = Path(__file__).parents[2].parent / "shared" / "labelled"
READINGS = ("auto", "explore")


def config(base_url: str) -> str:
    """As JSON, which is YAML too."""
    main = {"model": "anthropic:claude-sonnet-5-5", "base_url": base_url, "headers": {"x-api-key": "scripted"}}
    instructions = "Read the {{ trace }}. Did the agent do what the user asked?"
    judges = [{"name": name, "instructions": instructions, "model": "main", "reading": name} for name in READINGS]
    return json.dumps({"models": {"main": main}, "judges": judges})


def test_the_labelled_runs_are_judged_without_one_invalid_feedback(tmp_path: Path) -> None:
    files = sorted(LABELLED.rglob("traces.jsonl"))
    if not files:
        pytest.skip(f"{LABELLED} is not here: it is no part of the project")
    with ScriptedModel(explorer("fail")) as model:
        (tmp_path / "otel-judge.yaml").write_text(config(model.base_url))
        only = [argument for name in READINGS for argument in ("--judge", name)]
        command = [sys.executable, "-m", "otel_judge", "run", *map(str, files), *only, "--json", "all.json"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "all.json").read_text())["traces"]
    graded = [feedback for row in rows for feedback in row["feedback"]]
    assert len(graded) == len(rows) * len(READINGS) > 0
    assert [feedback for feedback in graded if feedback.get("error") or feedback["label"] != "fail"] == []
    evidence = [each for feedback in graded for each in feedback["evidence"]]
    assert len(evidence) == len(graded)
    assert all(each["verified"] for each in evidence)
