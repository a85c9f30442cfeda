"""The receivers of the configuration: where OTLP is taken, from whom, and how much of it.

Names and meanings are those of the Collector's otlp receiver (configgrpc, confighttp, configtls), so that a block can
be carried over.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from .config_types import Duration, Endpoint, Section

_TOKEN = re.compile(r"[\x21-\x7e]+")
_HEADER = re.compile(r"[A-Za-z0-9_.-]+")
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s]+")


class ServerTls(Section):
    """TLS of an endpoint that listens."""

    cert_file: str
    """PEM of the certificate, those of its issuers after it."""
    key_file: str
    """PEM of its private key, not encrypted."""
    client_ca_file: str | None = None
    """PEM of authorities: a client needs a certificate of one of them (mTLS). Over HTTP it is read at start only."""
    min_version: Annotated[Literal["1.2", "1.3"], BeforeValidator(str)] = "1.2"
    """Of TLS. Over gRPC it is 1.2, which its library does not let be changed."""
    reload_interval: Duration | None = None
    """The files are read again this often, so that a new certificate needs no restart. None: at start only."""


class ServerAuth(Section):
    """Bearer tokens, each of which opens the endpoint: `Authorization: Bearer TOKEN`."""

    tokens: tuple[str, ...] = Field(default=(), repr=False)
    """Best as `${env:NAME}`."""
    filename: str | None = None
    """File of tokens, one a line, read again when it changes."""

    @field_validator("tokens")
    @classmethod
    def _can_be_sent(cls, tokens: tuple[str, ...]) -> tuple[str, ...]:
        for number, token in enumerate(tokens, start=1):
            if not _TOKEN.fullmatch(token):  # the error must not show it
                raise ValueError(f"token {number} is empty or has a space or another character that no header can hold")
        return tokens

    @model_validator(mode="after")
    def _one_at_least(self) -> ServerAuth:
        if not self.tokens and self.filename is None:
            raise ValueError("no token is given, so nobody could send; give tokens or filename")
        return self


class KeepaliveServerParameters(Section):
    """Durations of 0 count as none, as in the Collector."""

    max_connection_idle: Duration | None = None
    """A connection without calls is closed after this. None: never."""
    max_connection_age: Duration | None = None
    """Any connection is closed after this, so that clients spread over new servers. None: never."""
    max_connection_age_grace: Duration | None = None
    """Calls under way then have so long to end. None: any time."""
    time: Duration = 7200.0
    """A client that has been silent so long is pinged."""
    timeout: Duration = 20.0
    """And cut off when it does not answer within this."""


class KeepaliveEnforcementPolicy(Section):
    min_time: Duration = 300.0
    """A client that pings more often is cut off."""
    permit_without_stream: bool = False
    """Clients may ping while no call is under way."""


class Keepalive(Section):
    server_parameters: KeepaliveServerParameters = KeepaliveServerParameters()
    enforcement_policy: KeepaliveEnforcementPolicy = KeepaliveEnforcementPolicy()


class GrpcReceiver(Section):
    endpoint: Endpoint = "127.0.0.1:14317"
    """Where OTLP/gRPC is taken. A Collector on the same machine has 4317."""
    max_recv_msg_size_mib: Annotated[int, Field(gt=0, le=1024)] = 64
    """Largest request, after decompression."""
    max_concurrent_streams: Annotated[int, Field(gt=0, le=2**31 - 1)] | None = None
    """Calls at once on a connection. None: no limit."""
    keepalive: Keepalive = Keepalive()
    tls: ServerTls | None = None
    """Absent: plain text."""
    auth: ServerAuth | None = None
    """Absent: whoever reaches the endpoint may send."""

    @model_validator(mode="after")
    def _grpc_can(self) -> GrpcReceiver:
        if self.tls is not None and self.tls.min_version != "1.2":
            raise ValueError("grpc's TLS starts at 1.2 and cannot be raised; leave min_version out, or use http")
        return self


def _check_origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value) or value.count("*") > 1:
        raise ValueError(f"{value!r} is not an origin; write https://HOST, https://*.DOMAIN or *")
    return value


Origin: TypeAlias = Annotated[str, AfterValidator(_check_origin)]


class Cors(Section):
    """Lets pages of other origins send from a browser."""

    allowed_origins: Annotated[tuple[Origin, ...], Field(min_length=1)]
    """Such as `https://app.example.com`; `https://*.example.com` for any host below, `*` for any origin."""
    allowed_headers: tuple[str, ...] = ()
    """Beside those that are always allowed, such as `Authorization` where there is `auth`; `*` for any."""
    max_age: Annotated[int, Field(ge=0)] = 5
    """Seconds for which a browser remembers the answer."""


class HttpReceiver(Section):
    endpoint: Endpoint = "127.0.0.1:14318"
    """Where OTLP/HTTP is taken, protobuf and JSON, at `/v1/traces` and `/v1/logs`."""
    max_request_body_size: Annotated[int, Field(gt=0)] = 64 * 1024 * 1024
    """Largest body in bytes, after decompression."""
    tls: ServerTls | None = None
    """Absent: plain text."""
    auth: ServerAuth | None = None
    """Absent: whoever reaches the endpoint may send."""
    cors: Cors | None = None
    """Absent: no page of another origin."""


class Protocols(Section):
    """At least one; a protocol set to null is off."""

    grpc: GrpcReceiver | None = GrpcReceiver()
    http: HttpReceiver | None = HttpReceiver()

    @model_validator(mode="after")
    def _one_at_least(self) -> Protocols:
        if self.grpc is None and self.http is None:
            raise ValueError("both protocols are off; leave grpc or http on")
        return self


class OtlpReceiver(Section):
    protocols: Protocols = Protocols()


class Receivers(Section):
    otlp: OtlpReceiver = OtlpReceiver()


def _check_tenant_header(value: str) -> str:
    if not _HEADER.fullmatch(value) or value.lower().startswith("grpc-") or value.lower().endswith("-bin"):
        raise ValueError(f"{value!r} is not a header that holds text; write a name such as X-Scope-OrgID")
    return value


class Tenants(Section):
    """Whose trace it is: traces of two tenants never mix, and feedback goes out under its trace's tenant."""

    header: Annotated[str, AfterValidator(_check_tenant_header)] = "X-Scope-OrgID"
    """HTTP header and gRPC metadata that names the tenant, of requests that come in and of those that go out."""
    required: bool = False
    """Requests without it are refused (401, UNAUTHENTICATED). Else they are of no tenant."""


def on_loopback(endpoint: str) -> bool:
    """Whether only this machine can reach it. A name other than localhost may be anything."""
    host = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Admin(Section):
    endpoint: Endpoint = "127.0.0.1:13135"
    """Serves `/traces`, `/traces/<trace_id>` (what came in, content included), `/labels` and `/egress/<trace_id>`."""
    tls: ServerTls | None = None
    """Absent: plain text."""
    auth: ServerAuth | None = None
    """Required where the endpoint is not on loopback."""

    @model_validator(mode="after")
    def _not_open_to_all(self) -> Admin:
        if self.auth is None and not on_loopback(self.endpoint):
            raise ValueError(
                f"{self.endpoint} can be reached from elsewhere, and traces read there by anyone; set admin.auth, or "
                "listen on 127.0.0.1"
            )
        return self
