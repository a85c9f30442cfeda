"""When a score is said to have been given: in its trace, while that is fresh."""

from __future__ import annotations

import pytest
from emit_feedback import S

from otel_judge.emit.place import FRESH_NS, Timestamp, place


@pytest.mark.parametrize(
    ("timestamp", "start_ago_s", "end_ago_s", "expected"),
    [
        ("auto", 10, 5, "start"),
        ("auto", 89.999, 5, "start"),
        ("auto", 90, 5, "end"),
        ("auto", 600, 89.999, "end"),
        ("auto", 600, 90, "now"),
        ("auto", -5, -6, "start"),  # the app's clock is ahead
        ("span_start", 9000, 5, "start"),
        ("span_end", 9000, 9000, "end"),
        ("now", 1, 1, "now"),
    ],
)
def test_a_score_is_placed_by_the_age_of_its_span(
    timestamp: Timestamp, start_ago_s: float, end_ago_s: float, expected: str
) -> None:
    now = 1_760_000_000 * S
    places = {"start": now - round(start_ago_s * S), "end": now - round(end_ago_s * S), "now": now}
    at = place(timestamp, start_ns=places["start"], end_ns=places["end"], now_ns=now)
    assert at == places[expected]


def test_a_span_without_an_end_is_scored_at_its_start() -> None:
    now = 1_760_000_000 * S
    assert place("span_end", start_ns=now - FRESH_NS, end_ns=0, now_ns=now) == now - FRESH_NS
    assert place("auto", start_ns=now - FRESH_NS, end_ns=0, now_ns=now) == now
