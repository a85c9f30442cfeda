"""What people said of traces, kept beside the finished traces."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from ..label import Label

MAX_BYTES = 16 * 1024 * 1024
"""Of all labels together, estimated; past it, the labels of the trace that was labelled longest ago go first."""
MAX_OF_A_TRACE = 100
"""So many labels of one trace are kept, the latest."""

_OF_A_LABEL = 600  # bytes of its object and ids


class Labels:
    """Labels by trace key. Whether the trace is still there is for others to say."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._by_trace: OrderedDict[bytes, list[Label]] = OrderedDict()
        self.bytes = 0

    def __iter__(self) -> Iterator[tuple[bytes, list[Label]]]:
        return iter(self._by_trace.items())

    def add(self, key: bytes, label: Label) -> None:
        """Keeps a label; one that is there already, as a resend is, is not kept twice."""
        kept = self._by_trace.setdefault(key, [])
        if label in kept:
            return
        kept.append(label)
        self.bytes += _size(label)
        if len(kept) > MAX_OF_A_TRACE:
            self.bytes -= _size(kept.pop(0))
        self._by_trace.move_to_end(key)
        while self.bytes > self._max_bytes:
            self._drop(next(iter(self._by_trace)))

    def drop(self, keys: Iterable[bytes]) -> None:
        """Forgets the labels of traces."""
        for key in tuple(keys):
            self._drop(key)

    def _drop(self, key: bytes) -> None:
        self.bytes -= sum(map(_size, self._by_trace.pop(key)))


def _size(label: Label) -> int:
    return _OF_A_LABEL + len(label.rationale) + len(label.label or "") + len(label.annotator or "")
