"""What the configuration of a gRPC receiver is in the words of the grpc library."""

from __future__ import annotations

from typing import Any, cast

import grpc

from ..config_receivers import GrpcReceiver, ServerTls
from ..tls import HANDSHAKE_S, Pem, Renewal


def channel_options(config: GrpcReceiver) -> list[tuple[str, int]]:
    """Names of grpc/impl/channel_arg_names.h; times are ms."""
    server, policy = config.keepalive.server_parameters, config.keepalive.enforcement_policy
    options: list[tuple[str, int | None]] = [
        ("grpc.max_receive_message_length", config.max_recv_msg_size_mib * 1024 * 1024),
        ("grpc.so_reuseport", 0),  # else two processes share a port and each gets half of a trace
        ("grpc.server_handshake_timeout_ms", int(HANDSHAKE_S * 1000)),  # TLS and the first frames of HTTP/2
        ("grpc.max_concurrent_streams", config.max_concurrent_streams),
        ("grpc.max_connection_idle_ms", _ms(server.max_connection_idle)),
        ("grpc.max_connection_age_ms", _ms(server.max_connection_age)),
        ("grpc.max_connection_age_grace_ms", _ms(server.max_connection_age_grace)),
        ("grpc.keepalive_time_ms", _ms(server.time)),
        ("grpc.keepalive_timeout_ms", _ms(server.timeout)),
        ("grpc.http2.min_ping_interval_without_data_ms", _ms(policy.min_time)),
        ("grpc.keepalive_permit_without_calls", int(policy.permit_without_stream)),
    ]
    return [(name, value) for name, value in options if value is not None]


def _ms(seconds: float | None) -> int | None:
    return max(1, round(seconds * 1000)) if seconds else None  # 0 counts as none, as in the Collector


def server_credentials(tls: ServerTls, *, key: str) -> grpc.ServerCredentials:
    """Raises `ConfigError`. The files are looked at again when a client connects, once `reload_interval` has passed."""
    renewal = Renewal(tls, key=key)

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        return _configuration(renewal.pem) if renewal.changed() else None

    return grpc.dynamic_ssl_server_credentials(
        _configuration(renewal.pem), cast("Any", renewed), require_client_authentication=tls.client_ca_file is not None
    )


def _configuration(pem: Pem) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pem.key, pem.certificate)], root_certificates=pem.client_ca)
