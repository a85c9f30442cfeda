"""Two results beside each other: trace by trace what got worse and better, and how far each rate moved.

Where another version of a judge, or another model, gave the later verdicts, the difference is of the instrument as much
as of what it measured: it is counted, and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

from .. import intervals
from ..feedback import Feedback, Outcome
from ..grades import Value
from ..intervals import Measure
from .results import Results
from .row import Row
from .summary import Summary, summarise
from .tally import Instrument

Kind: TypeAlias = Literal["regression", "improvement", "changed", "lost", "found"]
_Key: TypeAlias = tuple[str, str, str]


class Change(NamedTuple):
    """One scorer's word on one target, before and later."""

    kind: Kind
    """`regression`: passed, then failed; `improvement`: the reverse; `changed`: another label, where there is no
    passing; `lost` and `found`: a grade that there is no more, or was not before."""
    before: Feedback
    after: Feedback

    @property
    def trace_id(self) -> str:
        return self.after.trace_id

    def as_dict(self) -> dict[str, Value]:
        return {
            "trace_id": self.trace_id,
            "span_id": self.after.span_id,
            "kind": self.kind,
            "before": {"label": self.before.label, "score": self.before.score, "rationale": self.before.rationale},
            "after": {"label": self.after.label, "score": self.after.score, "rationale": self.after.rationale},
        }


@dataclass(frozen=True)
class ScorerDiff:
    """What changed of one scorer, on the targets that both results hold."""

    name: str
    before: Summary
    after: Summary
    """Summaries of all traces of each, shared or not."""
    changes: tuple[Change, ...]
    pass_rate: Measure
    """Change of the pass rate on the targets that passed or failed both times; `n` of them. Of results without one such
    target, of the two rates as they are."""
    score: Measure
    """Change of the mean score on the targets with a score both times; `n` of them."""

    @property
    def same_instrument(self) -> bool:
        """The same versions with the same models gave both; else the numbers are of different things."""
        before, after = set(self.before.instruments), set(self.after.instruments)
        return before == after or not before or not after

    def of(self, kind: Kind) -> list[Change]:
        return [change for change in self.changes if change.kind == kind]

    def as_dict(self) -> dict[str, object]:
        return {
            "same_instrument": self.same_instrument,
            "instruments": {"before": _told(self.before.instruments), "after": _told(self.after.instruments)},
            "pass_rate": {
                "before": self.before.interval.as_dict(),
                "after": self.after.interval.as_dict(),
                "change": self.pass_rate.as_dict(),
            },
            "score": self.score.as_dict(),
            "changes": [change.as_dict() for change in self.changes],
        }


@dataclass(frozen=True)
class Diff:
    """What changed from one result to a later one."""

    scorers: Mapping[str, ScorerDiff]
    """Of the scorers that both have."""
    shared: int
    """Traces that both have."""
    new: tuple[str, ...]
    """Ids of the traces that only the later one has."""
    gone: tuple[str, ...]
    """Ids of the traces that only the earlier one has."""
    new_scorers: tuple[str, ...] = ()
    gone_scorers: tuple[str, ...] = ()

    @property
    def regressions(self) -> list[Change]:
        """All that passed and then failed."""
        return [change for scorer in self.scorers.values() for change in scorer.of("regression")]

    @property
    def improvements(self) -> list[Change]:
        return [change for scorer in self.scorers.values() for change in scorer.of("improvement")]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "shared": self.shared,
            "new": list(self.new),
            "gone": list(self.gone),
            "new_scorers": list(self.new_scorers),
            "gone_scorers": list(self.gone_scorers),
            "scorers": {name: scorer.as_dict() for name, scorer in self.scorers.items()},
        }


def diff(before: Results, after: Results) -> Diff:
    """What changed, trace by trace and scorer by scorer; of several grades of one target the first counts."""
    earlier, later = _by_target(before.rows), _by_target(after.rows)
    then, now = _of_scorers(before), _of_scorers(after)
    old, new = dict.fromkeys(row.trace_id for row in before.rows), dict.fromkeys(row.trace_id for row in after.rows)
    pairs: dict[str, list[tuple[Feedback, Feedback]]] = {name: [] for name in then if name in now}
    for key, feedback in later.items():
        if key in earlier and key[2] in pairs:
            pairs[key[2]].append((earlier[key], feedback))
    return Diff(
        scorers={name: _scorer_diff(then[name], now[name], both) for name, both in pairs.items()},
        shared=len(old.keys() & new.keys()),
        new=tuple(each for each in new if each not in old),
        gone=tuple(each for each in old if each not in new),
        new_scorers=tuple(name for name in now if name not in then),
        gone_scorers=tuple(name for name in then if name not in now),
    )


def _scorer_diff(before: Summary, after: Summary, pairs: list[tuple[Feedback, Feedback]]) -> ScorerDiff:
    changes = tuple(Change(kind, *pair) for pair in pairs if (kind := _kind(*pair)) is not None)
    graded = sum(a.passed is not None and b.passed is not None for a, b in pairs)
    gained, lost = (sum(change.kind == kind for change in changes) for kind in ("improvement", "regression"))
    moved = [b.score - a.score for a, b in pairs if a.score is not None and b.score is not None]
    return ScorerDiff(
        before.name,
        before,
        after,
        changes,
        pass_rate=intervals.paired_rate_change(gained, lost, graded)
        if graded
        else intervals.rate_change(before.interval, after.interval),
        score=intervals.mean(moved),
    )


def _kind(before: Feedback, after: Feedback) -> Kind | None:
    judged = before.outcome is Outcome.JUDGED, after.outcome is Outcome.JUDGED
    if judged == (False, False):
        return None
    if judged != (True, True):
        return "lost" if judged[0] else "found"
    if before.passed is not None and after.passed is not None:
        if before.passed == after.passed:
            return None
        return "improvement" if after.passed else "regression"
    return "changed" if before.label != after.label else None


def _by_target(rows: list[Row]) -> dict[_Key, Feedback]:
    found: dict[_Key, Feedback] = {}
    for feedback in _verdicts(rows):
        found.setdefault((feedback.trace_id, feedback.span_id, feedback.name), feedback)
    return found


def _verdicts(rows: list[Row]) -> Iterator[Feedback]:
    return (feedback for row in rows for feedback in row.feedback)


def _of_scorers(results: Results) -> dict[str, Summary]:
    """Summaries of all scorers, shadows too: a candidate is what people compare."""
    shadows = {feedback.name: None for feedback in _verdicts(results.rows) if feedback.shadow_of is not None}
    if not shadows:
        return dict(results.summaries)
    primary = [
        Row(row.trace_id, row.root, row.spans, feedback=[_as_primary(each) for each in row.feedback])
        for row in results.rows
    ]
    return {each.name: each for each in summarise(primary, results.summaries)}


def _as_primary(feedback: Feedback) -> Feedback:
    return feedback if feedback.shadow_of is None else replace(feedback, shadow_of=None)


def _told(instruments: tuple[Instrument, ...]) -> list[dict[str, str | None]]:
    return [{"version": each.version, "model": each.model} for each in instruments]
