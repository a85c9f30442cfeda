"""Files, folders of them, and standard input: what they hold is found out by looking (`records`)."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from ..errors import SourceError
from . import records
from .documents import OtlpMessage
from .skipped import Skip

STDIN = "-"
SUFFIXES = (".json", ".jsonl", ".ndjson", ".pb", ".binpb")


def read(path: str, skip: Skip) -> Iterator[tuple[str, OtlpMessage]]:
    """The messages of a file, each with its file; a folder stands for the OTLP files below it.

    Raises `SourceError` for what is not there. What cannot be read of a file goes to `skip`.
    """
    if path == STDIN:
        stream = cast("records.Stream", sys.stdin.buffer)
        yield from (("standard input", message) for message in records.read(stream, "standard input", skip))
        return
    for file in _files(Path(path)):
        try:
            with _open(file) as opened:
                for message in records.read(opened, str(file), skip):
                    yield str(file), message
        except OSError as error:
            raise SourceError(str(file), f"cannot be read: {error.strerror or error}") from None


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(
        file for file in path.rglob("*") if file.name.removesuffix(".gz").endswith(SUFFIXES) and file.is_file()
    )
    if not found:
        endings = ", ".join(SUFFIXES)
        raise SourceError(str(path), "no OTLP files in this folder", f"they end in {endings}, also with .gz")
    return found


def _open(file: Path) -> io.BufferedReader:
    try:
        return file.open("rb")
    except FileNotFoundError:
        raise SourceError(str(file), "no such file") from None
