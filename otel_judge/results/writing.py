"""Files that are written at once: whoever looks finds what was there before, or all of what is there now."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from ..errors import SourceError


def write_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Writes beside the file, then puts that in its place; a device or a pipe is written to. Raises `SourceError`."""
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                file.writelines(chunks)
            return
        target = path.resolve()  # a link stays where it is
        beside = _beside(target)
        try:
            with beside.open("xb") as file:
                file.writelines(chunks)
            if target.exists():
                shutil.copymode(target, beside)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None


def check_writable(path: Path) -> None:
    """Before much is spent on what is to stand there. Nothing is changed. Raises `SourceError`."""
    try:
        if path.exists():
            if path.is_dir() or not os.access(path, os.W_OK):
                path.open("ab").close()  # says why
            if not path.is_file():
                return
        beside = _beside(path.resolve())
        beside.open("xb").close()
        beside.unlink()
    except OSError as error:
        raise _unwritable(path, error) from None


def _beside(target: Path) -> Path:
    """What a process that was killed while it wrote leaves behind."""
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def _unwritable(path: Path, error: OSError) -> SourceError:
    return SourceError(str(path), f"cannot be written: {error.strerror}")
