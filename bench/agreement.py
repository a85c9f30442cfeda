"""Agreement with people over many verdicts: `python -m bench.agreement`. Limits of the project, in one run.

Ten thousand verdicts against as many labels, two thousand bootstrap rounds, from values to the finished report. Beside
it, a bootstrap that draws every pair again, for a hundred rounds: what the same intervals would cost.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable

from otel_judge.agreement import Bootstrap, Table, agreement
from otel_judge.agreement.statistics import measure
from otel_judge.feedback import Evidence, Feedback, Scorer, Target
from otel_judge.label import Label

VERDICTS, ROUNDS, RUNS = 10_000, 2_000, 5
PAIR_ROUNDS = 100
LIMIT_S = 5.0
WORDS = ("excellent", "good", "fair", "poor", "bad")


def verdicts(words: tuple[str, ...]) -> tuple[list[Feedback], list[Label]]:
    """A judge that says what people say, four times in five; a tenth of them with scores."""
    draws = random.Random(1)
    feedback: list[Feedback] = []
    labels: list[Label] = []
    for number in range(VERDICTS):
        said = draws.choice(words)
        judged = said if draws.random() < 0.8 else draws.choice(words)
        passed = judged in words[: len(words) // 2]
        feedback.append(
            Feedback(
                Target(f"{number + 1:032x}", "b7ad6b7169203331", 1, 2),
                Scorer("task", "judge", "v1"),
                judged,
                score=draws.random() if number % 10 == 0 else None,
                passed=passed,
                model="m-1",
                evidence=(Evidence("b7ad6b7169203331", "it ships today"),),
            )
        )
        score = draws.random() if number % 10 == 0 else None
        labels.append(Label(f"{number + 1:032x}", label=said, score=score, annotator="kim"))
    return feedback, labels


def seconds(work: Callable[[], object], runs: int = RUNS) -> float:
    """Median of CPU seconds; the first is not counted."""
    taken: list[float] = []
    for _ in range(runs + 1):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return statistics.median(taken[1:])


def draw_pairs(pairs: list[tuple[str, str]]) -> None:
    draws = random.Random(1)
    for _ in range(PAIR_ROUNDS):
        measure(Table.of(draws.choices(pairs, k=len(pairs))), {}, Bootstrap(rounds=1))


def main() -> None:
    print(f"{'':64} {'measured':>10} {'limit':>10}")
    for words in (("pass", "fail"), WORDS):
        feedback, labels = verdicts(words)
        taken = seconds(lambda given=feedback, said=labels: agreement(given, said, bootstrap=Bootstrap(rounds=ROUNDS)))
        fits = "ok" if taken <= LIMIT_S else "TOO SLOW"
        what = f"{VERDICTS:,} verdicts in {len(words)} classes, {ROUNDS:,} rounds, s"
        print(f"{what:64} {taken:10.2f} {LIMIT_S:10.1f}  {fits}")
        pairs = [(label.label or "", each.label) for each, label in zip(feedback, labels, strict=True)]
        by_pair = seconds(lambda given=pairs: draw_pairs(given), runs=1) * ROUNDS / PAIR_ROUNDS
        print(f"{'the intervals alone, drawing each pair again, s (extrapolated)':64} {by_pair:10.2f}")


if __name__ == "__main__":
    main()
