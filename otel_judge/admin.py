"""What the service answers about itself: health for machines, retained traces for people who ask why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import orjson
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .access import BearerTokens
from .config_receivers import ServerAuth
from .feedback import Value
from .label import Label
from .otlp_json import encode_traces
from .trace import Trace

_TRACE_ID_BYTES = 16
_LISTED = 1000  # ids, where no number is asked for


def health_app(*, ready: Callable[[], str | None], metrics: Callable[[], tuple[bytes, str]]) -> Starlette:
    """`/healthz` (the process lives), `/readyz` (it takes traces) and `/metrics` (Prometheus text).

    `ready` gives None, or why the service is not ready.
    """

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        reason = ready()
        return PlainTextResponse("ok\n") if reason is None else PlainTextResponse(f"{reason}\n", status_code=503)

    async def render(_: Request) -> Response:
        body, content_type = metrics()
        return Response(body, headers={"Content-Type": content_type})

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", render)])


def admin_app(
    find: Callable[[bytes, str | None], Trace | None],
    ids: Callable[[int, str | None], Sequence[bytes]],
    labels: Callable[[str | None], Iterable[Label]],
    receipts: Callable[[str, str | None], Sequence[Value]],
    *,
    auth: ServerAuth | None = None,
) -> Starlette:
    """What is retained: `/traces/<trace_id>`, a trace as OTLP/JSON; `/traces?limit=N`, ids of those finished last;
    `/labels`, what people said of them, as JSON lines; `/egress/<trace_id>`, what of a trace has left for models.
    `?tenant=NAME` asks for the traces of a tenant; without it, for those of none.

    Raises `ConfigError` for a bad file of tokens.
    """

    async def listed(request: Request) -> Response:
        given = request.query_params.get("limit", str(_LISTED))
        if not given.isdecimal():
            return JSONResponse({"error": f"limit is {given!r}; write a whole number"}, status_code=400)
        return JSONResponse({"trace_ids": [trace_id.hex() for trace_id in ids(int(given), _tenant(request))]})

    async def trace(request: Request) -> Response:
        trace_id = _trace_id(request)
        if trace_id is None:
            return _no_trace_id(request)
        found = find(trace_id, _tenant(request))
        if found is None:
            problem = "no such trace is retained; it may not be finished, or be past index.retain"
            return JSONResponse({"error": problem}, status_code=404)
        return Response(encode_traces(found.to_otlp()), media_type="application/json")

    async def all_labels(request: Request) -> Response:
        lines = [orjson.dumps(label.as_dict(), option=orjson.OPT_APPEND_NEWLINE) for label in labels(_tenant(request))]
        return Response(b"".join(lines), media_type="application/x-ndjson")

    async def egress(request: Request) -> Response:
        trace_id = _trace_id(request)
        if trace_id is None:
            return _no_trace_id(request)
        found = receipts(trace_id.hex(), _tenant(request))
        if not found:
            return JSONResponse({"error": "no receipt of that trace; no judge has run on it lately"}, status_code=404)
        return JSONResponse({"trace_id": trace_id.hex(), "receipts": list(found)})

    return Starlette(
        routes=[
            Route("/traces", listed),
            Route("/traces/{trace_id}", trace),
            Route("/labels", all_labels),
            Route("/egress/{trace_id}", egress),
        ],
        middleware=[] if auth is None else [Middleware(_Doorman, tokens=BearerTokens(auth, key="admin.auth"))],
    )


class _Doorman:
    """Lets nobody in without a token."""

    def __init__(self, app: ASGIApp, tokens: BearerTokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._tokens.admit(Headers(scope=scope).get("authorization")):
            await self._app(scope, receive, send)
            return
        problem = {"error": "a valid token is needed: Authorization: Bearer TOKEN"}
        await JSONResponse(problem, status_code=401, headers={"WWW-Authenticate": "Bearer"})(scope, receive, send)


def _tenant(request: Request) -> str | None:
    return request.query_params.get("tenant")


def _trace_id(request: Request) -> bytes | None:
    try:
        trace_id = bytes.fromhex(request.path_params["trace_id"])
    except ValueError:
        return None
    return trace_id if len(trace_id) == _TRACE_ID_BYTES else None


def _no_trace_id(request: Request) -> Response:
    text = request.path_params["trace_id"]
    return JSONResponse({"error": f"{text!r} is not a trace id; give its 32 hex digits"}, status_code=400)
