"""What there is to beat: a bare grpc.aio server that parses with upb, groups by trace and serialises each span.

It has no limits, no checks, no duplicates and no end: whatever comes is kept, as in the table of peers.
"""

from __future__ import annotations

import grpc
import grpc.aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

TRACE_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


async def start_bare() -> str:
    """Starts the server on a free port of loopback; returns `host:port`."""
    traces: dict[bytes, list[bytes]] = {}

    async def export(request: ExportTraceServiceRequest, _context: object) -> ExportTraceServiceResponse:
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    traces.setdefault(span.trace_id, []).append(span.SerializeToString())
        return ExportTraceServiceResponse()

    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 * 2**20)])
    handler = grpc.unary_unary_rpc_method_handler(
        export,
        request_deserializer=ExportTraceServiceRequest.FromString,
        response_serializer=ExportTraceServiceResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(TRACE_SERVICE, {"Export": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    _running.append(server)
    return f"127.0.0.1:{port}"


_running: list[grpc.aio.Server] = []  # a server that nobody holds is stopped
