"""Where a score span sits in time."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Timestamp: TypeAlias = Literal["auto", "span_start", "span_end", "now"]

FRESH_NS: Final = 90 * 1_000_000_000
"""Tempo searches only spans whose start is recent: its `ingestion_time_range_slack` is 2 minutes."""


def place(timestamp: Timestamp, *, start_ns: int, end_ns: int, now_ns: int) -> int:
    """Start, and end, of the score span in Unix nanoseconds; it has no length.

    `auto`: the judged span's start, where Jaeger shows the score as the first line under it; but its end if the
    start was 90 s ago or more, and `now_ns` if the end was, since Tempo finds older spans by trace id only.
    """
    if timestamp == "span_start" or (timestamp == "auto" and now_ns - start_ns < FRESH_NS):
        return start_ns
    if timestamp == "span_end" or (timestamp == "auto" and now_ns - end_ns < FRESH_NS):
        return max(start_ns, end_ns)  # a span without an end has only its start
    return now_ns
