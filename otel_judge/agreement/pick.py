"""Which traces are worth a person's look: half at random, half where the judge is uncertain or disputed.

Only the random half says how the judge does on all traffic; the other half is where a label teaches the most.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..feedback import Feedback, Outcome
from ..label import Picked

_LOW_COVERAGE = 0.5  # share of the spans
_NEAR = 0.1  # share of the range of scores, either side of where passing begins


@dataclass(frozen=True, slots=True)
class Pick:
    """A trace to be labelled."""

    trace_id: str
    judge: str | None
    picked: Picked
    doubts: tuple[str, ...] = ()
    """Why it is uncertain. Not for whoever labels it: to know the judge's doubts is to share them."""

    def as_dict(self) -> dict[str, object]:
        """A line to be filled in, which `read_labels` reads. What the judge said is not in it."""
        return {
            "trace_id": self.trace_id,
            "name": self.judge,
            "label": None,
            "rationale": "",
            "annotator": "",
            "picked": self.picked,
        }


def pick(
    traces: Iterable[str], feedback: Iterable[Feedback], n: int, *, judge: str | None = None, seed: int = 0
) -> list[Pick]:
    """`n` of the traces, or all if there are fewer, in an order that mixes the two halves.

    With a `judge`, only traces that it has graded. The random half is drawn first and from all of them; where too few
    are uncertain, more are drawn at random. The same seed and the same traces give the same picks.
    """
    by_trace: dict[str, list[Feedback]] = {trace_id: [] for trace_id in traces}
    for each in feedback:
        if each.trace_id in by_trace:
            by_trace[each.trace_id].append(each)
    graded = {
        trace_id: [each for each in given if each.name == judge and each.outcome is not Outcome.FAILED]
        for trace_id, given in by_trace.items()
    }
    population = [trace_id for trace_id in by_trace if judge is None or graded[trace_id]]
    draws = random.Random(seed)
    draws.shuffle(population)
    boundary = _boundary([each for given in graded.values() for each in given])
    doubts = {trace_id: _doubts(graded[trace_id], by_trace[trace_id], boundary) for trace_id in population}
    at_random = min(n - n // 2, len(population))
    while at_random < min(n, len(population)) and at_random + _doubted(doubts, population[at_random:]) < n:
        at_random += 1
    rest = sorted(population[at_random:], key=lambda trace_id: sum(doubts[trace_id].values()), reverse=True)
    picks = [Pick(trace_id, judge, "random") for trace_id in population[:at_random]]
    picks += [Pick(trace_id, judge, "uncertain", tuple(doubts[trace_id])) for trace_id in rest[: n - at_random]]
    draws.shuffle(picks)
    return picks


def _doubted(doubts: Mapping[str, Mapping[str, int]], traces: Iterable[str]) -> int:
    return sum(bool(doubts[trace_id]) for trace_id in traces)


def _doubts(own: Sequence[Feedback], given: Sequence[Feedback], boundary: tuple[float, float] | None) -> dict[str, int]:
    """Why a verdict may be wrong, each reason with its weight."""
    if not own:
        return {}
    first = own[0]
    passed = first.passed
    near = boundary is not None and first.score is not None and abs(first.score - boundary[0]) <= _NEAR * boundary[1]
    reasons: Mapping[str, tuple[bool, int]] = {
        "judged again, it says something else": (len({each.label for each in own}) > 1, 3),
        "its shadow disagrees": (any(each.shadow_of == first.name and each.agrees is False for each in given), 3),
        "its score is near the threshold": (near, 2),
        "evidence was not found in the trace": (any(not each.verified for each in first.evidence), 2),
        "another judge says otherwise": (
            passed is not None and any(each.passed is (not passed) and _other(each, first) for each in given),
            1,
        ),
        "it was made to give a verdict": (first.forced is not None, 1),
        "it read little of the trace": (first.coverage is not None and first.coverage.spans < _LOW_COVERAGE, 1),
        "it found the trace not judgeable": (first.outcome is Outcome.NOT_JUDGEABLE, 1),
    }
    return {reason: weight for reason, (holds, weight) in reasons.items() if holds}


def _other(each: Feedback, first: Feedback) -> bool:
    return each.scorer.kind == "judge" and each.shadow_of is None and each.name != first.name


def _boundary(feedback: Sequence[Feedback]) -> tuple[float, float] | None:
    """Where scores begin to pass, and the range of all scores; None where the verdicts do not show it."""
    scored = [(each.score, each.passed) for each in feedback if each.score is not None and each.passed is not None]
    passing = [score for score, passed in scored if passed]
    failing = [score for score, passed in scored if not passed]
    if not passing or not failing or max(failing) >= min(passing):
        return None
    return (max(failing) + min(passing)) / 2, max(passing) - min(failing)
