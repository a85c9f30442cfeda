"""TLS of the endpoints that listen: certificates read, checked, and read again when they are renewed."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .config_receivers import ServerTls
from .errors import ConfigError

logger = logging.getLogger(__name__)

HANDSHAKE_S: Final = 10.0  # a client that takes longer is cut off
_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class Pem:
    """The files of a `ServerTls`, read at once. The key shows in no repr."""

    certificate: bytes
    client_ca: bytes | None
    key: bytes

    def __repr__(self) -> str:
        return "<Pem>"


def read_pem(tls: ServerTls, *, key: str) -> Pem:
    """The files, which fit each other. Raises `ConfigError` that names the key below `key` and the file."""
    server_context(tls, key=key)  # for what is wrong with them: OpenSSL knows
    return Pem(
        _read(tls.cert_file, f"{key}.cert_file"),
        None if tls.client_ca_file is None else _read(tls.client_ca_file, f"{key}.client_ca_file"),
        _read(tls.key_file, f"{key}.key_file"),
    )


def server_context(tls: ServerTls, *, key: str) -> ssl.SSLContext:
    """A context with the files read. Raises `ConfigError` that names the key below `key` and the file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.min_version]
    _read(tls.cert_file, f"{key}.cert_file")
    _read(tls.key_file, f"{key}.key_file")
    try:
        _load_certificate(context, tls)
    except ssl.SSLError as error:
        raise ConfigError(
            f"{key}.cert_file", f"{tls.cert_file} and {tls.key_file} are not a certificate and its key: {_why(error)}",
            "give PEM files, the key without a passphrase",
        ) from None  # fmt: skip
    if tls.client_ca_file is not None:
        _read(tls.client_ca_file, f"{key}.client_ca_file")
        try:
            context.load_verify_locations(tls.client_ca_file)
        except ssl.SSLError as error:
            raise ConfigError(
                f"{key}.client_ca_file", f"{tls.client_ca_file} holds no certificates: {_why(error)}", "give a PEM file"
            ) from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def renew(context: ssl.SSLContext, tls: ServerTls, *, key: str) -> bool:
    """Loads the certificate and its key again, for connections from here on; False, and a log line, if they are bad.

    An authority that was trusted once cannot be taken out of a context: `client_ca_file` is not read again.
    """
    try:
        server_context(tls, key=key)  # a context that has loaded half a pair would refuse everyone
        _load_certificate(context, tls)
    except (ConfigError, OSError, ssl.SSLError) as error:
        logger.warning("the certificate stays as it was: %s", error)
        return False
    return True


class Renewal:
    """Reads the files of a `ServerTls` again when `reload_interval` has passed, and says when they have changed."""

    def __init__(self, tls: ServerTls, *, key: str, now: Callable[[], float] = time.monotonic) -> None:
        self._tls = tls
        self._key = key
        self._now = now
        self._read_at = now()
        self.pem = read_pem(tls, key=key)

    def changed(self) -> bool:
        """Whether `pem` is another than at the last call. Bad files leave it as it was, with a log line."""
        if not self._tls.reload_interval or self._now() < self._read_at + self._tls.reload_interval:
            return False
        self._read_at = self._now()
        try:
            pem = read_pem(self._tls, key=self._key)
        except ConfigError as error:
            logger.warning("the certificate stays as it was: %s", error)
            return False
        before, self.pem = self.pem, pem
        return pem != before


def _load_certificate(context: ssl.SSLContext, tls: ServerTls) -> None:
    # Without a passphrase given here, OpenSSL would ask for that of an encrypted key on the terminal.
    context.load_cert_chain(tls.cert_file, tls.key_file, password="")


def _read(file: str, key: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(key, f"{file} cannot be read: {error.strerror}", "name a PEM file") from None


def _why(error: ssl.SSLError) -> str:
    return (error.reason or "not PEM").replace("_", " ").lower()
