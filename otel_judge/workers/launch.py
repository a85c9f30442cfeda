"""Starts worker processes. Imports little, so that a worker can load beside a service that still loads itself."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import OtelJudgeError


class Launched(NamedTuple):
    """A process, and our end of the connection to it: once that is closed, the process ends."""

    process: subprocess.Popen[bytes]
    connection: socket.socket

    def ended(self) -> str:
        """How the process ended, in words."""
        code = self.process.poll()
        if code is not None and code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"


def hang_up(launched: Iterable[Launched]) -> None:
    """Ends processes that have nothing under way, and waits until they have ended; those that have ended stay so."""
    for each in launched:
        each.connection.close()
        each.process.wait()


def launch() -> Launched:
    """Raises `OtelJudgeError` where no process can be started."""
    try:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                return Launched(_start(theirs.fileno()), ours)
            except OSError:
                ours.close()
                raise
    except OSError as error:
        raise OtelJudgeError(f"no worker process can be started ({error}); lower judge_workers") from None


def _start(fd: int) -> subprocess.Popen[bytes]:
    command = f"import sys; sys.path[:] = {sys.path!r}; from otel_judge.workers.process import main; main({fd})"
    return subprocess.Popen([sys.executable, "-c", command], pass_fds=[fd], stdin=subprocess.DEVNULL)  # noqa: S603
