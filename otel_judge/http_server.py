"""Endpoints to listen on, and an HTTP server inside our own event loop: uvicorn without its signals and its logging."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import socket
import ssl
from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .errors import ConfigError

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from .config_receivers import ServerTls

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
    """Serves an ASGI app at an endpoint. `key` is the config key that holds the endpoint, and `tls` beside it.

    A client has `http_connection.HEADER_S` for the header of a request and `BODY_S` for its body.
    """

    def __init__(self, app: Starlette, endpoint: str, *, key: str, tls: ServerTls | None = None) -> None:
        self._app = app
        self._endpoint = endpoint
        self._key = key
        self._tls = tls
        self._server: Any = None
        self._tasks: list[asyncio.Task[None]] = []
        self.address = endpoint
        """`host:port` as bound; known after `start`."""

    async def start(self) -> None:
        """Listens. Raises `ConfigError` if the endpoint cannot be bound, or its certificate cannot be used."""
        import uvicorn

        from . import http_connection, tls

        tls_key = f"{self._key}.tls"
        context = None if self._tls is None else tls.server_context(self._tls, key=tls_key)
        listeners = bind(self._endpoint, key=f"{self._key}.endpoint")
        host, _ = split_endpoint(self._endpoint, key=f"{self._key}.endpoint")
        self.address = join_endpoint(host, listeners[0].getsockname()[1])
        loop = asyncio.get_running_loop()

        class Server(uvicorn.Server):
            def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # pyright: ignore[reportIncompatibleMethodOverride]
                return contextlib.nullcontext()  # signals are the composition root's

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                def connect() -> http_connection.Connection:
                    return http_connection.Connection(config=self.config, server_state=self.server_state, app_state={})

                handshake_s = None if context is None else tls.HANDSHAKE_S
                self.servers = [
                    await loop.create_server(
                        connect, sock=each, backlog=BACKLOG, ssl=context, ssl_handshake_timeout=handshake_s
                    )
                    for each in sockets or ()
                ]
                self.started = True
                listening.set()

        listening = asyncio.Event()
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
        self._server = server = Server(config)
        serving = asyncio.create_task(server.serve(sockets=listeners), name=f"http {self.address}")
        self._tasks.append(serving)
        waiting = asyncio.create_task(listening.wait())
        await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if serving.done():
            await serving
        self._tasks.append(asyncio.create_task(_close_late(server.server_state.connections), name="close late"))
        if context is not None and self._tls is not None and self._tls.reload_interval:
            renewing = _renew(context, self._tls, tls_key, self._tls.reload_interval)
            self._tasks.append(asyncio.create_task(renewing, name=f"renew {tls_key}"))

    async def stop(self, grace_s: float) -> None:
        """Takes no new connection, lets requests under way end for `grace_s` seconds."""
        if self._tasks:
            self._server.config.timeout_graceful_shutdown = math.ceil(grace_s)
            self._server.should_exit = True
            serving, *others = self._tasks
            await serving
            for task in others:
                task.cancel()
            self._tasks.clear()


async def _close_late(connections: Collection[Any]) -> None:
    from . import http_connection

    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(http_connection.SWEEP_S)
        for connection in tuple(connections):
            connection.close_if_late(loop.time())


async def _renew(context: ssl.SSLContext, tls: ServerTls, key: str, interval_s: float) -> None:
    from .tls import renew

    while True:
        await asyncio.sleep(interval_s)
        renew(context, tls, key=key)
