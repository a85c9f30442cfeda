"""The whole trace, and its slowest span, against limits."""

from __future__ import annotations

from typing import ClassVar, Final

from ..config import LatencyCheck
from ..feedback import Evidence, Value
from ..trace import Span, Trace
from .base import Grade, counted, fails, not_judgeable, passes, quote_name, version_of

CODE_VERSION: Final = 1


class Latency:
    """Passes within both limits; a duration of exactly the limit is within it. Spans without an end are left out."""

    name: ClassVar[str] = "latency"

    def __init__(self, section: LatencyCheck) -> None:
        self._max = section.max
        self._max_span = section.max_span
        self.version = version_of(section, CODE_VERSION)

    def grade(self, trace: Trace) -> Grade:
        ended = [span for span in trace.spans if span.start_ns and span.end_ns]
        if not ended:
            return not_judgeable("no span of the trace has a start and an end time")
        root = trace.root
        whole_s = max(0, max(span.end_ns for span in ended) - min(span.start_ns for span in ended)) / 1e9
        slowest = max((span for span in ended if span is not root), key=lambda span: span.duration_ns, default=None)
        said = [f"the trace took {_seconds(whole_s)}{_limit(self._max)}"]
        evidence: tuple[Evidence, ...] = ()
        too_slow = self._max is not None and whole_s > self._max
        if too_slow:
            evidence += quote_name(root)
        if slowest is not None:
            slowest_s = slowest.duration_ns / 1e9
            said.append(
                f"its slowest span below the root {_seconds(slowest_s)}{_limit(self._max_span)}: {slowest.name}"
            )
            span_too_slow = self._max_span is not None and slowest_s > self._max_span
            if too_slow or span_too_slow:
                evidence += quote_name(slowest)
            too_slow = too_slow or span_too_slow
        if len(ended) < len(trace.spans):
            said.append(f"{counted(len(trace.spans) - len(ended), 'span')} without an end left out")
        grade = fails if too_slow else passes
        return grade("; ".join(said), evidence, _detail(whole_s, slowest))


def _seconds(value: float) -> str:
    return f"{value:,.3f} s"


def _limit(limit: float | None) -> str:
    return "" if limit is None else f" (limit {limit:,g} s)"


def _detail(whole_s: float, slowest: Span | None) -> dict[str, Value]:
    below: dict[str, Value] = {} if slowest is None else {"slowest_span_s": slowest.duration_ns / 1e9}
    return {"trace_s": whole_s, **below}
