"""A running service: its retained traces, and what people said of them, from its admin endpoint.

Where that asks for a token (`admin.auth`), it is that of the environment variable `OTEL_JUDGE_ADMIN_TOKEN`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

import orjson

from ..errors import SourceError
from ..label import Label, parse_label
from . import records
from .api import Api, Query
from .documents import OtlpMessage
from .skipped import Skip

PREFIX = "live:"
_OPTIONS = ("limit", "tenant")
_LIMIT = 1000


def read(source: str, trace_id: bytes | None, skip: Skip) -> Iterator[tuple[str, OtlpMessage]]:
    """The trace that `live:URL` retains under an id, or the newest `limit` of all. Raises `SourceError`."""
    query = Query.parse(source, PREFIX, _OPTIONS)
    with Api(query, admin_headers()) as api:
        ids = [trace_id.hex()] if trace_id is not None else _retained(api, query)
        for each in ids:
            response = api.get(f"/traces/{each}", _of_tenant(query))
            if response is not None:
                for message in records.read_bytes(response.content, f"{query.source}: trace {each}", skip):
                    yield query.source, message
            elif trace_id is not None:
                problem = f"trace {each} is not retained there"
                raise SourceError(query.source, problem, "it may not be finished, or be too old")


def labels(sources: Iterable[str]) -> list[Label]:
    """What people said of the traces that each `live:URL` among the sources retains. Raises `SourceError`."""
    return [label for source in sources if source.startswith(PREFIX) for label in _labels(source)]


def _labels(source: str) -> list[Label]:
    query = Query.parse(source, PREFIX, _OPTIONS)
    with Api(query, admin_headers()) as api:
        response = api.get("/labels", _of_tenant(query))
    try:
        lines = [] if response is None else response.content.splitlines()
        found = [parse_label(orjson.loads(line)) for line in lines]
    except ValueError as error:
        raise SourceError(query.source, f"/labels did not answer labels: {error}") from None
    return [label for label in found if label is not None]


def admin_headers(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What opens the admin endpoint: the token of the environment, if there is one."""
    token = environ.get("OTEL_JUDGE_ADMIN_TOKEN", "").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


def _of_tenant(query: Query) -> dict[str, str]:
    tenant = query.options.get("tenant")
    return {} if tenant is None else {"tenant": tenant}


def _retained(api: Api, query: Query) -> list[str]:
    response = api.get("/traces", {"limit": str(query.limit(_LIMIT)), **_of_tenant(query)})
    try:
        return [] if response is None else cast("list[str]", response.json()["trace_ids"])
    except (ValueError, KeyError, TypeError):
        raise SourceError(query.source, "no list of traces there", "is it the admin endpoint of otel-judge?") from None
