"""Files of labels, one JSON object a line, and results of an earlier `otel-judge run --json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import orjson

from ..errors import SourceError
from ..feedback import Coverage, Evidence, Feedback, JudgeFailure, Scorer, Target, Usage
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
    found = LabelFiles()
    for path in map(Path, paths):
        usable, bad = len(found.labels) + found.blank, len(found.bad)
        for number, line in enumerate(_read(path).splitlines(), 1):
            if line.strip():
                _take(found, str(path), number, line)
        if len(found.bad) > bad and len(found.labels) + found.blank == usable:
            raise SourceError(str(found.bad[-1]), "no label in this file", 'a line is {"trace_id": …, "label": …}')
    return found


def read_results(path: str | Path) -> list[Feedback]:
    """The feedback in a file that `otel-judge run --json` wrote. Raises `SourceError`."""
    try:
        rows = orjson.loads(_read(Path(path)))["traces"]
        return [_feedback(row["trace_id"], entry) for row in rows for entry in row["feedback"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(str(path), f"not the results of a run ({error!r})", "write them with run --json") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SourceError(str(path), "no such file") from None
    except OSError as error:
        raise SourceError(str(path), f"cannot be read: {error.strerror}") from None


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


def _feedback(trace_id: str, entry: Mapping[str, Any]) -> Feedback:
    """The reverse of what `run --json` writes, as far as it goes: of the target only the ids remain."""
    error, coverage, usage = entry["error"], entry["coverage"], entry["usage"]
    return Feedback(
        target=Target(trace_id, entry["span_id"], start_ns=0, end_ns=0),
        scorer=Scorer(entry["name"], entry["kind"], entry["version"], entry["owner"]),
        label=entry["label"],
        rationale=entry["rationale"],
        value=entry["value"],
        score=entry["score"],
        passed=entry["passed"],
        evidence=tuple(
            Evidence(each["span_id"], each["quote"], each["path"], verified=each["verified"])
            for each in entry["evidence"]
        ),
        error=JudgeFailure(error["type"], error["message"]) if error else None,
        not_judgeable=entry["outcome"] == "not_judgeable",
        model=entry["model"],
        rung=entry["rung"],
        reading=entry["reading"],
        forced=entry["forced"],
        coverage=Coverage(coverage["spans"], coverage["bytes"]) if coverage else None,
        usage=Usage(**cast("dict[str, int]", usage)) if usage else None,
        cost_usd=entry["cost_usd"],
        duration_s=entry["duration_s"],
        shadow_of=entry.get("shadow_of"),
        agrees=entry.get("agrees"),
    )
