"""OTLP/gRPC, on grpc.aio."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, TypeAlias, cast

import grpc
import grpc.aio
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from ..config_receivers import GrpcReceiver, Tenants
from ..errors import ConfigError, MalformedRequest, Overloaded, Unauthenticated
from ..http_server import bind, join_endpoint, split_endpoint
from .accept import (
    Acceptor,
    LogAcceptor,
    Refused,
    Sink,
    TraceAcceptor,
    bad_request,
    delay_s,
    ignore_refusals,
)
from .gate import Gate, ReadHeader
from .grpc_settings import channel_options, server_credentials
from .origins import OriginTable

logger = logging.getLogger(__name__)

CONFIG_KEY = "receivers.otlp.protocols.grpc"
TRACE_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
LOGS_SERVICE = "opentelemetry.proto.collector.logs.v1.LogsService"
METRICS_SERVICE = "opentelemetry.proto.collector.metrics.v1.MetricsService"

_Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
_Export: TypeAlias = "Callable[[bytes, _Context], Awaitable[bytes]]"
_Continuation: TypeAlias = "Callable[[Any], Awaitable[Any]]"


class GrpcServer:
    """Serves `TraceService/Export`, and `LogsService/Export` where there is something that takes log records.

    A request is answered once `sink` has taken it. The size limit holds after decompression: grpc stops inflating
    at it and answers RESOURCE_EXHAUSTED by itself. Without a right token, where there is `auth`, the message is not
    read. docs/otlp.md has every answer and its source.
    """

    def __init__(
        self,
        config: GrpcReceiver,
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
        self._services: dict[str, Acceptor] = {TRACE_SERVICE: TraceAcceptor(sink, refused=refused, origins=origins)}
        if logs is not None:
            self._services[LOGS_SERVICE] = logs
        self._server: grpc.aio.Server | None = None
        self.endpoint = config.endpoint
        """`host:port`; once started, with the port that it listens on."""

    async def start(self) -> str:
        """Starts to listen and returns the endpoint. Raises `ConfigError` if it cannot, or not with its certificate."""
        tls = self._config.tls
        credentials = None if tls is None else server_credentials(tls, key=f"{CONFIG_KEY}.tls")
        host, port = split_endpoint(self._config.endpoint, key=f"{CONFIG_KEY}.endpoint")
        # grpc says only that it failed, and on stderr; a plain socket knows why.
        for probe in bind(self._config.endpoint, key=f"{CONFIG_KEY}.endpoint"):
            probe.close()
        server = grpc.aio.server(
            options=channel_options(self._config),
            interceptors=[_Doorman(self._gate, self._turned_away)] if self._gate.locked else None,
        )
        for name, acceptor in self._services.items():
            # Without serializers it is bytes in, bytes out: a body that is no OTLP gets an answer of ours.
            _serve(server, name, partial(self._export, acceptor))
        _serve(server, METRICS_SERVICE, _refuse_metrics)
        address = join_endpoint(host, port)
        try:
            if credentials is None:
                bound_port = server.add_insecure_port(address)
            else:
                bound_port = server.add_secure_port(address, credentials)
        except RuntimeError:
            raise ConfigError(
                f"{CONFIG_KEY}.endpoint", f"cannot listen on {self._config.endpoint}", "choose another port"
            ) from None
        await server.start()
        self._server = server
        self.endpoint = join_endpoint(host, bound_port)
        return self.endpoint

    async def stop(self, grace_s: float) -> None:
        """Takes no more requests and gives those under way `grace_s` seconds."""
        if self._server is not None:
            await self._server.stop(grace_s)
            self._server = None

    def _turned_away(self, service: str) -> None:
        acceptor = self._services.get(service)
        if acceptor is not None:
            acceptor.refused(0, "unauthenticated")

    async def _export(self, acceptor: Acceptor, body: bytes, context: _Context) -> bytes:
        try:
            response = acceptor.accept_protobuf(body, self._tenant(acceptor, context))
        except Unauthenticated as error:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, str(error))
        except MalformedRequest as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error), _bad_request_trailers(error))
        except Overloaded as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, error.reason, _retry_trailers(error))
        except Exception:
            logger.exception("an OTLP/gRPC request failed")
            await context.abort(grpc.StatusCode.INTERNAL, "internal error")
        return response.SerializeToString()

    def _tenant(self, acceptor: Acceptor, context: _Context) -> str | None:
        if not self._gate.asks_tenant:
            return None
        with acceptor.counting_refusals():
            return self._gate.tenant(_reader(context.invocation_metadata()))


class _Doorman(grpc.aio.ServerInterceptor):
    """Turns away who has no token, by the header alone: their message is not read."""

    def __init__(self, gate: Gate, turned_away: Callable[[str], None]) -> None:
        self._gate = gate
        self._turned_away = turned_away

    async def intercept_service(self, continuation: _Continuation, handler_call_details: Any) -> Any:
        try:
            self._gate.authenticate(_reader(handler_call_details.invocation_metadata))
        except Unauthenticated as error:
            self._turned_away(handler_call_details.method.strip("/").partition("/")[0])
            details = str(error)

            async def refuse(_: object, context: _Context) -> None:
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, details)

            # Of a stream: the message of a unary call would be read before this is called.
            return cast("object", grpc.stream_unary_rpc_method_handler(cast("Any", refuse)))
        return await continuation(handler_call_details)


async def _refuse_metrics(_: bytes, context: _Context) -> bytes:
    # Not retryable in the OTLP specification, and the code of a server that lacks the service.
    await context.abort(
        grpc.StatusCode.UNIMPLEMENTED, "metrics are not taken here, send them elsewhere; traces and logs are"
    )


def _serve(server: grpc.aio.Server, service: str, export: _Export) -> None:
    handler = cast("grpc.RpcMethodHandler[bytes, bytes]", grpc.unary_unary_rpc_method_handler(cast("Any", export)))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))


def _reader(pairs: Iterable[tuple[str, str | bytes]] | None) -> ReadHeader:
    """Reads the values of a header, which are text unless its name ends in `-bin`."""
    found = tuple(pairs or ())
    return lambda name: [value for key, value in found if key == name and isinstance(value, str)]


def _bad_request_trailers(error: MalformedRequest) -> tuple[tuple[str, bytes], ...]:
    return (("grpc-status-details-bin", bad_request(Code.INVALID_ARGUMENT, str(error)).SerializeToString()),)


def _retry_trailers(error: Overloaded) -> tuple[tuple[str, bytes], ...]:
    """When to try again, in both places where clients look.

    `grpc-status-details-bin` is what the OTLP specification asks for and what Go reads; the Python SDK reads only
    `google.rpc.retryinfo-bin` (opentelemetry-exporter-otlp-proto-grpc, exporter.py).
    """
    retry = RetryInfo()
    retry.retry_delay.FromSeconds(delay_s(error))
    status = Status(code=Code.UNAVAILABLE, message=error.reason)
    status.details.add().Pack(retry)
    return (
        ("grpc-status-details-bin", status.SerializeToString()),
        ("google.rpc.retryinfo-bin", retry.SerializeToString()),
    )
