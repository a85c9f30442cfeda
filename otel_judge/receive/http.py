"""OTLP/HTTP, protobuf and JSON, on starlette and uvicorn with httptools."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import orjson
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from .. import http_server
from ..config_receivers import HttpReceiver, Tenants
from ..errors import MalformedRequest, Overloaded, RequestTooLarge, Unauthenticated
from ..otlp_json import encode_message
from .accept import Acceptor, LogAcceptor, Refused, Sink, TraceAcceptor, bad_request, delay_s, ignore_refusals
from .body import read_gzip, read_plain
from .cors import cross_origin
from .gate import Gate
from .origins import OriginTable

logger = logging.getLogger(__name__)

CONFIG_KEY = "receivers.otlp.protocols.http"
TRACES_PATH = "/v1/traces"
LOGS_PATH = "/v1/logs"
METRICS_PATH = "/v1/metrics"

_CODES = {404: Code.NOT_FOUND, 405: Code.UNIMPLEMENTED}
_GZIP = ("gzip", "x-gzip")  # the same (RFC 9110, section 8.4.1.3)


@dataclass(frozen=True, slots=True)
class _Encoding:
    """How a request is written, and so its response."""

    media_type: str
    accept: Callable[[Acceptor, bytes, str | None], Message]
    encode_response: Callable[[Message], bytes]
    encode_status: Callable[[Status], bytes]

    def refuse(self, http_status: int, code: Code, message: str, headers: Mapping[str, str] | None = None) -> Response:
        bad = code == Code.INVALID_ARGUMENT
        status = bad_request(code, message) if bad else Status(code=code, message=message)
        return Response(self.encode_status(status), http_status, headers, self.media_type)


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


def _status_json(status: Status) -> bytes:
    return orjson.dumps(json_format.MessageToDict(status))


_PROTOBUF = _Encoding(
    "application/x-protobuf",
    lambda acceptor, body, tenant: acceptor.accept_protobuf(body, tenant),
    _serialize,
    _serialize,
)
_JSON = _Encoding(
    "application/json",
    lambda acceptor, body, tenant: acceptor.accept_json(body, tenant),
    encode_message,
    _status_json,
)
_ENCODINGS = {encoding.media_type: encoding for encoding in (_PROTOBUF, _JSON)}


class HttpServer:
    """Serves `POST /v1/traces`, and `/v1/logs` where there is something that takes log records.

    A request is answered once `sink` has taken it. The size limit holds after decompression, and inflating stops at
    it. Errors are `google.rpc.Status` in the request's content type, or in JSON where that is neither of the two.
    Without a right token, where there is `auth`, the body is not read. docs/otlp.md has every answer and its source.
    """

    def __init__(
        self,
        config: HttpReceiver,
        sink: Sink,
        *,
        refused: Refused = ignore_refusals,
        origins: OriginTable | None = None,
        logs: LogAcceptor | None = None,
        tenants: Tenants | None = None,
    ) -> None:
        self._config = config
        self._gate = Gate(config.auth, tenants, key=CONFIG_KEY)
        origins = OriginTable() if origins is None else origins
        self._paths: dict[str, Acceptor] = {TRACES_PATH: TraceAcceptor(sink, refused=refused, origins=origins)}
        if logs is not None:
            self._paths[LOGS_PATH] = logs
        self._server = http_server.HttpServer(self._app(), config.endpoint, key=CONFIG_KEY, tls=config.tls)

    @property
    def endpoint(self) -> str:
        """`host:port`; once started, with the port that it listens on."""
        return self._server.address

    async def start(self) -> str:
        """Starts to listen and returns the endpoint. Raises `ConfigError` if it cannot, or not with its certificate."""
        await self._server.start()
        return self.endpoint

    async def stop(self, grace_s: float) -> None:
        """Takes no more requests and gives those under way `grace_s` seconds."""
        await self._server.stop(grace_s)

    def _app(self) -> Starlette:
        app = Starlette(
            routes=[
                Route(path, partial(self._export, acceptor), methods=["POST"]) for path, acceptor in self._paths.items()
            ],
            exception_handlers={HTTPException: self._refuse_route},
            middleware=[] if self._config.cors is None else [cross_origin(self._config.cors)],
        )
        app.router.redirect_slashes = False
        return app

    async def _export(self, acceptor: Acceptor, request: Request) -> Response:
        encoding = _encoding(request)
        if encoding is None:
            return _JSON.refuse(
                415, Code.INVALID_ARGUMENT, f"the Content-Type must be {_PROTOBUF.media_type} or {_JSON.media_type}"
            )
        try:
            tenant = self._admit(acceptor, request)
            response = encoding.accept(acceptor, await self._read(acceptor, request), tenant)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except HTTPException as error:
            return encoding.refuse(error.status_code, Code.INVALID_ARGUMENT, error.detail, error.headers)
        except Unauthenticated as error:
            return encoding.refuse(401, Code.UNAUTHENTICATED, str(error), {"WWW-Authenticate": "Bearer"})
        except MalformedRequest as error:
            return encoding.refuse(400, Code.INVALID_ARGUMENT, str(error))
        except RequestTooLarge as error:
            return encoding.refuse(413, Code.RESOURCE_EXHAUSTED, str(error))
        except Overloaded as error:
            headers = {"Retry-After": str(delay_s(error))}
            return encoding.refuse(503, Code.UNAVAILABLE, error.reason, headers)
        except Exception:
            logger.exception("an OTLP/HTTP request failed")
            return encoding.refuse(500, Code.INTERNAL, "internal error")
        return Response(encoding.encode_response(response), media_type=encoding.media_type)

    def _admit(self, acceptor: Acceptor, request: Request) -> str | None:
        if not self._gate.locked and not self._gate.asks_tenant:
            return None
        with acceptor.counting_refusals():
            self._gate.authenticate(request.headers.getlist)
            return self._gate.tenant(request.headers.getlist)

    async def _read(self, acceptor: Acceptor, request: Request) -> bytes:
        limit_bytes = self._config.max_request_body_size
        names = dict(request.scope["headers"])  # most requests have neither of these two
        # httptools undoes `chunked` and passes on what any other coding made of the body.
        if b"transfer-encoding" in names and request.headers["transfer-encoding"].strip().lower() != "chunked":
            raise HTTPException(501, "the Transfer-Encoding must be chunked")
        codings = _codings(request) if b"content-encoding" in names else ()
        try:
            if not codings:
                return await read_plain(request.stream(), limit_bytes)
            if len(codings) == 1 and codings[0] in _GZIP:
                return await read_gzip(request.stream(), limit_bytes)
        except MalformedRequest:
            acceptor.refused(0, "malformed")
            raise
        except RequestTooLarge:
            acceptor.refused(0, "too_large")
            raise
        # RFC 9110, section 15.5.16: what would have been taken.
        raise HTTPException(415, "the Content-Encoding must be gzip or identity", {"Accept-Encoding": "gzip"})

    async def _refuse_route(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        message = f"POST OTLP to {' or '.join(self._paths)}"
        if request.url.path == METRICS_PATH:
            message = f"metrics are not taken here, send them elsewhere; {message}"
        encoding = _encoding(request) or _JSON
        return encoding.refuse(error.status_code, _CODES.get(error.status_code, Code.UNKNOWN), message, error.headers)


def _encoding(request: Request) -> _Encoding | None:
    media_type, _, _parameters = request.headers.get("content-type", "").partition(";")
    return _ENCODINGS.get(media_type.strip().lower())


def _codings(request: Request) -> list[str]:
    """The codings of the body in the order in which they were applied, but for those that change nothing."""
    values = ",".join(request.headers.getlist("content-encoding")).split(",")
    return [coding for value in values if (coding := value.strip().lower()) not in ("", "identity")]
