"""Files of labels, one JSON object a line, and results of an earlier `otel-judge run --json`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from ..errors import SourceError
from ..feedback import Feedback
from ..label import Label, parse_label


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no label."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(slots=True)
class LabelFiles:
    """What files of labels held."""

    labels: list[Label] = field(default_factory=list[Label])
    bad: list[BadLine] = field(default_factory=list[BadLine])
    blank: int = 0
    """Lines that nobody has filled in yet."""


def read_labels(paths: Iterable[str | Path]) -> LabelFiles:
    """The labels of files with one JSON object a line, in order. A line that is no label is named, and costs no other.

    Raises `SourceError` for a file that cannot be read, or that holds bad lines alone.
    """
    from ..results.files import read  # not at import: a service needs calibrations alone

    found = LabelFiles()
    for path in map(Path, paths):
        usable, bad = len(found.labels) + found.blank, len(found.bad)
        for number, line in enumerate(read(path).splitlines(), 1):
            if line.strip():
                _take(found, str(path), number, line)
        if len(found.bad) > bad and len(found.labels) + found.blank == usable:
            raise SourceError(str(found.bad[-1]), "no label in this file", 'a line is {"trace_id": …, "label": …}')
    return found


def read_results(path: str | Path) -> list[Feedback]:
    """The feedback in a file that `otel-judge run --json` wrote. Raises `SourceError`."""
    from ..results.files import load

    return [feedback for row in load(path).rows for feedback in row.feedback]


def _take(found: LabelFiles, file: str, number: int, line: bytes) -> None:
    try:
        label = parse_label(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        found.bad.append(BadLine(file, number, f"not JSON: {error.msg}"))
    except ValueError as error:
        found.bad.append(BadLine(file, number, str(error)))
    else:
        if label is None:
            found.blank += 1
        else:
            found.labels.append(label)
