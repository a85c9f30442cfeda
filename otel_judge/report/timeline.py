"""The timeline of a trace: its spans as bars, in the order of the tree."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from .. import dialects
from ..judge.tools.answer import cut
from ..trace import Span, Trace

MOST_BARS: Final = 150
_NAME = 80  # characters


def timeline(trace: Trace, cited: Collection[str], step_of: Mapping[str, int]) -> dict[str, Any]:
    """All spans; of a trace with too many, its roots, those that are cited or failed, and the longest.

    Times are microseconds from the start of the trace.
    """
    walked = list(trace.walk())
    kept = range(len(walked))
    if len(walked) > MOST_BARS:

        def weight(number: int) -> tuple[bool, bool, int]:
            depth, span = walked[number]
            return span.span_id not in cited and depth > 0, span.status_code != "ERROR", -span.duration_ns

        kept = sorted(sorted(kept, key=weight)[:MOST_BARS])
    return {
        "total": len(walked),
        "bars": [_bar(trace, *walked[number], step_of) for number in kept],
    }


def _bar(trace: Trace, depth: int, span: Span, step_of: Mapping[str, int]) -> list[str | int]:
    return [
        min(depth, 12),
        cut(span.name, _NAME) or "(no name)",
        dialects.read(span).role.value,
        max(0, span.start_ns - trace.start_ns) // 1_000,
        span.duration_ns // 1_000,
        int(span.status_code == "ERROR"),
        step_of.get(span.span_id, 0),
    ]
