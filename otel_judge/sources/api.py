"""A backend's query API over HTTP: where it is, what was asked of it, and what went wrong in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

from ..config_types import parse_duration
from ..errors import SourceError

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S = 60.0
_LOOKBACK = timedelta(hours=1)
_NOT_FOUND = 404
_AT_ONCE = re.compile(r"\d+(\.\d+)?(e\d+)?")


@dataclass(frozen=True, slots=True)
class Query:
    """A source such as `jaeger:http://127.0.0.1:16686?service=shop&lookback=2h`, taken apart."""

    source: str
    """As it was written, without credentials."""
    base_url: str
    auth: tuple[str, str] | None
    options: Mapping[str, str]

    @classmethod
    def parse(cls, source: str, prefix: str, options: Sequence[str]) -> Query:
        """Raises `SourceError` for a URL that is none, and for an option that is not among those named."""
        parts = _parts(source, prefix)
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        shown = without_credentials(source, prefix)
        if not host or parts.scheme not in ("http", "https"):
            raise SourceError(shown, "not a URL", f"write {prefix}http://HOST:PORT?OPTION=VALUE&…")
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        for name in given:
            if name not in options:
                raise SourceError(shown, f"no option is named {name!r}", f"there are {', '.join(options)}")
        at = f"[{host}]" if ":" in host else host
        netloc = at if port is None else f"{at}:{port}"
        auth = (parts.username or "", parts.password or "") if parts.username is not None else None
        return cls(shown, urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", "")), auth, given)

    def limit(self, default: int) -> int:
        """How many traces are asked for."""
        given = self.options.get("limit", str(default))
        if not given.isdecimal() or not int(given):
            raise SourceError(self.source, f"limit is {given!r}", "write a whole number from 1")
        return int(given)

    def window(self, now: datetime) -> tuple[datetime, datetime]:
        """`start` and `end` of what is asked for; by default the `lookback` of an hour before now."""
        end = self._time("end") or now
        start = self._time("start")
        if start is None:
            start = end - self._lookback()
        if start >= end:
            raise SourceError(self.source, "start is not before end")
        return start, end

    def _time(self, name: str) -> datetime | None:
        given = self.options.get(name)
        if given is None:
            return None
        try:
            if _AT_ONCE.fullmatch(given):
                return datetime.fromtimestamp(float(given), UTC)
            found = datetime.fromisoformat(given)
        except (ValueError, OverflowError, OSError):
            raise SourceError(
                self.source, f"{name} is {given!r}", "write RFC 3339, such as 2026-01-31T12:00:00Z, or Unix seconds"
            ) from None
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

    def _lookback(self) -> timedelta:
        given = self.options.get("lookback")
        if given is None:
            return _LOOKBACK
        try:
            return timedelta(seconds=cast("float", parse_duration(given)))
        except (ValueError, OverflowError) as error:
            raise SourceError(self.source, f"lookback: {error}") from None


class Api:
    """Asks a backend. A context manager."""

    def __init__(self, query: Query, headers: Mapping[str, str]) -> None:
        import httpx

        self._query = query
        self._client = httpx.Client(auth=query.auth, headers=dict(headers), timeout=_TIMEOUT_S, follow_redirects=True)

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response | None:
        """The answer; None for 404. Raises `SourceError`."""
        import httpx

        url = f"{self._query.base_url}{path}"
        try:
            response = self._client.get(url, params=params, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            said = str(error) or type(error).__name__
            raise SourceError(self._query.source, f"no answer from {url}: {said}", "is it running there?") from None
        if response.status_code == _NOT_FOUND:
            return None
        if not response.is_success:
            said = " ".join(response.text[:200].split())
            raise SourceError(self._query.source, f"{url} answered {response.status_code}: {said}")
        return response


def without_credentials(source: str, prefix: str) -> str:
    """A source such as `jaeger:URL` as it may be shown."""
    parts = _parts(source, prefix)
    return prefix + urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _parts(source: str, prefix: str) -> SplitResult:
    parts = urlsplit(source.removeprefix(prefix))
    return parts if parts.scheme else urlsplit(f"http://{source.removeprefix(prefix)}")
