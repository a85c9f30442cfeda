"""`otel-judge run` on traces with secrets: what it writes, prints and sends back, also for verdicts that were kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from otel_judge.otlp_json import encode_traces
from otel_judge.testing.backend import Backend
from otel_judge.testing.model import ScriptedModel, verdict
from otel_judge.testing.traces import TraceBuilder

EMAIL = "zoe.planted@example.org"
FILES = ("run.json", "junit.xml", "report.html", "journal.jsonl")


def write(folder: Path, model: ScriptedModel, redact: dict[str, object] | None) -> None:
    build = TraceBuilder(service="shop", resource={"owner": EMAIL})
    about = {"gen_ai.conversation.id": f"of {EMAIL}"}
    build.agent(f"desk of {EMAIL}", user=f"I am {EMAIL}.", answer="Hello.", end=2.0, attributes=about)
    (folder / "traces.json").write_bytes(encode_traces(build.trace().to_otlp()))
    config = {
        "models": {"main": {"model": "anthropic:claude-sonnet-5-5", "base_url": model.base_url}},
        "judges": [
            {"name": "task", "instructions": "Is {{ trace }} good?", "values": ["pass", "fail"], "model": "main"}
        ],
        "feedback": {"service_name": "judged"},
        "redact": redact,
    }
    (folder / "otel-judge.yaml").write_text(json.dumps(config))


def run(folder: Path) -> tuple[str, str]:
    """What `run` prints and writes, and what a backend is sent."""
    files = ("--json", FILES[0], "--junit", FILES[1], "--html", FILES[2], "--resume", FILES[3])
    command = [sys.executable, "-m", "otel_judge", "run", "traces.json", "--emit", "--by", "agent", *files]
    with Backend() as backend:
        where = {"OTEL_EXPORTER_OTLP_ENDPOINT": backend.http_endpoint, "ANTHROPIC_API_KEY": "unused"}
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, env={**os.environ, **where}, check=False
        )
        assert done.returncode == 0, done.stderr
        sent = "\n".join(request.body.decode("utf-8", "replace") for request in backend.requests)
    return "\n".join([done.stdout, done.stderr, *((folder / name).read_text() for name in FILES)]), sent


def test_no_secret_is_written_or_sent_also_where_verdicts_were_kept(tmp_path: Path) -> None:
    with ScriptedModel([verdict("pass")]) as model:  # asked once
        write(tmp_path, model, redact={})
        for _ in range(2):
            written, sent = run(tmp_path)
            assert "zoe.planted" not in written
            assert "zoe.planted" not in sent
            assert "desk of <email-1>" in written
            assert "evaluate task pass" in sent
            assert "desk of <email-1>" in sent


def test_without_redaction_they_stand_as_they_came(tmp_path: Path) -> None:
    with ScriptedModel([verdict("pass")]) as model:
        write(tmp_path, model, redact=None)
        for _ in range(2):
            for text in run(tmp_path):
                assert f"desk of {EMAIL}" in text
