"""The sink where there is no backend: a line for each verdict."""

from __future__ import annotations

import sys
from typing import TextIO

from ..decision import Decision
from ..feedback import Feedback, Target
from .transport import shorten


class Printer:
    """A `Sink` that prints `TRACE_ID  SCORER  LABEL  SCORE  why`, by default to stdout.

    A judge that was not measured against people is marked `uncalibrated`, and a shadow as such.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:  # noqa: ARG002 - a line is about the verdict
        score = "-" if feedback.score is None else f"{feedback.score:g}"
        why = shorten(feedback.rationale, 160)
        marks = [] if feedback.shadow_of is None else [f"shadow of {feedback.shadow_of}"]
        if feedback.calibration == "uncalibrated":
            marks.append("uncalibrated")
        name = f"{feedback.name} ({', '.join(marks)})" if marks else feedback.name
        line = f"{feedback.trace_id}  {name}  {feedback.label}  {score}  {why}".rstrip()
        # One write a line: verdicts of several threads do not run into each other.
        out = self._out or sys.stdout
        out.write(f"{line}\n")
        out.flush()

    def decided(self, target: Target, decision: Decision, *, at_ns: int) -> None:
        """Decisions are not printed: /metrics counts them."""

    async def flush(self, deadline_s: float) -> bool:  # noqa: ARG002 - nothing waits here
        return True

    async def close(self, deadline_s: float = 5.0) -> None:
        """Nothing is open."""
