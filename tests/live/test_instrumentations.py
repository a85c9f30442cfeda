"""One small agent under each instrumentation that people use, its spans over OTLP into a running service, and what
otel-judge reads of them: the question, the tool call, the answer, the model, and tokens once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import environments
import httpx
import pytest
from matrix import ANSWER, APPS, QUESTION, App

from otel_judge.sources import read_traces
from otel_judge.testing.model import Reply, Request, ScriptedModel, text, tool_use
from otel_judge.trace import Trace
from otel_judge.trajectory import final_output, model_calls, token_totals, tool_calls, user_request

_APP_S, _READY_S, _FINISHED_S = 90.0, 30.0, 30.0
_CONFIG = """\
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}}
index: {completion: {root_grace: 500ms, idle: 3s}}
checks: []
health: {endpoint: "127.0.0.1:0"}
admin: {endpoint: "127.0.0.1:0"}
"""


@dataclass(frozen=True)
class Service:
    otlp: str
    admin: str


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "otel-judge.yaml").write_text(_CONFIG)
    command = [sys.executable, "-m", "otel_judge", "serve"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = dict[str, str]()
        for line in process.stderr:
            what, _, at = line.strip().partition(" otel_judge.service ")[2].partition(" at ")
            told[what] = at
            if what == "ready":
                break
        yield Service(f"http://{told['OTLP/HTTP']}", f"http://{told['admin']}")
        process.terminate()
        process.stderr.read()


def script(request: Request) -> Reply:
    return tool_use("find_order", number=7) if request.number == 0 else text(ANSWER)


def run(app: App, service: Service) -> tuple[str, ScriptedModel]:
    """Runs the app; what it printed, and the model that it asked."""
    try:
        command, folder = environments.command(app.name)
    except environments.BuildFailed as error:
        pytest.fail(str(error), pytrace=False)
    with ScriptedModel(script) as model:
        settings = {
            "ANTHROPIC_API_KEY": "scripted",
            "ANTHROPIC_BASE_URL": model.base_url,
            "OPENAI_API_KEY": "scripted",
            "OPENAI_BASE_URL": model.openai_url,
            "MODEL": app.model,
            "OTEL_EXPORTER_OTLP_ENDPOINT": service.otlp,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_SERVICE_NAME": app.name,
            **app.environment,
        }
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME") if name in os.environ}
        done = subprocess.run(
            command, cwd=folder, env=kept | settings, capture_output=True, text=True, timeout=_APP_S, check=False
        )
    assert done.returncode == 0, f"{app.name} ended with {done.returncode}:\n{done.stdout}{done.stderr[-4_000:]}"
    return done.stdout, model


def traces_of(app: App, service: Service) -> list[Trace]:
    until = time.monotonic() + _FINISHED_S
    while time.monotonic() < until:
        if httpx.get(f"{service.admin}/traces").json()["trace_ids"]:
            found = [
                trace
                for trace in read_traces(f"live:{service.admin}")
                if any(span.service == app.name for span in trace.spans)
            ]
            if found:
                return found
        time.sleep(0.1)
    raise AssertionError(f"no trace of {app.name} within {_FINISHED_S:.0f} s")


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.name)
def test_the_run_is_read_as_it_was(app: App, service: Service) -> None:
    printed, model = run(app, service)
    assert ANSWER in printed
    (trace,) = traces_of(app, service)
    assert user_request(trace) == QUESTION
    (use,) = tool_calls(trace)
    assert (use.name, json.loads(use.arguments or "null")) == ("find_order", {"number": 7})
    assert use.result is not None
    assert "Müller & Söhne" in use.result
    assert use.error is None
    answer = final_output(trace)
    assert answer is not None
    assert (answer.text, answer.pending) == (ANSWER, ())
    calls = model_calls(trace)
    assert [call.content.model and call.content.model.rpartition("/")[2] for call in calls] == [app.model] * 2
    totals = token_totals(trace)
    sent = (sum(used.input for used in model.usage), sum(used.output for used in model.usage))
    assert (totals.input_tokens, totals.output_tokens) == sent


def test_the_matrix_in_the_docs_is_this_one() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "dialects.md").read_text(encoding="utf-8")
    for app in APPS:
        assert app.row() in docs, f"docs/dialects.md needs this row: {app.row()}"
