"""Results: what a run over stored traces found, as rows, as numbers, as a file, and beside an earlier run.

    result = load("results.json")
    result.pass_rate("task"), result.score_stats("quality").p95, result.by("service")["shop"].value_counts("task")
    diff(load("before.json"), result).regressions

`otel-judge run --json` and `evaluate(…).save` write the same file, and `load` reads it back.
"""

from __future__ import annotations

from .comparing import Change, Diff, ScorerDiff, diff
from .files import Document, load
from .gates import Gate
from .grouping import NO_VALUE, Tallies
from .journal import Journal
from .junit import JUnit
from .results import Results
from .row import Row
from .summary import ScoreStats, Summary, summarise
from .tally import Instrument, Tally
from .writing import check_writable, write_file

__all__ = [
    "NO_VALUE",
    "Change",
    "Diff",
    "Document",
    "Gate",
    "Instrument",
    "JUnit",
    "Journal",
    "Results",
    "Row",
    "ScoreStats",
    "ScorerDiff",
    "Summary",
    "Tallies",
    "Tally",
    "check_writable",
    "diff",
    "load",
    "summarise",
    "write_file",
]
