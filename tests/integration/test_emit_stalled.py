"""`run --emit` to a backend that takes connections and answers nothing: the run ends, and what is lost is said."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from typer.testing import CliRunner

from otel_judge.cli import app, emitting
from otel_judge.cli.emitting import Emission
from otel_judge.config import Config
from otel_judge.feedback import Feedback, Scorer, Target
from otel_judge.otlp_json import encode_traces
from otel_judge.results import Row
from otel_judge.testing.backend import Backend, Fault
from otel_judge.testing.traces import TraceBuilder

STALLED_S = 0.5


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emitting, "STALLED_S", STALLED_S)


@pytest.fixture(params=["grpc", "http/protobuf"])
def protocol(request: pytest.FixtureRequest) -> Literal["grpc", "http/protobuf"]:
    return request.param


@pytest.fixture
def silent() -> Iterator[str]:
    """A port that takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def emission(endpoint: str, protocol: str, **options: Any) -> Emission:
    otlp = {"endpoint": endpoint, "protocol": protocol, "timeout": "300ms", **options}
    return Emission(Config.model_validate({"exporters": {"otlp": otlp}}))


def row(number: int, size: int = 10) -> Row:
    now = time.time_ns()
    target = Target(f"{number + 1:032x}", f"{number + 1:016x}", now - 10**9, now, service="shop")
    feedback = Feedback(target, Scorer("answered", "check", "v"), "pass", rationale="x" * size, judged_at_ns=now)
    return Row(target.trace_id, "root", 1, feedback=[feedback], number=number)


async def test_the_end_comes_and_all_that_was_not_taken_is_counted(silent: str, protocol: str) -> None:
    out = emission(silent, protocol)
    await out.start()
    for number in range(7):
        await out.put(row(number))
    await out.close()
    assert [line.partition(" were not taken by ")[0] for line in out.lines()] == ["7 log events", "7 spans"]
    assert all(line.endswith("(no answer in time)") for line in out.lines())


async def test_a_full_queue_is_waited_for_once_and_not_for_each_row(silent: str, protocol: str) -> None:
    rows = 200
    out = emission(silent, protocol, queue_mib=0.05)
    await out.start()
    began = time.monotonic()
    for number in range(rows):
        await out.put(row(number, size=2_000))
    await out.close()
    assert time.monotonic() - began < rows * STALLED_S / 4
    said = [line.split() for line in out.lines()]
    for what in ("spans", "log"):
        assert sum(int(words[0].replace(",", "")) for words in said if words[1] == what) == rows
    assert {line.partition(" (")[2] for line in out.lines()} == {"no answer in time)", "too many waited)"}


async def test_a_backend_that_wakes_up_gets_all(protocol: str) -> None:
    with Backend() as backend:
        backend.fail(Fault.hang(), times=3)
        endpoint = backend.endpoint if protocol == "grpc" else backend.http_endpoint
        out = emission(endpoint, protocol)
        await out.start()
        for number in range(5):
            await out.put(row(number))
        while len(backend.spans()) + len(backend.logs()) < 10:
            await out._sent()
        await out.close()
        assert out.lines() == []


def write(folder: Path, endpoint: str) -> None:
    data = TracesData()
    for number in range(3):
        build = TraceBuilder(trace_id=f"{number + 1:032x}")
        build.agent("shop", user="?", answer="Done.")
        data.resource_spans.extend(build.trace().to_otlp().resource_spans)
    (folder / "traces.json").write_bytes(encode_traces(data))
    otlp = {"endpoint": endpoint, "timeout": "300ms"}
    (folder / "otel-judge.yaml").write_text(json.dumps({"checks": ["answered"], "exporters": {"otlp": otlp}}))


def test_the_user_reads_what_was_not_taken_and_has_the_results(
    silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, silent)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["run", "traces.json", "--emit", "--json", "out.json"])
    assert done.exit_code == 2
    name = silent.removeprefix("http://")
    lost = [line for line in done.stderr.splitlines() if line.startswith("otel-judge: ")]
    assert lost == [
        f"otel-judge: 3 log events were not taken by {name} (no answer in time)",
        f"otel-judge: 3 spans were not taken by {name} (no answer in time)",
    ]
    assert f"backend {name} takes nothing now, feedback waits: " in done.stderr
    assert "3 traces" in done.stdout
    assert len(json.loads((tmp_path / "out.json").read_text())["traces"]) == 3


def test_ctrl_c_does_not_wait_for_it_and_says_the_same(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        name = f"127.0.0.1:{server.getsockname()[1]}"
        write(tmp_path, f"http://{name}")
        command = [sys.executable, "-W", "error", "-m", "otel_judge", "run", "traces.json", "--emit", "--quiet"]
        with subprocess.Popen(command, cwd=tmp_path, env=dict(os.environ), stderr=subprocess.PIPE) as process:
            accepted, _ = server.accept()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)  # it would wait 30 seconds by itself
            accepted.close()
    assert process.returncode == 130
    assert f"otel-judge: 3 spans were not taken by {name} (no answer in time)" in said.decode()
