"""What a protocol of model providers is to the scripted model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from .anthropic_rules import Rule
from .scripts import Json, Reply, content_of, parts_of

_BYTES_A_TOKEN = 4


class Tokens(NamedTuple):
    """What a request used."""

    input: int
    """All of it, cached or not."""
    cached: int
    """Read from the cache."""
    written: int
    """Written to the cache."""
    output: int


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way of asking a model over HTTP."""

    path: str
    """How the URL ends."""
    rules: tuple[Rule, ...]
    hear: Callable[[Json], Json]
    """A request in the shape of Anthropic's Messages API."""
    failure: Callable[[str, str], Json]
    """The body of an error of that type and message."""
    message: Callable[[Json, Reply, Tokens, int], Json]
    """The body of the answer to a request; the number tells answers apart."""
    events: Callable[[Json], bytes]
    """That body as a stream of server-sent events."""
    caches_by_itself: bool
    """Any prefix is cached; otherwise those that the request marks."""


class Prefixes:
    """What was cached so far. Not thread-safe."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def count(self, heard: Json, reply: Reply, *, all_pieces: bool) -> Tokens:
        """Tokens by size. What stands before a breakpoint is read from the cache when it came before."""
        total = cached = written = 0
        sofar = ""
        for piece, is_marked in _pieces(heard):
            sofar += piece
            total += len(piece.encode())
            if not (is_marked or all_pieces):
                continue
            if sofar in self._known:
                cached = total
            else:
                self._known.add(sofar)
                written = total - cached
        sizes = (total, cached, written, len(json.dumps(reply.content)))
        return Tokens(*(size // _BYTES_A_TOKEN for size in sizes))


def server_sent(kind: str | None, data: object) -> str:
    """One server-sent event."""
    return (f"event: {kind}\n" if kind is not None else "") + f"data: {json.dumps(data)}\n\n"


def _pieces(heard: Json) -> Iterator[tuple[str, bool]]:
    """The request in the order in which providers cache it: tools, system, messages; with their breakpoints."""
    parts = [*parts_of(heard, "tools"), *content_of({"content": heard.get("system")})]
    for message in parts_of(heard, "messages"):
        parts += ({"role": message["role"], **block} for block in content_of(message))
    for part in parts:
        bare = {key: value for key, value in part.items() if key != "cache_control"}
        yield json.dumps(bare, sort_keys=True), "cache_control" in part
