"""Starts worker processes. Imports little, so that a worker can load beside a service that still loads itself."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from typing import NamedTuple


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


def launch() -> Launched:
    """Raises `OSError` where no process can be started."""
    ours, theirs = socket.socketpair()
    fd = theirs.fileno()
    command = f"import sys; sys.path[:] = {sys.path!r}; from otel_judge.workers.process import main; main({fd})"
    with theirs:
        process = subprocess.Popen([sys.executable, "-c", command], pass_fds=[fd], stdin=subprocess.DEVNULL)  # noqa: S603
    return Launched(process, ours)
