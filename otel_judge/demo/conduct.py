"""The demo from start to end: backend, serve, app, verdicts, table."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.text import Text

from ..config import Config
from ..testing.backend import Backend
from .agent import Played
from .server import JUDGE, Ports, Server, ServerDied, environment
from .show import Verdict, next_steps, read_verdicts, report

_APP_S = 30.0
_CHECKS_S = 20.0
_JUDGES_S = 180.0
_LOOK_S = 0.5  # between two looks at whether the server still lives

_CHECKS = tuple(check.type for check in Config().checks)


class AppFailed(Exception):
    """The agent app did not play its runs; the message is what it said last."""


def conduct(model: str | None, console: Console) -> int:
    """See `otel_judge.demo.run`."""
    started = time.monotonic()
    try:
        with (
            TemporaryDirectory(prefix="otel-judge-demo-") as folder,
            Backend() as backend,
            Server(Path(folder), Ports.free(), backend=backend.endpoint, model=model) as server,
        ):
            with console.status("starting otel-judge serve"):
                server.wait_until_ready()
            with console.status("an agent app makes six runs and reports them by OTLP"):
                runs = _play(server.endpoint)
            with console.status("waiting for the verdicts"):
                verdicts = _collect(backend, server, runs, model)
    except ServerDied as error:
        console.print(Text("otel-judge serve did not run:", "red"))
        console.print(Text(error.last_words or f"it said nothing and exited with {error.returncode}"), soft_wrap=True)
        return 2 if error.returncode == 2 else 1
    except AppFailed as error:
        console.print(Text("the demo's agent app failed:", "red"))
        console.print(Text(str(error)), soft_wrap=True)
        return 1
    report(console, runs, verdicts)
    missing = len(runs) * len(_scorers(model)) - len(verdicts)
    console.print(Text(f"From start to end: {time.monotonic() - started:.1f} s, by OTLP both ways.", "dim"))
    if model is None:
        how = "Checks only. Set ANTHROPIC_API_KEY, or give --model provider:NAME, and an agent judge reads them, too."
        console.print(Text(how, "dim"), soft_wrap=True)
    if missing:
        console.print(Text(f"{missing} verdicts did not come in time.", "red"))
    next_steps(console)
    return 1 if missing else 0


def _play(endpoint: str) -> list[Played]:
    """Run the agent app to its end. Raises `AppFailed`."""
    command = [sys.executable, "-m", "otel_judge.demo.app", "--endpoint", endpoint]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, capture_output=True, encoding="utf-8", env=environment(), timeout=_APP_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise AppFailed(f"it did not end within {_APP_S:.0f} s") from None
    if done.returncode:
        raise AppFailed("\n".join(done.stderr.splitlines()[-5:]))
    lines = (json.loads(line) for line in done.stdout.splitlines())
    return [Played(line["run"], line["trace_id"], line["spans"]) for line in lines]


def _collect(backend: Backend, server: Server, runs: Sequence[Played], model: str | None) -> list[Verdict]:
    """Every verdict that is due, or those that came before the deadline. Raises `ServerDied`."""
    due = {(run.trace_id, scorer) for run in runs for scorer in _scorers(model)}
    deadline = time.monotonic() + (_CHECKS_S if model is None else _JUDGES_S)

    def found() -> list[Verdict]:
        verdicts = read_verdicts((received.record, received.resource) for received in backend.spans())
        return [verdict for verdict in verdicts if (verdict.trace_id, verdict.scorer) in due]

    while not _wait(backend, lambda: len(found()) == len(due)) and time.monotonic() < deadline:
        server.check()
    return found()


def _wait(backend: Backend, predicate: Callable[[], bool]) -> bool:
    try:
        backend.wait_for(predicate, _LOOK_S)
    except TimeoutError:
        return False
    return True


def _scorers(model: str | None) -> tuple[str, ...]:
    return _CHECKS if model is None else (*_CHECKS, str(JUDGE["name"]))
