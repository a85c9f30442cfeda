"""Who may send, and whose the traces are: what both servers ask of a request before they read its body."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from ..access import BearerTokens
from ..config_receivers import ServerAuth, Tenants
from ..errors import MalformedRequest, Unauthenticated

ReadHeader: TypeAlias = Callable[[str], Sequence[str]]
"""Gives the values of a header by its name in lower case."""

MAX_TENANT_BYTES: Final = 150  # as Tempo, Mimir and Loki take (grafana/dskit, tenant)
_TENANT: Final = re.compile(rf"[\x21-\x7e]{{1,{MAX_TENANT_BYTES}}}")


class Gate:
    """The door of a receiver, whose config key is `key`. Raises `ConfigError` for a bad file of tokens."""

    def __init__(self, auth: ServerAuth | None, tenants: Tenants | None, *, key: str) -> None:
        self._tokens = None if auth is None else BearerTokens(auth, key=f"{key}.auth")
        self._tenants = tenants

    @property
    def locked(self) -> bool:
        """Whether a token is asked for."""
        return self._tokens is not None

    @property
    def asks_tenant(self) -> bool:
        """Whether requests may be of a tenant."""
        return self._tenants is not None

    def authenticate(self, read: ReadHeader) -> None:
        """Raises `Unauthenticated` for a request that brings no valid token where one is asked for."""
        if self._tokens is not None and not self._tokens.admit(next(iter(read("authorization")), None)):
            raise Unauthenticated("a valid token is needed: Authorization: Bearer TOKEN")

    def tenant(self, read: ReadHeader) -> str | None:
        """The tenant, if there is one.

        Raises `Unauthenticated` where there has to be one, and `MalformedRequest` for one that cannot be.
        """
        if self._tenants is None:
            return None
        name = self._tenants.header
        tenants = {value.strip() for value in read(name.lower())} - {""}
        if not tenants:
            if self._tenants.required:
                raise Unauthenticated(f"the header {name} has to name a tenant")
            return None
        tenant = tenants.pop()
        if tenants or not _TENANT.fullmatch(tenant):
            raise MalformedRequest(
                f"the header {name} names no tenant; give one, of at most {MAX_TENANT_BYTES} printable ASCII "
                "characters without spaces"
            )
        return tenant
