"""The parts of the whole path as programs: Jaeger, the Collector, otel-judge, and clients that send to them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import parts
import yaml
from jaeger_api import JaegerApi
from processes import Process, environment, free_endpoints
from prometheus_client.parser import text_string_to_metric_families

HERE = Path(__file__).parent
COLLECTOR_CONFIG = HERE.parents[1] / "collector-config.yaml"
CHECKS = ("tool_errors", "repeated_calls", "answered", "latency", "tokens")  # what runs by default
CLIENT_S = 60.0


class Metered(Process):
    """A program that serves its metrics to Prometheus."""

    metrics_url: str

    def metrics(self) -> str:
        return httpx.get(self.metrics_url).raise_for_status().text

    def count(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels; 0 where there are none. Counters end in `_total`."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.metrics())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


class Jaeger(Process):
    """Jaeger with its storage in memory."""

    def __init__(self, folder: Path) -> None:
        self.otlp, query, query_grpc = free_endpoints(3)
        self.query = query
        self.api = JaegerApi(f"http://{query}")
        super().__init__(
            "jaeger",
            [parts.find("jaeger"), "--config", str(HERE / "jaeger.yaml")],
            folder,
            ready_url=f"http://{query}/api/services",
            env={
                "JAEGER_OTLP_ENDPOINT": self.otlp,
                "JAEGER_QUERY_ENDPOINT": query,
                "JAEGER_QUERY_GRPC_ENDPOINT": query_grpc,
            },
        )


class Collector(Metered):
    """The Collector with the project's own config, its endpoints moved by their environment variables."""

    def __init__(
        self,
        folder: Path,
        *,
        backend: str,
        judge: str,
        feedback: str,
        grpc: str | None = None,
        overlay: str | None = None,
    ) -> None:
        """`grpc` is where apps send; `overlay` is one more setting, written as the Collector's `yaml:` URI takes it."""
        free, self.http, health, metrics = free_endpoints(4)
        self.grpc = grpc or free
        self.metrics_url = f"http://{metrics}/metrics"
        command = [
            parts.find("otelcol"),
            f"--config={COLLECTOR_CONFIG}",
            f"--config={HERE / 'collector-metrics.yaml'}",
            *([f"--config=yaml:{overlay}"] if overlay else []),
        ]
        env = {
            "OTLP_GRPC_ENDPOINT": self.grpc,
            "OTLP_HTTP_ENDPOINT": self.http,
            "FEEDBACK_ENDPOINT": feedback,
            "BACKEND_ENDPOINT": backend,
            "JUDGE_ENDPOINT": judge,
            "HEALTH_ENDPOINT": health,
            "METRICS_PORT": metrics.rpartition(":")[2],
        }
        super().__init__("collector", command, folder, ready_url=f"http://{health}/", env=env)


class Judge(Metered):
    """`otel-judge serve`, with sections of its config on top of what the tests need."""

    def __init__(
        self,
        folder: Path,
        *,
        feedback: str,
        otlp: str | None = None,
        env: Mapping[str, str] | None = None,
        **sections: object,
    ) -> None:
        """Feedback goes to the endpoint `feedback`; `otlp` is where OTLP/gRPC is taken."""
        grpc, self.http, health, self.admin = free_endpoints(4)
        self.grpc = otlp or grpc
        self.metrics_url = f"http://{health}/metrics"
        document = {
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": self.grpc}, "http": {"endpoint": self.http}}}},
            "index": {"completion": {"root_grace": "1s"}},
            "exporters": {"otlp": {"endpoint": feedback}},
            "health": {"endpoint": health},
            "admin": {"endpoint": self.admin},
            **sections,
        }
        self.config = folder / "otel-judge.yaml"
        self.config.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        command = [sys.executable, "-m", "otel_judge", "serve", "--config", str(self.config)]
        super().__init__("otel-judge", command, folder, ready_url=f"http://{health}/readyz", env=env)


@dataclass(frozen=True)
class WholePath:
    """App -> Collector -> otel-judge -> Collector -> Jaeger."""

    jaeger: Jaeger
    collector: Collector
    judge: Judge

    @classmethod
    def laid(
        cls,
        folder: Path,
        jaeger: Jaeger,
        *,
        overlay: str | None = None,
        env: Mapping[str, str] | None = None,
        **sections: object,
    ) -> WholePath:
        """The parts, none of them started but Jaeger; `sections` are otel-judge's config."""
        folder.mkdir(exist_ok=True)
        feedback, otlp = free_endpoints(2)
        judge = Judge(folder, feedback=feedback, otlp=otlp, env=env, **sections)
        collector = Collector(folder, backend=jaeger.otlp, judge=otlp, feedback=feedback, overlay=overlay)
        return cls(jaeger, collector, judge)

    @contextmanager
    def running(self) -> Iterator[WholePath]:
        """All of them, each started before what sends to it at once, and ended before what it sends to."""
        # A Collector that finds no judge tries again after 5 s, one part of a trace before another.
        self.judge.start()
        try:
            with self.collector:
                try:
                    yield self
                finally:
                    self.judge.stop()
        finally:
            self.judge.kill()


@dataclass(frozen=True)
class AppRun:
    """One run of the demo's app."""

    run: str
    trace_id: str
    spans: int


def demo_app(endpoint: str) -> dict[str, AppRun]:
    """Runs the demo's app to its end; its runs by title."""
    output = _client([sys.executable, "-m", "otel_judge.demo.app", "--endpoint", endpoint])
    runs = [AppRun(**json.loads(line)) for line in output.splitlines()]
    return {run.run: run for run in runs}


def telemetrygen(endpoint: str, service: str, *, traces: int, http: bool = False) -> None:
    """Sends traces of a root and one child by telemetrygen, which ends with an error at the first refusal."""
    command = [parts.find("telemetrygen"), "traces", "--otlp-insecure", "--otlp-endpoint", endpoint]
    command += ["--service", service, "--traces", str(traces), "--rate", "0"]
    _client([*command, "--otlp-http"] if http else command)


def otel_judge(*arguments: str, **env: str) -> str:
    """What a command of otel-judge prints."""
    return _client([sys.executable, "-m", "otel_judge", *arguments], **env)


def _client(command: Sequence[str], **env: str) -> str:
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env=environment(**env),
        timeout=CLIENT_S,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout
