"""Spans and what logs say of them, on disk while a large source is read: a temporary SQLite file, gone afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from tempfile import NamedTemporaryFile
from typing import cast

from ..errors import SourceError
from ..log_events import SpanEvent
from ..trace import Origin

_LENGTH_BYTES = 4


class Spill:
    """Takes the spans of many traces, part by part, and gives back all of one trace."""

    def __init__(self) -> None:
        self._origins: list[Origin] = []
        self._numbers: dict[Origin, int] = {}
        try:
            self._file = NamedTemporaryFile(prefix="otel-judge-", suffix=".spill")  # noqa: SIM115 - closed by `close`
            self._db = sqlite3.connect(self._file.name, isolation_level=None)
            # Nothing of it is wanted after a crash: no journal, no waiting for the disk.
            self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("CREATE TABLE part (trace_id BLOB, origin INTEGER, spans BLOB)")
            self._db.execute("CREATE TABLE event (trace_id BLOB, event BLOB)")
        except (OSError, sqlite3.Error) as error:
            raise _full(error) from None
        self._indexed = False

    def put(
        self, blocks: Mapping[bytes, Mapping[Origin, list[bytes]]], events: Mapping[bytes, Iterable[SpanEvent]]
    ) -> None:
        """Raises `SourceError` where the disk does not take it."""
        try:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO part VALUES (?, ?, ?)", self._rows(blocks))
            said = ((trace_id, event) for trace_id, of_a_trace in events.items() for event in of_a_trace)
            self._db.executemany("INSERT INTO event VALUES (?, ?)", said)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise _full(error) from None

    def take(self, trace_id: bytes) -> tuple[dict[Origin, list[bytes]], dict[SpanEvent, None]]:
        """All spans of a trace by origin, and what logs say of them, each once, in the order in which they came."""
        try:
            if not self._indexed:
                self._db.execute("CREATE INDEX by_trace ON part (trace_id)")
                self._db.execute("CREATE INDEX event_by_trace ON event (trace_id)")
                self._indexed = True
            rows = self._db.execute("SELECT origin, spans FROM part WHERE trace_id = ? ORDER BY rowid", (trace_id,))
            blocks: dict[Origin, list[bytes]] = {}
            for number, spans in cast("Iterable[tuple[int, bytes]]", rows):
                blocks.setdefault(self._origins[number], []).extend(_split(spans))
            said = self._db.execute("SELECT event FROM event WHERE trace_id = ? ORDER BY rowid", (trace_id,))
            events = dict.fromkeys(event for (event,) in cast("Iterable[tuple[bytes]]", said))
        except sqlite3.Error as error:
            raise _full(error) from None
        return blocks, events

    def close(self) -> None:
        self._db.close()
        self._file.close()

    def _rows(self, blocks: Mapping[bytes, Mapping[Origin, list[bytes]]]) -> Iterator[tuple[bytes, int, bytes]]:
        for trace_id, by_origin in blocks.items():
            for origin, spans in by_origin.items():
                number = self._numbers.setdefault(origin, len(self._origins))
                if number == len(self._origins):
                    self._origins.append(origin)
                yield trace_id, number, b"".join(len(span).to_bytes(_LENGTH_BYTES, "big") + span for span in spans)


def _split(spans: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(spans):
        after = start + _LENGTH_BYTES
        end = after + int.from_bytes(spans[start:after], "big")
        yield spans[after:end]
        start = end


def _full(error: Exception) -> SourceError:
    return SourceError("temporary file", f"{error}", "reading a large source needs room there; TMPDIR names the folder")
