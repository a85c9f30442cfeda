"""The command line as a user meets it: what it prints, what it says of bad input, and how it exits."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_judge.otlp_json import encode_traces
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace

ENVIRON = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ} | {"COLUMNS": "200"}


def otel_judge(*arguments: str, cwd: Path, stdin: bytes = b"", **environ: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-W", "error", "-m", "otel_judge", *arguments]
    return subprocess.run(
        command, env={**ENVIRON, **environ}, cwd=cwd, input=stdin, capture_output=True, timeout=60, check=False
    )


def agent_trace(*, failing: bool = False) -> tuple[ExportTraceServiceRequest, Trace]:
    builder = TraceBuilder(service="shop")
    answer = '[{"role":"assistant","parts":[{"type":"text","content":"Done."}]}]'
    root = builder.span(
        "invoke_agent shop",
        attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.output.messages": answer},
        start=0.0,
        end=2.0,
    )
    builder.span(
        "execute_tool refund",
        parent=root,
        attributes={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "refund"},
        start=0.5,
        end=1.0,
        status="ERROR" if failing else "UNSET",
    )
    return builder.request(), builder.trace()


@pytest.fixture
def trace_file(tmp_path: Path) -> Path:
    path = tmp_path / "trace.json"
    path.write_bytes(encode_traces(agent_trace(failing=True)[1].to_otlp()))
    return path


def one_line(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 2, done
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("otel-judge: ")
    return line.removeprefix("otel-judge: ")


def test_run_shows_what_did_not_pass_and_a_summary(trace_file: Path, tmp_path: Path) -> None:
    done = otel_judge("run", "trace.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    printed = done.stdout.decode()
    assert "tool_errors" in printed
    assert "1 of 1 tool call" in printed
    assert "1 traces, 2 spans" in printed


def test_run_writes_a_report_and_says_first_where_it_cannot(trace_file: Path, tmp_path: Path) -> None:
    done = otel_judge("run", "trace.json", "--html", "report.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "1 of 1 tool call" in page
    piped = otel_judge("run", "trace.json", "--html", "-", cwd=tmp_path)
    assert piped.stdout.decode().startswith("<!doctype html>")
    assert piped.stdout.decode().endswith("</html>\n")
    assert one_line(otel_judge("run", "trace.json", "--html", "none/report.html", cwd=tmp_path)).startswith(
        "none/report.html"
    )


def test_the_report_shows_a_trace_as_judges_may_see_it(tmp_path: Path) -> None:
    builder = TraceBuilder(service="shop")
    builder.agent("shop", user="Write to jane.roe@example.com, please.", answer="Done.", end=2.0)
    (tmp_path / "trace.json").write_bytes(encode_traces(builder.trace().to_otlp()))
    assert otel_judge("run", "trace.json", "--html", "report.html", cwd=tmp_path).returncode == 0
    page = (tmp_path / "report.html").read_text()
    assert "jane.roe" not in page
    assert "email-1" in page


def test_run_writes_every_result_as_json(trace_file: Path, tmp_path: Path) -> None:
    done = otel_judge("run", "trace.json", "--json", "-", cwd=tmp_path)
    document = json.loads(done.stdout)
    (row,) = document["traces"]
    feedback = {each["name"]: each for each in row["feedback"]}
    assert feedback["tool_errors"]["label"] == "fail"
    assert feedback["tool_errors"]["score"] == 0.0
    assert feedback["tool_errors"]["evidence"][0]["verified"]
    assert feedback["tokens"]["outcome"] == "not_judgeable"
    counts = {"pass_rate": 0.0, "passed": 0, "failed": 1, "n_not_judgeable": 0, "n_failed": 0, "labels": {"fail": 1}}
    assert document["summary"]["tool_errors"].items() >= counts.items()


@pytest.mark.parametrize("form", ["json", "jsonl", "pb", "json.gz", "pb.gz", "stdin"])
def test_run_reads_every_form_of_otlp(form: str, tmp_path: Path) -> None:
    request, trace = agent_trace()
    text = encode_traces(trace.to_otlp())
    data = {"json": text, "jsonl": text + b"\n" + text + b"\n", "pb": request.SerializeToString()}
    content = data.get(form.removesuffix(".gz"), text)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / f"a.{form}").write_bytes(gzip.compress(content) if form.endswith(".gz") else content)
    source, stdin = ("-", text) if form == "stdin" else ("in", b"")
    done = otel_judge("run", source, "--json", "-", cwd=tmp_path, stdin=stdin)
    (row,) = json.loads(done.stdout)["traces"]
    assert (row["trace_id"], row["spans"]) == (trace.trace_id, 2)


def test_run_takes_only_the_scorers_that_are_named(trace_file: Path, tmp_path: Path) -> None:
    done = otel_judge("run", "trace.json", "--judge", "answered", "--json", "-", cwd=tmp_path)
    assert list(json.loads(done.stdout)["summary"]) == ["answered"]


def test_tool_prints_what_the_judge_would_see(trace_file: Path, tmp_path: Path) -> None:
    from otel_judge.judge import tools

    done = otel_judge("tool", "list_spans", "trace.json", cwd=tmp_path)
    assert done.stdout.decode() == tools.call("list_spans", agent_trace(failing=True)[1], {})


def test_check_says_what_a_config_would_do(tmp_path: Path) -> None:
    (tmp_path / "otel-judge.yaml").write_text(
        "checks: [answered]\n"
        "sampling: {policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]}\n"
        "judges: [{name: good, instructions: '{{ trace }}', values: [pass, fail], model: 'anthropic:scripted'}]\n"
        "exporters: {otlp: {endpoint: 127.0.0.1:24317}}\n"
    )
    done = otel_judge("check", cwd=tmp_path, ANTHROPIC_API_KEY="unused")
    assert done.stdout.decode().splitlines() == [
        "takes traces:  OTLP/gRPC at 127.0.0.1:14317, OTLP/HTTP at 127.0.0.1:14318",
        "checks:        answered",
        "policies:      errors (status_code)",
        "judges:        good (anthropic:scripted)",
        "redacts:       secrets, cards, email",
        "sends scores:  127.0.0.1:24317",
    ]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("cheks: []", "otel-judge.yaml:1: cheks: unknown key; did you mean 'checks'?"),
        ("a: [", "otel-judge.yaml:1: not YAML: "),
        ("exporters: {otlp: {endpoint: 127.0.0.1:14317}}", "exporters.otlp.endpoint: "),
        ("judges: [{name: j, instructions: '{{ trace }}', values: [a], model: 'anthropic:x'}]", "ANTHROPIC_API_KEY"),
        ("judges: [{name: j, instructions: '{{ trase }}', values: [a], model: 'anthropic:x'}]", "trase"),
        ("judges: [{name: j, instructions: '{{ trace }}', type: float, scale: [1, 0], model: 'anthropic:x'}]", "scale"),
    ],
)
@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_config_that_cannot_work_is_one_line_and_exit_2(
    command: str, config: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "otel-judge.yaml").write_text(config)
    assert expected in one_line(otel_judge(command, cwd=tmp_path))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "bad.json: no such file"),
        (b'{"resourceSpans": [', "bad.json: not JSON: "),
        (b'{"resourceSpans": 3}', "bad.json: not OTLP/JSON: resourceSpans"),
        (b'{"resourceSpans": []}\n{"resourceSpans": [}\n', "bad.json:2: not JSON: "),
        (b"\x1f\x8bnothing", "bad.json: broken gzip"),
        (b"\xff\xff\xff", "bad.json: neither OTLP/JSON nor OTLP protobuf"),
        (b"{}", "bad.json: no traces"),
    ],
)
def test_a_source_that_cannot_be_read_is_one_line_and_exit_2(
    content: bytes | None, expected: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "bad.json").write_bytes(content)
    assert expected in one_line(otel_judge("run", "bad.json", cwd=tmp_path))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "trace.json", "--judge", "nobody"], "--judge nobody: no such scorer; there are tool_errors"),
        (["tool", "frobnicate", "trace.json"], "no tool is named 'frobnicate'"),
        (["tool", "list_spans", "trace.json", "--trace-id", "12"], "'12': not a trace id; give its 32 hex digits"),
        (["tool", "list_spans", "trace.json", "--trace-id", "ab" * 16], f"trace.json: no trace {'ab' * 16}"),
        (["tool", "list_spans", "trace.json", "colour=red"], "colour"),
        (
            ["tool", "list_spans", "live:127.0.0.1:9", "--trace-id", "ab" * 16],
            "live:http://127.0.0.1:9: no answer",
        ),
        (["serve", "--config", "missing.yaml"], "missing.yaml: no such file"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_2(
    arguments: list[str], expected: str, trace_file: Path, tmp_path: Path
) -> None:
    assert expected in one_line(otel_judge(*arguments, cwd=tmp_path))


def test_serve_names_a_port_that_is_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "otel-judge.yaml").write_text(f"health: {{endpoint: 127.0.0.1:{port}}}")
        line = one_line(otel_judge("serve", cwd=tmp_path))
    assert line.startswith(f"health.endpoint: 127.0.0.1:{port} is in use; ")


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_with_0_on_a_signal(name: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "otel-judge.yaml").write_text(
        "receivers: {otlp: {protocols: {grpc: {endpoint: 127.0.0.1:0}, http: {endpoint: 127.0.0.1:0}}}}\n"
        "health: {endpoint: 127.0.0.1:0}\nadmin: {endpoint: 127.0.0.1:0}\n"
    )
    command = [sys.executable, "-W", "error", "-m", "otel_judge", "serve"]
    with subprocess.Popen(command, env=ENVIRON, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.endswith(" ready\n"):
                process.send_signal(name)
        assert process.wait(30) == 0
    assert lines[-1].endswith(" stopped\n")
    assert all(line.split(" ")[1] == "INFO" for line in lines)


def test_version_and_wrong_usage(tmp_path: Path) -> None:
    assert otel_judge("--version", cwd=tmp_path).stdout.startswith(b"otel-judge 0.")
    assert otel_judge("frobnicate", cwd=tmp_path).returncode == 2
