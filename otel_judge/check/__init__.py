"""check: finished trace -> Feedback, by code alone, at no cost.

    checks = build(config.checks)
    for check in checks:
        feedback = run(check, trace, target_of(trace, trace.root))

A check whose content is missing from the trace says `not_judgeable`, never pass.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Final

from ..config import AnsweredCheck, CheckConfig, LatencyCheck, RepeatedCallsCheck, ToolErrorsCheck
from ..feedback import NOT_JUDGEABLE, Feedback, JudgeFailure, Scorer, Target
from ..trace import Trace
from .answered import Answered
from .base import Check, Grade
from .latency import Latency
from .repeated_calls import RepeatedCalls
from .tokens import Tokens
from .tool_errors import ToolErrors

__all__ = ["Check", "Grade", "build", "run"]

logger: Final = logging.getLogger("otel_judge.check")

_MAX_MESSAGE: Final = 300  # characters of an exception's message


def build(sections: Iterable[CheckConfig]) -> tuple[Check, ...]:
    """The checks that the config names, in its order."""
    return tuple(_build(section) for section in sections)


def run(check: Check, trace: Trace, target: Target, *, now_ns: Callable[[], int] = time.time_ns) -> Feedback:
    """Grades the trace. A check that raises becomes a Feedback with an error: it loses no other feedback.

    `now_ns` tells the time of judgement, Unix nanoseconds.
    """
    scorer = Scorer(name=check.name, kind="check", version=check.version)
    began = time.perf_counter()
    try:
        grade = check.grade(trace)
    except Exception as error:  # noqa: BLE001 - whatever a trace provokes in one check must not stop the others
        place = traceback.extract_tb(error.__traceback__)[-1]
        # Neither the message nor the traceback: both may hold content of the trace.
        logger.error("check %s failed with %s in %s:%s", check.name, type(error).__name__, place.name, place.lineno)
        return Feedback.failure(
            target,
            scorer,
            JudgeFailure(type(error).__name__, f"the check failed: {_printable(str(error)[:_MAX_MESSAGE])}"),
            judged_at_ns=now_ns(),
            duration_s=time.perf_counter() - began,
        )
    passed = grade.passed
    return Feedback(
        target=target,
        scorer=scorer,
        label=NOT_JUDGEABLE if passed is None else "pass" if passed else "fail",
        rationale=_printable(grade.rationale),
        value=passed,
        score=None if passed is None else float(passed),
        passed=passed,
        evidence=grade.evidence,
        not_judgeable=passed is None,
        duration_s=time.perf_counter() - began,
        judged_at_ns=now_ns(),
        detail=grade.detail,
    )


def _printable(rationale: str) -> str:
    """Names from the trace stand in it, and it is shown on terminals: no escape of theirs gets there."""
    if rationale.isprintable():
        return rationale
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in rationale)


def _build(section: CheckConfig) -> Check:
    match section:
        case ToolErrorsCheck():
            return ToolErrors(section)
        case RepeatedCallsCheck():
            return RepeatedCalls(section)
        case AnsweredCheck():
            return Answered(section)
        case LatencyCheck():
            return Latency(section)
        case _:
            return Tokens(section)
