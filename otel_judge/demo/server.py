"""The demo's own `otel-judge serve`: its config, its process, and how to tell that it is ready."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import yaml

JUDGE: Mapping[str, object] = yaml.safe_load((Path(__file__).parent / "judge.yaml").read_text(encoding="utf-8"))
"""The demo's judge, as a config has it."""

_READY_S = 20.0
_STOP_S = 10.0
_POLL_S = 0.05
_LAST_LINES = 8


class Ports(NamedTuple):
    """Loopback ports that were free a moment ago."""

    otlp: int
    health: int
    admin: int

    @classmethod
    def free(cls) -> Ports:
        with ExitStack() as stack:
            # All are held until the last is found, so that no two are the same.
            sockets = [stack.enter_context(socket.socket()) for _ in cls._fields]
            for bound in sockets:
                bound.bind(("127.0.0.1", 0))
            return cls(*(bound.getsockname()[1] for bound in sockets))


class ServerDied(Exception):
    """`serve` ended, or did not become ready. Holds its last words and its exit code, None while it runs."""

    def __init__(self, returncode: int | None, last_words: str) -> None:
        self.returncode = returncode
        self.last_words = last_words
        super().__init__(returncode, last_words)


def config(ports: Ports, backend: str, model: str | None) -> str:
    """YAML for `serve`: all checks, one judge if there is a model, verdicts to `backend` (host:port, gRPC)."""
    document: dict[str, object] = {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{ports.otlp}"}, "http": None}}},
        "index": {"completion": {"root_grace": "1s"}},
        "exporters": {"otlp": {"endpoint": backend}},
        "health": {"endpoint": f"127.0.0.1:{ports.health}"},
        "admin": {"endpoint": f"127.0.0.1:{ports.admin}"},
    }
    if model is not None:
        document["judges"] = [{**JUDGE, "model": model}]
    return yaml.safe_dump(document, sort_keys=False)


def environment() -> Mapping[str, str]:
    """The environment of the demo's processes: this one's, without settings meant for other uses of OpenTelemetry."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    for name in ("no_proxy", "NO_PROXY"):  # gRPC would look for 127.0.0.1 behind a proxy
        kept[name] = ",".join(filter(None, (kept.get(name), "127.0.0.1,localhost")))
    return kept


class Server:
    """A running `otel-judge serve`. A context manager: leaving it ends the process and waits for it."""

    def __init__(self, folder: Path, ports: Ports, *, backend: str, model: str | None) -> None:
        self.ports = ports
        self._log = folder / "serve.log"
        file = folder / "otel-judge.yaml"
        file.write_text(config(ports, backend, model), encoding="utf-8")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "otel_judge", "serve", "--config", str(file)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environment(),
            )

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()

    @property
    def endpoint(self) -> str:
        """`host:port` of OTLP/gRPC."""
        return f"127.0.0.1:{self.ports.otlp}"

    def wait_until_ready(self) -> None:
        """Raises `ServerDied`."""
        deadline = time.monotonic() + _READY_S
        while not self._ready():
            self.check()
            if time.monotonic() > deadline:
                raise ServerDied(None, f"{self._last_words()}\nnot ready after {_READY_S:.0f} s".strip())
            time.sleep(_POLL_S)

    def check(self) -> None:
        """Raises `ServerDied` if the process has ended."""
        returncode = self._process.poll()
        if returncode is not None:
            raise ServerDied(returncode, self._last_words())

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports.health, timeout=1.0)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()

    def _last_words(self) -> str:
        with self._log.open(encoding="utf-8", errors="replace") as log:
            return "".join(deque(log, _LAST_LINES)).strip()
