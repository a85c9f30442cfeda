"""OTLP/gRPC, on grpc.aio."""

from __future__ import annotations

import logging
from functools import partial
from typing import TypeAlias, cast

import grpc
import grpc.aio
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from ..config import GrpcReceiver
from ..errors import ConfigError, MalformedRequest, Overloaded
from ..http_server import bind, join_endpoint, split_endpoint
from .accept import Acceptor, LogAcceptor, Refused, Sink, TraceAcceptor, delay_s, ignore_refusals
from .origins import OriginTable

logger = logging.getLogger(__name__)

CONFIG_KEY = "receivers.otlp.protocols.grpc.endpoint"
TRACE_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
LOGS_SERVICE = "opentelemetry.proto.collector.logs.v1.LogsService"

_Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"


class GrpcServer:
    """Serves `TraceService/Export`, and `LogsService/Export` where there is something that takes log records.

    A request is answered once `sink` has taken it. The size limit holds after decompression: grpc stops inflating
    at it and answers RESOURCE_EXHAUSTED by itself.
    """

    def __init__(
        self,
        config: GrpcReceiver,
        sink: Sink,
        *,
        refused: Refused = ignore_refusals,
        origins: OriginTable | None = None,
        logs: LogAcceptor | None = None,
    ) -> None:
        self._config = config
        origins = OriginTable() if origins is None else origins
        self._services: dict[str, Acceptor] = {TRACE_SERVICE: TraceAcceptor(sink, refused=refused, origins=origins)}
        if logs is not None:
            self._services[LOGS_SERVICE] = logs
        self._server: grpc.aio.Server | None = None
        self.endpoint = config.endpoint
        """`host:port`; once started, with the port that it listens on."""

    async def start(self) -> str:
        """Starts to listen and returns the endpoint. Raises `ConfigError` if it cannot listen there."""
        host, port = split_endpoint(self._config.endpoint, key=CONFIG_KEY)
        # grpc says only that it failed, and on stderr; a plain socket knows why.
        for probe in bind(self._config.endpoint, key=CONFIG_KEY):
            probe.close()
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", self._config.max_recv_msg_size_mib * 1024 * 1024),
                ("grpc.so_reuseport", 0),  # else two processes share a port and each gets half of a trace
            ]
        )
        for name, acceptor in self._services.items():
            # Without serializers it is bytes in, bytes out: a body that is no OTLP gets an answer of ours.
            handle = partial(self._export, acceptor)
            export = cast("grpc.RpcMethodHandler[bytes, bytes]", grpc.unary_unary_rpc_method_handler(handle))
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {"Export": export}),))
        try:
            bound_port = server.add_insecure_port(join_endpoint(host, port))
        except RuntimeError:
            raise ConfigError(CONFIG_KEY, f"cannot listen on {self._config.endpoint}", "choose another port") from None
        await server.start()
        self._server = server
        self.endpoint = join_endpoint(host, bound_port)
        return self.endpoint

    async def stop(self, grace_s: float) -> None:
        """Takes no more requests and gives those under way `grace_s` seconds."""
        if self._server is not None:
            await self._server.stop(grace_s)
            self._server = None

    async def _export(self, acceptor: Acceptor, body: bytes, context: _Context) -> bytes:
        try:
            response = acceptor.accept_protobuf(body)
        except MalformedRequest as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except Overloaded as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, error.reason, _retry_trailers(error))
        except Exception:
            logger.exception("an OTLP/gRPC request failed")
            await context.abort(grpc.StatusCode.INTERNAL, "internal error")
        return response.SerializeToString()


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
