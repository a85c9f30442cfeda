"""Endpoints to listen on, and an HTTP server inside our own event loop: uvicorn without its signals and its logging."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .errors import ConfigError

if TYPE_CHECKING:
    from starlette.applications import Starlette

BACKLOG = 2048
KEEP_ALIVE_S = 75  # SDKs export every 5 s; with uvicorn's own 5 s they would meet closing connections
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def split_endpoint(endpoint: str, *, key: str) -> tuple[str, int]:
    """Host and port of `host:port`, `[::1]:port` or `http://host:port`. Raises `ConfigError` that names `key`."""
    parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None or parts.scheme not in ("", "http") or parts.path.strip("/"):
        raise ConfigError(
            key, f"cannot listen on {endpoint!r}", "write host:port of this machine, such as 0.0.0.0:4317"
        )
    return host, port


def join_endpoint(host: str, port: int) -> str:
    """`host:port`, with an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def bind(endpoint: str, *, key: str) -> list[socket.socket]:
    """A listening socket for each address of the endpoint's host, all on one port; port 0: the system's choice.

    Raises `ConfigError`.
    """
    host, port = split_endpoint(endpoint, key=key)
    listeners: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            chosen = listeners[0].getsockname()[1] if listeners else port
            try:
                listeners.append(_listen(family, (address[0], chosen, *address[2:])))
            except OSError as error:
                # A name such as localhost may stand for an IPv6 address that the machine does not have.
                if error.errno not in _NOT_HERE:
                    raise
                missing = error
        if missing is not None and not listeners:
            raise missing
    except OSError as error:
        for listener in listeners:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(key, f"{endpoint} is in use", "stop what listens there, or choose another port") from None
        raise ConfigError(
            key, f"cannot listen on {endpoint}: {error.strerror or error}", "choose an address of this machine"
        ) from None
    return listeners


def _listen(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.settimeout(0)  # as asyncio needs it
        # Connections of an earlier process in TIME_WAIT do not count as in use.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class HttpServer:
    """Serves an ASGI app at an endpoint. `key` is the config key that an error names."""

    def __init__(self, app: Starlette, endpoint: str, *, key: str) -> None:
        self._app = app
        self._endpoint = endpoint
        self._key = key
        self._server: Any = None
        self._task: asyncio.Task[None] | None = None
        self.address = endpoint
        """`host:port` as bound; known after `start`."""

    async def start(self) -> None:
        """Listens. Raises `ConfigError` if the endpoint cannot be bound."""
        import uvicorn

        listeners = bind(self._endpoint, key=self._key)
        host, _ = split_endpoint(self._endpoint, key=self._key)
        self.address = join_endpoint(host, listeners[0].getsockname()[1])

        listening = asyncio.Event()

        class Server(uvicorn.Server):
            def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
                return contextlib.nullcontext()  # signals are the composition root's

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                listening.set()

        config = uvicorn.Config(
            self._app,
            http="httptools",
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            log_level=logging.WARNING,  # its news of starting and stopping is ours to tell
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._server = Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=listeners), name=f"http {self.address}")
        waiting = asyncio.create_task(listening.wait())
        await asyncio.wait({waiting, self._task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task.done():
            await self._task

    async def stop(self, grace_s: float) -> None:
        """Takes no new connection, lets requests under way end for `grace_s` seconds."""
        if self._task is not None:
            self._server.config.timeout_graceful_shutdown = math.ceil(grace_s)
            self._server.should_exit = True
            await self._task
            self._task = None
