"""An HTTP server inside our own event loop: uvicorn with httptools, without its signal handlers and its logging."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

from .errors import ConfigError

if TYPE_CHECKING:
    from starlette.applications import Starlette

BACKLOG = 2048


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Host and port of `host:port`, `[::1]:port` or a URL."""
    host, _, port = endpoint.rsplit("://", maxsplit=1)[-1].split("/", maxsplit=1)[0].rpartition(":")
    return host.strip("[]"), int(port)


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

        listener = bind(self._endpoint, key=self._key)
        host, port = listener.getsockname()[:2]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

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
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
        )
        self._server = Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        await listening.wait()

    async def stop(self, grace_s: float) -> None:
        """Takes no new connection, lets requests under way end for `grace_s` seconds."""
        if self._task is not None:
            self._server.config.timeout_graceful_shutdown = grace_s
            self._server.should_exit = True
            await self._task


def bind(endpoint: str, *, key: str) -> socket.socket:
    """A socket bound to the endpoint, not yet listening. Raises `ConfigError`."""
    host, port = split_endpoint(endpoint)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            key, f"cannot listen on {endpoint}: {error.strerror or error}", "choose another endpoint"
        ) from None
    listener.settimeout(0)  # as asyncio needs it
    return listener
