"""The file of results: `{"summary": …, "traces": [row, …]}`; and the journal of a run, a row on each line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import orjson

from ..errors import SourceError
from .ordered import Ordered
from .results import Results
from .row import Row
from .summary import Summary
from .writing import write_file


class Document:
    """The file of results, made of rows as they end. They wait on disk, since their summary stands before them."""

    def __init__(self) -> None:
        self._rows = Ordered()

    def add(self, row: Row) -> None:
        """Raises `SourceError` where the disk does not take it."""
        self._rows.put("", row.number, as_json(row.as_dict(), indent=True).replace(b"\n", b"\n    "))

    def chunks(
        self,
        summaries: Iterable[Summary],
        shadows: Sequence[Mapping[str, object]] = (),
        by: Mapping[str, Mapping[str, Iterable[Summary]]] | None = None,
    ) -> Iterator[bytes]:
        """The document, rows in the order of the traces. Raises `SourceError`."""
        head: dict[str, object] = {"summary": _by_name(summaries)}
        if by:
            head["by"] = {key: {value: _by_name(each) for value, each in groups.items()} for key, groups in by.items()}
        yield as_json({**head, "shadows": list(shadows)}, indent=True).removesuffix(b"\n}")
        yield b',\n  "traces": ['
        before = b"\n    "
        for row in self._rows.read(""):
            yield before + row
            before = b",\n    "
        yield b"]\n}\n" if before == b"\n    " else b"\n  ]\n}\n"


def save(path: str | Path, rows: Iterable[Row], summaries: Iterable[Summary]) -> None:
    """Writes results. Raises `SourceError`."""
    document = Document()
    for row in rows:
        document.add(row)
    write_file(Path(path), document.chunks(summaries))


def as_json(value: object, *, indent: bool = False) -> bytes:
    """JSON of whatever scorers gave: what JSON has no way to write, as text or null, is no reason to lose a row."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else None)
    except TypeError:
        plain = json.loads(json.dumps(value, default=str, skipkeys=True), parse_constant=lambda _: None)
        told = json.dumps(plain, ensure_ascii=False, indent=2 if indent else None)
        return told.encode(errors="replace")


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
