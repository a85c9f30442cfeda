"""The file of results: `{"summary": …, "traces": [row, …]}`; and the journal of a run, a row on each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import orjson

from ..errors import SourceError
from .results import Results
from .row import Row
from .summary import Summary


def document(
    rows: Iterable[Row],
    summaries: Iterable[Summary],
    shadows: Sequence[Mapping[str, object]] = (),
    by: Mapping[str, Mapping[str, Iterable[Summary]]] | None = None,
) -> dict[str, object]:
    """What the file holds."""
    return {
        "summary": _by_name(summaries),
        **(
            {"by": {key: {value: _by_name(each) for value, each in groups.items()} for key, groups in by.items()}}
            if by
            else {}
        ),
        "shadows": list(shadows),
        "traces": [row.as_dict() for row in rows],
    }


def save(path: str | Path, rows: Iterable[Row], summaries: Iterable[Summary]) -> None:
    """Writes results. Raises `SourceError`."""
    try:
        Path(path).write_bytes(orjson.dumps(document(rows, summaries), option=orjson.OPT_APPEND_NEWLINE))
    except OSError as error:
        raise SourceError(str(path), f"cannot be written: {error.strerror}") from None


def load(path: str | Path) -> Results:
    """Results that were saved, or the rows of a journal. Raises `SourceError`."""
    data = read(path)
    try:
        held = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        rows = list(journal_rows(data))
        if not rows:
            raise _no_results(path, error) from None
        return Results.of(rows)
    try:
        if "traces" in held:
            return Results.of(_rows(held["traces"]), held.get("summary", {}))
        return Results.of(_rows([held]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _no_results(path, error) from None


def journal_rows(data: bytes) -> Iterator[Row]:
    """The rows of a journal; a line that is torn, as by a power cut, holds none."""
    for line in data.splitlines():
        try:
            yield Row.from_dict(orjson.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue


def read(path: str | Path) -> bytes:
    """The bytes of a file. Raises `SourceError`."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise SourceError(str(path), "no such file") from None
    except OSError as error:
        raise SourceError(str(path), f"cannot be read: {error.strerror}") from None


def _rows(entries: object) -> list[Row]:
    return [Row.from_dict(entry, number) for number, entry in enumerate(cast("list[dict[str, Any]]", entries))]


def _by_name(summaries: Iterable[Summary]) -> dict[str, object]:
    return {summary.name: summary.as_dict() for summary in summaries}


def _no_results(path: str | Path, error: Exception) -> SourceError:
    return SourceError(str(path), f"not the results of a run ({error!r})", "write them with run --json")
