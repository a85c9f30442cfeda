"""How far a run is: lines where there is no terminal, a bar where there is one."""

from __future__ import annotations

import io

from verdicts_and_labels import failed, verdict

from otel_judge.feedback import Usage
from otel_judge.progress import LINE_EVERY_S, Bar, Lines, Progress
from otel_judge.results import Row


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_line_now_and_then_says_what_is_done_and_left() -> None:
    out, clock = io.StringIO(), Clock()
    progress = Lines(out, clock=clock)
    progress.expect(42)
    progress.passed_over()
    progress.passed_over()
    for number in range(10):
        clock.now += LINE_EVERY_S / 5
        given = failed(number) if number == 0 else verdict(number, usage=Usage(1_000, 0, 100), cost_usd=0.05)
        progress.done(Row("", "", 1, feedback=[given]))
    assert out.getvalue().splitlines() == [
        "otel-judge: 5 of 40 traces, 1 failed, 4,400 tokens, $0.20, 1m10s left",
        "otel-judge: 10 of 40 traces, 1 failed, 9,900 tokens, $0.45, 1m00s left",
    ]


def test_without_a_total_nothing_is_said_to_be_left() -> None:
    out, clock = io.StringIO(), Clock()
    progress = Lines(out, clock=clock)
    clock.now += 3 * LINE_EVERY_S
    progress.done(Row("", "", 1, feedback=[verdict(0)]))
    assert out.getvalue() == "otel-judge: 1 traces\n"


def test_a_bar_shows_the_same_and_leaves_nothing_behind() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    with Bar(out) as progress:
        progress.expect(2)
        progress.done(Row("", "", 1, feedback=[verdict(0, usage=Usage(1_000, 0, 100), cost_usd=0.05)]))
    assert isinstance(progress, Progress)
    assert "1/2" in out.getvalue()
    assert "1,100 tokens, $0.05" in out.getvalue()
