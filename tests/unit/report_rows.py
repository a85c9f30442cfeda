"""Rows as a run gives them, for tests of the report."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from otel_judge.feedback import Coverage, Evidence, Feedback, Scorer, Usage
from otel_judge.judge import evidence
from otel_judge.report import Report
from otel_judge.results import Row
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of

JUDGE = Scorer("honest", "judge", "v1")
CHECK = Scorer("tool_errors", "check", "c1")


def verdict(trace: Trace, passed: bool | None = True, /, **fields: Any) -> Feedback:
    """A judge's word on a trace."""
    given: dict[str, Any] = {
        "label": "pass" if passed else "fail",
        "passed": passed,
        "rationale": "What it told the user is what the tool said.",
        "model": "m-1",
        "rung": "agent",
        "reading": "whole",
        "coverage": Coverage(1.0, 0.9),
        "usage": Usage(1_000, 0, 100),
        "cost_usd": 0.01,
        "duration_s": 2.0,
        "judged_at_ns": 1_760_000_100_000_000_000,
        **fields,
    }
    return Feedback(target_of(trace, trace.root), given.pop("scorer", JUDGE), given.pop("label"), **given)


def cite(trace: Trace, span_id: str, quote: str, path: str | None = None) -> Evidence:
    """Evidence as a judge's verdict has it, checked by code."""
    return evidence.check(trace, span_id, quote, path)


def row(trace: Trace, *feedback: Feedback) -> Row:
    return Row(trace.trace_id, trace.root.name, len(trace.spans), feedback=list(feedback))


def report(pairs: Iterable[tuple[Trace, Row]], **options: Any) -> str:
    """The page of these."""
    made, pairs = Report(**options), list(pairs)
    for _ in made.watch(trace for trace, _ in pairs):
        pass
    for _, each in pairs:
        made.add(each)
    return made.html()


def data_of(page: str) -> dict[str, Any]:
    """What the page was given."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def text_of(step: dict[str, Any], strings: list[str]) -> str:
    """A step as it is read."""
    pieces = (
        strings[each] if isinstance(each, int) else each if isinstance(each, str) else each[0] for each in step["text"]
    )
    return "".join(pieces)


def marked(entry: dict[str, Any]) -> list[str]:
    """What is marked in the steps of a trace."""
    return [piece[0] for step in entry["steps"]["shown"] for piece in step["text"] if isinstance(piece, list)]
