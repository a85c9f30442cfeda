"""The files of `run` that hold every result: rows go to disk as they end, and into their place once all have."""

from __future__ import annotations

from pathlib import Path

from ..results import Document, JUnit, Row, check_writable
from .collecting import Collected
from .writing import STDOUT, write


class Outputs:
    """`--json` and `--junit`."""

    def __init__(self, json: Path | None, junit: Path | None) -> None:
        """Raises `SourceError` for a file that cannot be written."""
        for path in (json, junit):
            if path not in (None, STDOUT):
                check_writable(path)
        self._json = None if json is None else (json, Document())
        self._junit = None if junit is None else (junit, JUnit())

    def add(self, row: Row) -> None:
        """Raises `SourceError` where the disk does not take it."""
        for made in (self._json, self._junit):
            if made is not None:
                made[1].add(row)

    def write(self, collected: Collected) -> None:
        """Raises `SourceError`."""
        if self._json is not None:
            path, document = self._json
            tallies = collected.tallies
            shadows = [shadow.as_dict() for shadow in collected.shadows]
            write(path, document.chunks(tallies.summaries(), shadows, tallies.by()))
        if self._junit is not None:
            path, junit = self._junit
            write(path, junit.chunks())
