"""The judge inside an app that instruments everything it can: one trace of the app, one judgement, and no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from processes import STOP_S, environment, holds_for

from otel_judge.testing.backend import Backend, Received
from otel_judge.testing.model import Reply, Request, ScriptedModel, explorer, text, tool_use

APPS = Path(__file__).parent / "apps"
QUIET_S = 10.0
BIN = Path(sys.executable).parent

COMMANDS = {
    "processor": [sys.executable, str(APPS / "processor_app.py")],
    "entry point": [str(BIN / "opentelemetry-instrument"), sys.executable, str(APPS / "agent_app.py")],
}


def agent_model(request: Request) -> Reply:
    """The model that the app's own agent asks."""
    return text("It ships today.") if "find_order" in request.results else tool_use("find_order", number="HO-4417")


def app_spans(backend: Backend) -> list[Received]:
    return [span for span in backend.spans() if span.resource["service.name"] == "shop"]


def verdicts(backend: Backend) -> list[Received]:
    return [span for span in backend.spans() if span.attributes.get("otel_judge.scorer.kind") == "judge"]


@pytest.mark.parametrize("way", COMMANDS)
def test_one_trace_of_an_app_gives_one_judgement_and_ten_seconds_later_still_one(way: str, tmp_path: Path) -> None:
    with (
        ScriptedModel(agent_model) as apps_model,
        ScriptedModel(explorer()) as judges_model,
        Backend() as backend,
        (tmp_path / "app.log").open("w+") as log,
    ):
        env = environment(
            ANTHROPIC_BASE_URL=apps_model.base_url,
            ANTHROPIC_API_KEY="dummy",
            OTEL_JUDGE_CONFIG=str(_config(tmp_path, judges_model)),
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{backend.endpoint}",
            OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
            OTEL_TRACES_EXPORTER="otlp,judge",
            OTEL_METRICS_EXPORTER="none",
            OTEL_LOGS_EXPORTER="none",
            OTEL_BSP_SCHEDULE_DELAY="200",
            OTEL_SERVICE_NAME="shop",
        )
        app = subprocess.Popen(COMMANDS[way], stdin=subprocess.PIPE, stdout=log, stderr=log, env=env)
        try:
            backend.wait_for(lambda: bool(verdicts(backend)) and len(_own_work(backend)) == 7, 40)
            spans, asked = len(backend.spans()), len(judges_model.requests)

            def unchanged() -> None:
                assert (len(verdicts(backend)), len(judges_model.requests)) == (1, asked)
                assert len(backend.spans()) == spans

            holds_for(QUIET_S, unchanged)
            app.communicate(timeout=STOP_S)
        finally:
            app.kill()
            app.wait()
            log.seek(0)
            print(log.read())
        assert app.returncode == 0
        unchanged()

        (verdict,) = verdicts(backend)
        (trace_id,) = {span.record.trace_id for span in app_spans(backend)}
        assert verdict.record.trace_id == trace_id
        assert verdict.resource["service.name"] == "otel-judge"
        names = sorted(span.record.name for span in app_spans(backend))
        assert [name for name in names if not name.startswith(("POST", "anthropic"))] == [
            "chat claude-sonnet-5-5",
            "chat claude-sonnet-5-5",
            "execute_tool find_order",
            "invoke_agent shop",
        ]
        assert len(apps_model.requests) == 2
        told = [span for span in app_spans(backend) if judges_model.base_url.rpartition(":")[2] in str(span.record)]
        assert told == [], "the app heard of the judge's requests"
        assert any(apps_model.base_url.rpartition(":")[2] in str(span.record) for span in app_spans(backend))


def _own_work(backend: Backend) -> list[Received]:
    """The judge's own trace: three questions to its model, three calls of span tools."""
    return [
        span
        for span in backend.spans()
        if span.resource["service.name"] == "otel-judge" and "gen_ai.operation.name" in span.attributes
    ]


def _config(folder: Path, model: ScriptedModel) -> Path:
    file = folder / "otel-judge.yaml"
    document = {
        "index": {"completion": {"root_grace": "500ms"}},
        "models": {"main": {"model": "anthropic:claude-sonnet-5-5", "base_url": model.base_url}},
        "judges": [
            {
                "name": "task_success",
                "instructions": "Read the {{ trace }}. Did the agent do what the user asked?",
                "values": ["pass", "fail"],
                "model": "main",
                "reading": "explore",
            }
        ],
    }
    file.write_text(yaml.safe_dump(document))
    return file
