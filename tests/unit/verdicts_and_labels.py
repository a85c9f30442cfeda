"""Verdicts and labels of numbered traces, for the tests of agreement."""

from __future__ import annotations

from typing import Any

from otel_judge.feedback import Evidence, Feedback, JudgeFailure, Scorer, Target
from otel_judge.label import Label

SPAN = "b7ad6b7169203331"


def trace_id(number: int) -> str:
    return f"{number + 1:032x}"


def verdict(number: int, label: str = "pass", *, name: str = "task", version: str = "v1", **fields: Any) -> Feedback:
    """A judge's; `pass` and `fail` say what they say, other labels need `passed`."""
    fields.setdefault("passed", {"pass": True, "fail": False}.get(label))
    fields.setdefault("model", "m-1")
    return Feedback(Target(trace_id(number), SPAN, 1, 2), Scorer(name, "judge", version), label, **fields)


def failed(number: int, **fields: Any) -> Feedback:
    return verdict(number, "failed", error=JudgeFailure("timeout", "slow"), **{"model": None, **fields})


def unjudgeable(number: int) -> Feedback:
    return verdict(number, "not_judgeable", not_judgeable=True)


def said(number: int, label: str | None = None, **fields: Any) -> Label:
    return Label(trace_id(number), label=label, **fields)


def quote(*, verified: bool = True) -> Evidence:
    return Evidence(SPAN, "it ships today", "output", verified=verified)
