"""A scripted model behind a real HTTP server, for tests, demos and docs.

    with ScriptedModel([tool_use("list_spans"), verdict("pass", "It answered.")]) as model:
        ...  # a client with base_url=model.base_url and any key; OpenAI's takes model.openai_url

It speaks Anthropic's Messages API and OpenAI's chat completions and Responses APIs, each with streams. A script is a
list of replies, given one a request, or a function from `Request` to a reply. Reply makers: `text`, `tool_use`,
`verdict`, `blocks`, `refusal`, `uncounted`; for faults `error`, `hang`, `reset`, `truncated`, `garbage`; `explorer`
makes a whole script.

The server refuses what the provider refuses, by the generation of the model that the request names (`generation_of`).
It counts tokens from the size of the request, with cached prefixes told apart. Where models of a generation think, its
answers start with a thinking block that is bound to the conversation.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, cast

from .anthropic_messages import MESSAGES
from .anthropic_models import GENERATIONS, Generation, generation_of
from .anthropic_rules import Rule
from .openai_chat import CHAT
from .openai_responses import RESPONSES
from .protocol import Prefixes, Protocol, Tokens
from .scripts import (
    Json,
    Reply,
    Request,
    Script,
    blocks,
    error,
    explorer,
    garbage,
    hang,
    refusal,
    reset,
    text,
    tool_use,
    truncated,
    uncounted,
    verdict,
)

__all__ = [
    "GENERATIONS",
    "Generation",
    "Reply",
    "Request",
    "Script",
    "ScriptedModel",
    "blocks",
    "error",
    "explorer",
    "garbage",
    "generation_of",
    "hang",
    "refusal",
    "reset",
    "text",
    "tool_use",
    "truncated",
    "uncounted",
    "verdict",
]

_PROTOCOLS = (MESSAGES, CHAT, RESPONSES)
_LINGER_0_S = struct.pack("ii", 1, 0)  # makes the close a reset


class ScriptedModel:
    """The server, on a loopback port of the system's choice; a context manager. Thread-safe.

    `rules` stand in place of those of the protocol.
    """

    def __init__(self, script: Script, *, rules: Sequence[Rule] | None = None) -> None:
        self.requests: list[Request] = []
        """All that came, refused ones included."""
        self.usage: list[Tokens] = []
        """What each answer said that it used."""
        self._script = script
        self._rules = rules
        self._prefixes = Prefixes()
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        """For Anthropic's clients."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def openai_url(self) -> str:
        """For OpenAI's clients."""
        return f"{self.base_url}/v1"

    def answer(self, protocol: Protocol, body: Json, headers: Mapping[str, str]) -> Reply:
        """The reply to a request; called by the server."""
        heard = protocol.hear(body)
        with self._lock:
            request = Request(body, headers, len(self.requests), heard)
            self.requests.append(request)
        for rule in protocol.rules if self._rules is None else self._rules:
            if (refused := rule(body)) is not None:
                return error(400, "invalid_request_error", refused)
        if callable(self._script):
            return self._script(request)
        if request.number >= len(self._script):
            return error(400, "invalid_request_error", "the script has no more replies")
        return self._script[request.number]

    def count(self, protocol: Protocol, body: Json, reply: Reply) -> Tokens:
        """What a request used; called by the server."""
        with self._lock:
            used = self._prefixes.count(protocol.hear(body), reply, all_pieces=protocol.caches_by_itself)
            self.usage.append(used)
            return used

    def wait_closed(self) -> None:
        """Blocks until the server closes; how a hanging reply hangs."""
        self._closing.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], model: ScriptedModel) -> None:
        super().__init__(address, _Handler)
        self.model = model
        self._sockets: set[socket.socket] = set()
        self._sockets_lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._sockets_lock:
            self._sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._sockets_lock:
            self._sockets.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        with self._sockets_lock:
            for each in self._sockets:
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:  # the client was faster
                    continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together: apart, they wait for each other's acknowledgement
    disable_nagle_algorithm = True
    timeout = 60.0  # seconds; a test that leaves a connection open does not keep its thread for ever

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        path = self.path.partition("?")[0]
        for protocol in _PROTOCOLS:
            if path.endswith(protocol.path):
                return self._answer(protocol, body)
        return self._send(404, "text/plain", f"no such path: {self.path}".encode(), {})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        pass

    def _answer(self, protocol: Protocol, body: Json) -> None:
        model = cast("_Server", self.server).model
        reply = model.answer(protocol, body, {name.lower(): value for name, value in self.headers.items()})
        if reply.hangs:
            model.wait_closed()
            self.close_connection = True
        elif reply.breaks == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0_S)
            self.connection.close()
            self.close_connection = True
        elif reply.failure is not None:
            failure = json.dumps(protocol.failure(*reply.failure)).encode()
            self._send(reply.status, "application/json", failure, reply.headers or {})
        elif reply.raw is not None:
            self._send(reply.status, "application/json", reply.raw, reply.headers or {})
        else:
            message = protocol.message(body, reply, model.count(protocol, body, reply), len(model.requests))
            media, sent = (
                ("text/event-stream", protocol.events(message))
                if body.get("stream")
                else ("application/json", json.dumps(message).encode())
            )
            self._send(200, media, sent, {}, cut=reply.breaks == "truncated")

    def _send(self, status: int, media: str, body: bytes, headers: Mapping[str, str], *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {"content-type": media, "content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut
