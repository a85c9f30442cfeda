"""`otel-judge run --debug-judge`: the whole exchange of each judgement as a file that people can read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from scripted_judges import MODEL

from otel_judge.otlp_json import encode_traces
from otel_judge.testing.model import Reply, Request, ScriptedModel, error, explorer
from otel_judge.testing.traces import TraceBuilder

pytestmark = pytest.mark.usefixtures("anthropic_key")

BUILT = TraceBuilder(service="shop")
BUILT.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)


def run(folder: Path, base_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "trace.json").write_bytes(encode_traces(BUILT.request()))
    (folder / "config.yaml").write_text(
        "checks: []\n"
        f"models: {{main: {{model: '{MODEL}', base_url: '{base_url}', headers: {{x-team: tremendously-hidden}}}}}}\n"
        "judges: [{name: honest, instructions: 'Is the {{ trace }} honest?', model: main, reading: explore}]\n"
    )
    command = [sys.executable, "-m", "otel_judge", "run", "trace.json", "--config", "config.yaml", *arguments]
    return subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, timeout=60, check=False)


def test_every_judgement_leaves_a_file_with_all_that_was_said(tmp_path: Path) -> None:
    explores = explorer("fail")

    def script(request: Request) -> Reply:
        if request.number == 1:
            said = "tremendously-hidden and sk-ant-scripted-key are overloaded"
            return error(529, "overloaded_error", said, headers={"retry-after-ms": "1"})
        return explores(request)

    with ScriptedModel(script) as model:
        done = run(tmp_path, model.base_url, "--debug-judge", "exchange/all")
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "exchange" / "all").iterdir()
    assert file.name == f"{BUILT.trace().trace_id}-honest.md"
    text = file.read_text()
    told = [
        "# honest: trace ",
        "## Request 1: anthropic:claude-sonnet-5-5 (at most 2048 tokens)",
        "### system",
        "Is the [trace] honest?",
        "## Answer 1: claude-sonnet-5-5, ",
        "### calls list_spans",
        "## Request 2",
        "### result of list_spans",
        "## No answer 2: overloaded",
        "## Request 3",
        "### calls verdict",
        "## Feedback",
        "label: fail",
        "evidence (verified): ",
    ]
    places = [text.find(each) for each in told]
    assert -1 not in places, told[places.index(-1)]
    assert places == sorted(places)
    assert text.count("### system") == 1, "what was shown once is not repeated"
    assert "hidden" not in text
    assert "scripted-key" not in text


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = run(tmp_path, "http://127.0.0.1:1", "--debug-judge", "taken")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--debug-judge taken: cannot be made: File exists" in done.stderr
