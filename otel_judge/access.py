"""Who may come in: bearer tokens, compared in constant time."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from .config_receivers import ServerAuth
from .errors import ConfigError

logger = logging.getLogger(__name__)

_LOOK_S: Final = 1.0  # between two looks at whether the file has changed


class BearerTokens:
    """The tokens of a `ServerAuth`. Those of its file are read again when it changes.

    Raises `ConfigError` for a file that cannot be read or holds no token. A file that becomes so later leaves the
    tokens as they were, with a log line; no token is in either.
    """

    def __init__(self, auth: ServerAuth, *, key: str, now: Callable[[], float] = time.monotonic) -> None:
        self._given = [_digest(token) for token in auth.tokens]
        self._file = None if auth.filename is None else Path(auth.filename)
        self._key = f"{key}.filename"
        self._now = now
        self._looked_at = now()
        self._stamp: tuple[int, int, int] | None = None
        self._trouble = ""
        self._digests = list(self._given)
        if self._file is not None:
            self._read(self._file)

    def __repr__(self) -> str:
        return f"<BearerTokens, {len(self._digests)} of them>"

    def admit(self, authorization: str | None) -> bool:
        """Whether the value of an `Authorization` header opens the door (RFC 6750, section 2.1)."""
        self._look()
        scheme, _, token = (authorization or "").partition(" ")
        given = _digest(token.strip())
        # Each is compared, and digests are of one length: the time tells neither how far a guess came nor of which.
        right = [hmac.compare_digest(given, digest) for digest in self._digests]
        return scheme.lower() == "bearer" and any(right)

    def _look(self) -> None:
        if self._file is None or self._now() < self._looked_at + _LOOK_S:
            return
        self._looked_at = self._now()
        try:
            if _stamp(self._file) != self._stamp:
                self._read(self._file)
            self._trouble = ""
        except (ConfigError, OSError) as error:
            if str(error) != self._trouble:  # once, not each second
                self._trouble = str(error)
                logger.warning("the tokens stay as they were: %s", error)

    def _read(self, file: Path) -> None:
        try:
            self._stamp = _stamp(file)
            text = file.read_text(encoding="ascii")
        except OSError as error:
            raise ConfigError(self._key, f"{file} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigError(self._key, f"{file} is not plain text", "write one token a line") from None
        tokens = [line.strip() for line in text.splitlines() if line.strip()]
        if not tokens:
            raise ConfigError(self._key, f"{file} holds no token", "write one a line")
        self._digests = [*self._given, *map(_digest, tokens)]


def _stamp(file: Path) -> tuple[int, int, int]:
    stat = file.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
