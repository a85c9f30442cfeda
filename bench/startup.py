"""How long people wait before anything happens: `python -m bench.startup`. Limits of the project, in one run.

Each figure is the median of five fresh processes, of which the first is not counted.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5
CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: 127.0.0.1:0}, http: {endpoint: 127.0.0.1:0}}}}
health: {endpoint: 127.0.0.1:0}
admin: {endpoint: 127.0.0.1:0}
"""
HELP = [str(Path(sys.executable).parent / "otel-judge"), "--help"]
NOTHING = [sys.executable, "-c", "pass"]
IMPORT = [sys.executable, "-c", "import otel_judge"]
SDK = [sys.executable, "-c", "import opentelemetry.sdk.trace.export"]
EXPORTER = [sys.executable, "-c", "import opentelemetry.sdk.trace.export, otel_judge.exporter"]


def seconds(command: list[str]) -> float:
    """Wall time of the whole process."""
    times: list[float] = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def seconds_until_ready() -> float:
    """From the start of `otel-judge serve` until it says that it is ready."""
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "otel-judge.yaml"
        config.write_text(CONFIG)
        command = [sys.executable, "-m", "otel_judge", "serve", "--config", str(config)]
        for _ in range(RUNS + 1):
            started = time.perf_counter()
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
                assert process.stderr is not None
                for line in process.stderr:
                    if line.endswith(" ready\n"):
                        times.append(time.perf_counter() - started)
                        process.terminate()
    return statistics.median(times[1:])


def main() -> None:
    bare = seconds(NOTHING)
    rows = [
        ("otel-judge --help", seconds(HELP), 0.3),
        ("import otel_judge (beyond the interpreter's own start)", seconds(IMPORT) - bare, 0.15),
        ("import otel_judge.exporter (beyond the SDK's)", seconds(EXPORTER) - seconds(SDK), 0.15),
        ("otel-judge serve until ready", seconds_until_ready(), 1.5),
    ]
    print(f"{'':55} {'seconds':>8} {'limit':>6}")
    for name, measured, limit in rows:
        print(f"{name:55} {measured:8.2f} {limit:6.2f}  {'ok' if measured <= limit else 'TOO SLOW'}")


if __name__ == "__main__":
    main()
