"""Writes what a command found to a file, or to standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import orjson

from ..results import write_file

STDOUT = Path("-")


def write_json(path: Path, document: object) -> None:
    """`document` as JSON; `-` is standard output. Raises `SourceError`."""
    write(path, [orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)])


def write_lines(path: Path, entries: Iterable[object]) -> None:
    """Each entry as JSON on a line of its own. Raises `SourceError`."""
    write(path, (orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE) for entry in entries))


def write(path: Path, chunks: Iterable[bytes]) -> None:
    if path == STDOUT:
        sys.stdout.buffer.writelines(chunks)
    else:
        write_file(path, chunks)
