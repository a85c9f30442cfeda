"""Texts that come in any order and are read back in theirs, from a temporary file: memory holds where each stands."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import BinaryIO, cast
from weakref import finalize

from ..errors import SourceError


class Ordered:
    """Groups of texts. The file is opened with the first, has no name, and is gone with this object or the process."""

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        self._index: dict[str, tuple[array[int], array[int]]] = {}
        """Of each group the numbers, and the places where the texts begin and end, one after the other."""

    def put(self, group: str, number: int, text: bytes) -> None:
        """Raises `SourceError` where the disk does not take it."""
        try:
            if self._file is None:
                self._file = cast("BinaryIO", TemporaryFile(prefix="otel-judge-"))  # noqa: SIM115 - closed below
                finalize(self, self._file.close)
            start = self._file.tell()
            self._file.write(text)
        except OSError as error:
            raise _full(error) from None
        numbers, places = self._index.setdefault(group, (array("q"), array("q")))
        numbers.append(number)
        places.extend((start, start + len(text)))

    def read(self, group: str) -> Iterator[bytes]:
        """The texts of a group by their numbers, and as they came where those are the same. Once all are put."""
        numbers, places = self._index.get(group, ((), ()))
        file = self._file
        if file is None:
            return
        try:
            for at in sorted(range(len(numbers)), key=numbers.__getitem__):
                start, end = places[2 * at], places[2 * at + 1]
                file.seek(start)
                yield file.read(end - start)
        except OSError as error:
            raise _full(error) from None


def _full(error: OSError) -> SourceError:
    return SourceError(
        "temporary file", f"{error.strerror}", "results wait there until they are written; TMPDIR names the folder"
    )
