"""A scripted model behind a real HTTP server that speaks Anthropic's Messages API, for tests, demos and docs.

    with ScriptedModel([tool_use("list_spans"), verdict("pass", "It answered.")]) as model:
        ...  # a client with base_url=model.base_url and any key

A script is a list of replies, given one a request, or a function from `Request` to a reply. Reply makers: `text`,
`tool_use`, `verdict`, `blocks`, `error`, `hang`, `garbage`; `explorer` makes a whole script. The server refuses what
the provider refuses (`RULES`), and counts tokens from the size of the request, with cached prefixes told apart.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, cast

from .anthropic_rules import RULES, Rule
from .scripts import (
    Json,
    Reply,
    Request,
    Script,
    blocks,
    content_of,
    error,
    explorer,
    garbage,
    hang,
    text,
    tool_use,
    verdict,
)

__all__ = [
    "RULES",
    "Reply",
    "Request",
    "Script",
    "ScriptedModel",
    "blocks",
    "error",
    "explorer",
    "garbage",
    "hang",
    "text",
    "tool_use",
    "verdict",
]

_BYTES_A_TOKEN = 4


class ScriptedModel:
    """The server, on a loopback port of the system's choice; a context manager. Thread-safe."""

    def __init__(self, script: Script, *, rules: Sequence[Rule] = RULES) -> None:
        self.requests: list[Request] = []
        """All that came, refused ones included."""
        self._script = script
        self._rules = rules
        self._prefixes: set[str] = set()
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
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, body: Json, headers: Mapping[str, str]) -> Reply:
        """The reply to a request; called by the server."""
        with self._lock:
            request = Request(body, headers, len(self.requests))
            self.requests.append(request)
        for rule in self._rules:
            if (refusal := rule(body)) is not None:
                return error(400, "invalid_request_error", refusal)
        if callable(self._script):
            return self._script(request)
        if request.number >= len(self._script):
            return error(400, "invalid_request_error", "the script has no more replies")
        return self._script[request.number]

    def usage(self, body: Json, reply: Reply) -> Json:
        """Tokens by size. What stands before a cache is_breakpoint is read from the cache when it came before."""
        total, cached, written, sofar = 0, 0, 0, ""
        for piece, is_breakpoint in _pieces(body):
            sofar += piece
            total += len(piece.encode())
            if is_breakpoint:
                with self._lock:
                    if sofar in self._prefixes:
                        cached = total
                    else:
                        self._prefixes.add(sofar)
                        written = total - cached
        return {
            "input_tokens": (total - cached - written) // _BYTES_A_TOKEN,
            "cache_read_input_tokens": cached // _BYTES_A_TOKEN,
            "cache_creation_input_tokens": written // _BYTES_A_TOKEN,
            "output_tokens": len(json.dumps(reply.content)) // _BYTES_A_TOKEN,
        }

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
        model = cast("_Server", self.server).model
        reply = model.answer(body, {name.lower(): value for name, value in self.headers.items()})
        if reply.hangs:
            model.wait_closed()
            self.close_connection = True
        elif reply.raw is not None:
            self._send(reply.status, "application/json", reply.raw, reply.headers or {})
        else:
            message = _message(body, reply, model.usage(body, reply), number=len(model.requests))
            if body.get("stream"):
                self._send(200, "text/event-stream", _events(message), {})
            else:
                self._send(200, "application/json", json.dumps(message).encode(), {})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        pass

    def _send(self, status: int, media: str, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"content-type": media, "content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _message(body: Json, reply: Reply, usage: Json, *, number: int) -> Json:
    content = [
        {"id": f"toolu_{number}_{place}", **block} if block["type"] == "tool_use" else block
        for place, block in enumerate(reply.content)
    ]
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": reply.stop_reason,
        "stop_sequence": None,
        "usage": usage,
    }


def _events(message: Json) -> bytes:
    def event(kind: str, **fields: object) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"

    parts = [event("message_start", message={**message, "content": [], "stop_reason": None})]
    for index, block in enumerate(message["content"]):
        if block["type"] == "tool_use":
            start: Json = dict(block, input={})
            delta: Json = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        else:
            start = dict(block, text="")
            delta = {"type": "text_delta", "text": block["text"]}
        parts.append(event("content_block_start", index=index, content_block=start))
        parts.append(event("content_block_delta", index=index, delta=delta))
        parts.append(event("content_block_stop", index=index))
    parts.append(event("message_delta", delta={"stop_reason": message["stop_reason"]}, usage=message["usage"]))
    parts.append(event("message_stop"))
    return "".join(parts).encode()


def _pieces(body: Json) -> Iterator[tuple[str, bool]]:
    """The request in the order in which the provider caches it: tools, system, messages; with their breakpoints."""
    system = body.get("system", [])
    parts = [*body.get("tools", []), *([{"text": system}] if isinstance(system, str) else system)]
    for message in body["messages"]:
        parts += ({"role": message["role"], **block} for block in content_of(message))
    for part in parts:
        bare = {key: value for key, value in part.items() if key != "cache_control"}
        yield json.dumps(bare, sort_keys=True), "cache_control" in part
