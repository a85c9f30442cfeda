"""Where a text stands in a trace."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A text's place: a span and the path in it, such as `output`, `tool.result` or `attributes.http.route`."""

    span_id: str
    path: str
