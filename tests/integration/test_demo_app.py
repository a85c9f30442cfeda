"""The demo's agent app as a process of its own, over real OTLP/gRPC, and the whole demo around it."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from otel_judge import demo
from otel_judge.demo.app import SERVICE
from otel_judge.demo.runs import RUNS
from otel_judge.demo.server import Ports, Server, ServerDied, environment
from otel_judge.errors import ConfigError
from otel_judge.testing.backend import Backend, Fault
from otel_judge.testing.model import ScriptedModel, explorer


def run_app(endpoint: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "otel_judge.demo.app", "--endpoint", endpoint],
        capture_output=True,
        encoding="utf-8",
        env=environment(),
        timeout=60,
        check=False,
    )


def test_every_span_of_every_run_arrives_under_the_trace_id_that_the_app_prints():
    with Backend() as backend:
        done = run_app(backend.endpoint)
        received = backend.spans()
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["run"] for line in printed] == [run.title for run in RUNS]
    arrived = Counter(span.record.trace_id.hex() for span in received)
    assert arrived == {line["trace_id"]: line["spans"] for line in printed}
    assert {span.resource["service.name"] for span in received} == {SERVICE}


def test_spans_that_were_refused_at_first_arrive_all_the_same():
    with Backend() as backend:
        backend.fail(Fault.unavailable())
        done = run_app(backend.endpoint)
        received = backend.spans()
    assert done.returncode == 0, done.stderr
    assert len(received) == sum(json.loads(line)["spans"] for line in done.stdout.splitlines())


def test_an_app_that_nobody_listens_to_says_so_and_exits_1():
    with socket.socket() as unused:  # bound and not listening: nobody else can take the port
        unused.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{unused.getsockname()[1]}"
        done = run_app(endpoint)
    assert done.returncode == 1
    assert f"could not be delivered to {endpoint}" in done.stderr


def test_the_whole_demo_shows_the_verdicts_of_checks_and_judge(monkeypatch: pytest.MonkeyPatch):
    out = io.StringIO()
    with ScriptedModel(explorer("fail", "It is not so.")) as model:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", model.base_url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
        code = demo.run("anthropic:scripted", Console(file=out, width=120))
    text = out.getvalue()
    assert code == 0, text
    assert "6 traces, 3,040 spans, 36 verdicts: 25 pass, 11 fail" in text
    assert text.count("It is not so.") == 6
    assert "declined by" in text
    assert "otel-judge run traces.jsonl" in text


def test_a_server_that_cannot_start_is_quoted(tmp_path: Path):
    server = Server(tmp_path, Ports.free(), backend="127.0.0.1:1", model="junk")
    with server, pytest.raises(ServerDied) as caught:
        server.wait_until_ready()
    assert caught.value.returncode == 2
    assert "'junk'" in caught.value.last_words


def test_a_model_that_is_none_is_refused_before_anything_starts():
    with pytest.raises(ConfigError, match="'junk' is not a model; write provider:model"):
        demo.run("junk", Console(file=io.StringIO()))
