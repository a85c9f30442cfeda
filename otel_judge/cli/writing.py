"""Writes what a command found to a file, or to standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import orjson

from ..errors import SourceError


def write_json(path: Path, document: object) -> None:
    """`document` as JSON; `-` is standard output. Raises `SourceError`."""
    write(path, orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def write_lines(path: Path, entries: Iterable[object]) -> None:
    """Each entry as JSON on a line of its own. Raises `SourceError`."""
    write(path, b"".join(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE) for entry in entries))


def check_writable(path: Path) -> None:
    """Before much is spent on what is to stand there. Raises `SourceError`."""
    if str(path) == "-":
        return
    try:
        path.open("ab").close()
    except OSError as error:
        raise SourceError(str(path), f"cannot be written: {error.strerror}") from None


def write(path: Path, data: bytes) -> None:
    if str(path) == "-":
        sys.stdout.buffer.write(data)
        return
    try:
        path.write_bytes(data)
    except OSError as error:
        raise SourceError(str(path), f"cannot be written: {error.strerror}") from None
