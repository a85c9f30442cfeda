"""Programs that a test starts: on loopback, with their output in files, ended by their own ids."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

import httpx

READY_S = 30.0
STOP_S = 30.0  # as long as a pod has until it is killed
POLL_S = 0.05
# Below the system's range for outgoing connections, one of which may take a port while its part is being restarted.
_PORTS = iter(random.sample(range(20_000, 32_000), 2_000))
LAST_BYTES = 4000  # of a log, shown when a test fails

ValueT = TypeVar("ValueT")


def free_endpoints(count: int) -> list[str]:
    """Loopback endpoints, `host:port`, that nobody has; none is given twice."""
    found: list[str] = []
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(f"127.0.0.1:{port}")
        if len(found) == count:
            return found
    raise AssertionError("no ports left")


def wait_for(ask: Callable[[], ValueT], what: str, timeout_s: float = 30.0) -> ValueT:
    """Asks until the answer is true in Python's sense, and returns it. Fails with the last answer."""
    deadline = time.monotonic() + timeout_s
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:.0f} s: {what} (last: {answer!r})")
        time.sleep(POLL_S)
    return answer


def holds_for(seconds: float, check: Callable[[], None]) -> None:
    """Checks again and again for that long: the claim is that nothing more happens."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        check()
        time.sleep(0.25)
    check()


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without what would steer OpenTelemetry, models or proxies in a child."""
    prefixes = ("OTEL_", "ANTHROPIC_", "OPENAI_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    for name in ("no_proxy", "NO_PROXY"):
        kept[name] = ",".join(filter(None, (kept.get(name), "127.0.0.1,localhost")))
    return kept | settings


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        return httpx.get(url, timeout=1.0).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


class Process:
    """A program. A context manager: entering starts it and waits until it is ready, leaving ends it.

    It can be started again once it has ended; its log goes on.
    """

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, *, ready_url: str, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = command
        self._ready_url = ready_url
        self._env = environment(**env or {})
        self._popen: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *, ready: bool = True) -> None:
        """Starts it; fails where it ends or is not ready in time."""
        assert self._popen is None, f"{self.name} runs"
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._env
            )
        if ready:
            try:
                wait_for(self._is_ready, f"{self.name} is ready", READY_S)
            except BaseException:
                self.kill()
                raise

    def stop(self) -> int | None:
        """Ends it: SIGTERM, and SIGKILL after a deadline. Its exit code, or None where it did not run."""
        if self._popen is None:
            return None
        self._popen.terminate()
        try:
            return self.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def terminate(self) -> None:
        """SIGTERM; `wait` tells how it ended."""
        assert self._popen is not None
        self._popen.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float) -> int:
        """Its exit code once it has ended."""
        assert self._popen is not None
        code = self._popen.wait(timeout_s)
        self._popen = None
        return code

    def kill(self) -> None:
        """SIGKILL."""
        if self._popen is not None:
            self._popen.kill()
            self.wait(STOP_S)

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_bytes()[-LAST_BYTES:].decode(errors="replace") if self.log.exists() else ""

    def _is_ready(self) -> bool:
        assert self._popen is not None
        if (code := self._popen.poll()) is not None:
            raise AssertionError(f"{self.name} ended with {code}:\n{self.last_words}")
        return answers(self._ready_url)
