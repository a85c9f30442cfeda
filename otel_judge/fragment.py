"""What intake hands to the index."""

from __future__ import annotations

from .trace import Origin


class Fragment:
    """The spans of one trace that came in one request. Built by intake, taken over by the index."""

    __slots__ = ("blocks", "ended_root", "remote_root", "size", "span_ids")

    def __init__(self) -> None:
        self.blocks: list[tuple[Origin, list[bytes]]] = []
        self.span_ids: list[bytes] = []
        """One for each span, in the order of `blocks`; may hold the same id twice."""
        self.size = 0
        """Wire bytes of the spans."""
        self.ended_root = False
        """A span without parent has ended."""
        self.remote_root = False
        """A span whose parent is in another process has ended."""
