"""The journal of a run: each row as it ended, one JSON object a line, so that a run that was cut off can go on."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from ..errors import SourceError
from .files import as_json, journal_rows, read
from .row import Row


class Journal:
    """Takes rows. Each is on its way to the disk when `add` returns; a line that was torn is passed over."""

    def __init__(self, path: Path) -> None:
        """Reads what is there; the file need not exist. Raises `SourceError` for one that is no journal."""
        data = read(path) if path.exists() else b""
        self.rows = {row.key: row for row in journal_rows(data)}
        """Those of an earlier run, by key; of one that was judged again, the last."""
        if data.strip() and not self.rows and b"\n" in data:
            raise SourceError(
                str(path), "not the journal of a run", "name a file that --resume has begun, or a new one"
            )
        try:
            with path.open("ab") as file:
                if data and not data.endswith(b"\n"):
                    file.write(b"\n")  # what was torn ends here
        except OSError as error:
            raise SourceError(str(path), f"cannot be written: {error.strerror}") from None
        self._path = path
        self._file: BinaryIO | None = None

    def add(self, row: Row) -> None:
        if self._file is None:
            self._file = self._path.open("ab")
        self._file.write(as_json(row.as_dict()) + b"\n")
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
