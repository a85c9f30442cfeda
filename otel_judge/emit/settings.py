"""Where feedback goes: the config, else the environment, else nowhere. Never to our own receiver."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from ..config import Exporters, OtlpExporter
from ..config_receivers import Receivers, Tenants
from ..errors import ConfigError
from .outbox import SIGNALS, Signal
from .transport import Destination

_PATHS: Final[Mapping[Signal, str]] = {"traces": "v1/traces", "logs": "v1/logs", "metrics": "v1/metrics"}
_KEY: Final = "exporters.otlp.endpoint"
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e]*")
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Export:
    """Where each signal goes, and how much may wait for it."""

    destinations: Mapping[Signal, Destination]
    """A signal that is not in it is not sent."""
    queue_bytes: int = field(default=64 * _MIB)

    @property
    def name(self) -> str:
        """The destinations, for messages."""
        return ", ".join(dict.fromkeys(to.host_port for to in self.destinations.values()))


def resolve(
    exporters: Exporters,
    receivers: Receivers | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    tenants: Tenants | None = None,
) -> Export | None:
    """Where to send; None where neither `exporters.otlp` nor OTEL_EXPORTER_OTLP_* names an endpoint.

    `receivers` are our own, where there are any; `tenants` say which header names the tenant of a request. Raises
    `ConfigError` if an endpoint is one of the receivers, and for a variable that cannot be used.
    """
    if exporters.otlp is not None:
        export = _from_config(exporters.otlp)
        places = dict.fromkeys(SIGNALS, _KEY)
    else:
        destinations: dict[Signal, Destination] = {}
        places: dict[Signal, str] = {}
        for signal in SIGNALS:
            if (found := _from_environ(signal, environ)) is not None:
                places[signal], destinations[signal] = found
        if not destinations:
            return None
        export = Export(destinations)
    for signal, destination in export.destinations.items():
        _refuse_own(places[signal], destination, receivers)
    if tenants is None:
        return export
    of_tenants = {signal: replace(to, tenant_header=tenants.header) for signal, to in export.destinations.items()}
    return replace(export, destinations=of_tenants)


def _from_config(otlp: OtlpExporter) -> Export:
    base = otlp.endpoint if "://" in otlp.endpoint else f"http://{otlp.endpoint}"
    try:
        port = urlsplit(base).port
    except ValueError:
        port = None
    if not port:
        raise ConfigError(_KEY, f"{otlp.endpoint!r} has no port that exists", "write it as host:4317")
    destinations: dict[Signal, Destination] = {
        signal: Destination(
            url=base if otlp.protocol == "grpc" else _join(base, _PATHS[signal]),
            protocol=otlp.protocol,
            headers=_checked("exporters.otlp.headers", otlp.headers),
            compression=otlp.compression,
            timeout_s=otlp.timeout,
        )
        for signal in SIGNALS
    }
    return Export(destinations, queue_bytes=int(otlp.queue_mib * _MIB))


def _from_environ(signal: Signal, environ: Mapping[str, str]) -> tuple[str, Destination] | None:
    """The variable that names a signal's endpoint and what it and its kin say.

    OpenTelemetry specification, "OpenTelemetry Protocol Exporter": a variable of the signal wins over the common one;
    over HTTP the common endpoint is a base to which the signal's path is added, the signal's own is used as it is.
    Without a protocol it is gRPC on port 4317, where gRPC backends listen, and HTTP elsewhere.
    """

    def read(option: str) -> tuple[str, str]:
        common, own = f"OTEL_EXPORTER_OTLP_{option}", f"OTEL_EXPORTER_OTLP_{signal.upper()}_{option}"
        return (
            (own, environ[own].strip()) if environ.get(own, "").strip() else (common, environ.get(common, "").strip())
        )

    variable, endpoint = read("ENDPOINT")
    if not endpoint:
        return None
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:  # a bracket left open, or a port that cannot be
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(variable, "not an http:// or https:// URL", "write it as http://host:4317")
    protocol = _protocol(*read("PROTOCOL")) or ("grpc" if port == 4317 else "http/protobuf")
    if protocol == "grpc":
        host = parts.netloc if port else f"{parts.netloc}:{443 if parts.scheme == 'https' else 4317}"
        endpoint = f"{parts.scheme}://{host}"
    elif variable == "OTEL_EXPORTER_OTLP_ENDPOINT":
        endpoint = _join(endpoint, _PATHS[signal])
    return variable, Destination(
        url=endpoint,
        protocol=protocol,
        headers=_headers(*read("HEADERS")),
        compression="gzip" if read("COMPRESSION")[1] == "gzip" else "none",
        ca_file=_ca_file(*read("CERTIFICATE")),
    )


def _protocol(variable: str, value: str) -> Literal["grpc", "http/protobuf"] | None:
    if not value:
        return None
    if value in ("grpc", "http/protobuf"):
        return value
    raise ConfigError(variable, f"{value!r} is not spoken", "use grpc or http/protobuf")


def _headers(variable: str, value: str) -> dict[str, str]:
    """`key=value,key=value`, percent-encoded, as W3C Baggage. Values are never repeated in an error."""
    headers: dict[str, str] = {}
    for position, pair in enumerate(value.split(","), start=1):
        if not pair.strip():
            continue
        name, equals, content = pair.partition("=")
        name = unquote(name).strip().lower()
        if not equals or not name:
            raise ConfigError(variable, f"entry {position} is not name=value", "separate entries by commas")
        headers[name] = unquote(content).strip()
    return _checked(variable, headers)


def _checked(place: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that can be sent: a transport that meets another would repeat its value in the error."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigError(
                place, f"the header {name!r} cannot be sent", "use printable ASCII, and no spaces in names"
            )
    return dict(headers)


def _ca_file(variable: str, value: str) -> str | None:
    if value and not Path(value).is_file():
        raise ConfigError(variable, f"{value!r} is not a file", "name a PEM file of certificates")
    return value or None


def _join(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path}"


def _refuse_own(place: str, destination: Destination, receivers: Receivers | None) -> None:
    protocols = receivers.otlp.protocols if receivers else None
    for receiver in (protocols.grpc, protocols.http) if protocols else ():
        if receiver is not None and _same(destination.url, receiver.endpoint):
            raise ConfigError(
                place,
                f"{destination.host_port} is our own receiver ({receiver.endpoint}); feedback would come back in",
                "name the backend, or the Collector's feedback receiver",
            )


def _same(url: str, receiver: str) -> bool:
    ours = urlsplit(receiver if "://" in receiver else f"//{receiver}")
    theirs = urlsplit(url)
    if theirs.port != ours.port or not theirs.hostname or not ours.hostname:
        return False
    if theirs.hostname == ours.hostname:
        return True
    their_addresses, our_addresses = _addresses(theirs.hostname), _addresses(ours.hostname)
    if our_addresses & {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return any(_is_local(address) for address in their_addresses)
    if their_addresses & {"0.0.0.0", "::"}:  # noqa: S104 - as a target it means this machine
        return any(_is_local(address) for address in our_addresses)
    loopback = {"127.0.0.1", "::1"}
    return bool(their_addresses & our_addresses) or bool(their_addresses & loopback and our_addresses & loopback)


def _addresses(host: str) -> frozenset[str]:
    try:
        return frozenset(str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except OSError:  # unknown here, so not us
        return frozenset()


def _is_local(address: str) -> bool:
    """Whether an address is this machine's: only those can be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
