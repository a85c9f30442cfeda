"""How far judges agree with people: `agreement(feedback, labels)`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Final, TypeAlias

from ..feedback import Calibration, Feedback, Outcome
from ..label import Label
from .scale import Said, Scale
from .statistics import Bootstrap, Measure, Measures, Table, correlation, measure

UNCLEAR: Final = "unclear"
"""Stands for what people said where that is no one word."""
Target: TypeAlias = tuple[str, str]
"""Trace id and span id."""


@dataclass(frozen=True, slots=True)
class Flips:
    """How often a judge contradicts itself."""

    targets: int
    """Targets with two grades at least."""
    flipped: int
    """Of these, how many did not get the same grade every time."""
    rate: float
    """How likely two judgements of one target differ, over all targets; does not depend on the number of repeats."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A verdict that people do not share."""

    said: str
    """What people said."""
    judged: str
    feedback: Feedback
    labels: tuple[Label, ...]

    @property
    def severity(self) -> tuple[bool, float, float]:
        """Larger is worse. First the passes of what people failed: they hide a fault. Then by the distance of the
        scores, where both have one. Then by the judge's confidence: the part of its quotes that code found, the part
        of the trace that it read, and whether it ended of its own accord.
        """
        given, people = self.feedback, [label.score for label in self.labels if label.score is not None]
        far = 0.0 if given.score is None or not people else abs(given.score - sum(people) / len(people))
        quotes = given.evidence
        found = sum(each.verified for each in quotes) / len(quotes) if quotes else 0.0
        read = given.coverage.spans if given.coverage else 0.0
        return given.passed is True, far, found + read + (given.forced is None)

    def as_dict(self) -> dict[str, object]:
        given = self.feedback
        return {
            "trace_id": given.trace_id,
            "span_id": given.span_id,
            "said": self.said,
            "judged": self.judged,
            "score": given.score,
            "rationale": given.rationale,
            "evidence": [
                {"span_id": each.span_id, "path": each.path, "quote": each.quote, "verified": each.verified}
                for each in given.evidence
            ],
            "labels": [label.as_dict() for label in self.labels],
        }


@dataclass(frozen=True)
class JudgeAgreement:
    """One judge, in one version and by one model, against people."""

    name: str
    version: str
    model: str | None
    shadow_of: str | None
    """The judge that it ran beside; its own agreement is no gate."""
    table: Table
    measures: Measures | None
    """None where no verdict could be compared with a label."""
    correlation: Measure | None
    """Spearman's, where both gave scores."""
    not_judgeable: Counter[str]
    """What people said of that which the judge called so. Stands beside the table, never in it."""
    failed: Counter[str]
    """The same for judgements that broke off."""
    split: int
    """Targets on which people do not agree among themselves; left out."""
    undecided: int
    """Targets of which people said `not_judgeable`; left out."""
    not_comparable: int
    """Targets whose label and verdict have no words in common, such as a score beside a word; left out."""
    flips: Flips | None
    """None where nothing was judged twice."""
    disagreements: tuple[Disagreement, ...]
    """Worst first."""
    cost_usd: float | None

    def calibration(self, now: datetime | None = None) -> Calibration:
        """What to remember of it. Measured at `now`, by default at this moment."""
        at = (now or datetime.now(UTC)).astimezone(UTC)
        found = self.measures.named() if self.measures else {}
        values = {name: measure.value for name, measure in found.items()}
        kappa = found.get("kappa")
        return Calibration(
            judge=self.name,
            version=self.version,
            model=self.model,
            labels=self.table.n,
            kappa=values.get("kappa"),
            kappa_low=kappa.low if kappa else None,
            kappa_high=kappa.high if kappa else None,
            accuracy=values.get("accuracy"),
            tpr=values.get("tpr"),
            tnr=values.get("tnr"),
            measured_at=f"{at:%Y-%m-%dT%H:%M:%SZ}",
        )

    def as_dict(self) -> dict[str, object]:
        measures = self.measures
        named: Mapping[str, Measure] = measures.named() if measures else {}
        recall: Mapping[str, Measure] = measures.recall if measures else {}
        return {
            "judge": self.name,
            "version": self.version,
            "model": self.model,
            "shadow_of": self.shadow_of,
            "labels": self.table.n,
            "classes": list(self.table.classes),
            "confusion": [list(row) for row in self.table.counts],
            **{name: each.as_dict() for name, each in named.items()},
            "recall": {name: each.as_dict() for name, each in recall.items()},
            "correlation": self.correlation and self.correlation.as_dict(),
            "not_judgeable": dict(self.not_judgeable),
            "failed": dict(self.failed),
            "split": self.split,
            "undecided": self.undecided,
            "not_comparable": self.not_comparable,
            "flips": self.flips
            and {"targets": self.flips.targets, "flipped": self.flips.flipped, "rate": self.flips.rate},
            "cost_usd": self.cost_usd,
            "disagreements": [each.as_dict() for each in self.disagreements],
        }


@dataclass(frozen=True)
class Agreement:
    """Judges against people."""

    judges: tuple[JudgeAgreement, ...]
    """One for each name, version and model, in the order in which they came: numbers of different instruments are
    never summed."""
    labels: int
    uncertain: int
    """Labels of traces that were picked since they are hard: on all traffic, agreement is likely higher."""
    unmatched: tuple[Label, ...]
    """Labels of which no judge said anything: of another trace, another span or another judge."""

    def as_dict(self) -> dict[str, object]:
        return {
            "labels": self.labels,
            "uncertain": self.uncertain,
            "unmatched": [label.as_dict() for label in self.unmatched],
            "judges": [judge.as_dict() for judge in self.judges],
        }


def agreement(
    feedback: Iterable[Feedback],
    labels: Iterable[Label],
    *,
    judge: str | None = None,
    threshold: float | None = None,
    bootstrap: Bootstrap | None = None,
) -> Agreement:
    """Compares what judges said with what people said of the same targets.

    A label is matched by trace, by span where it names one, and by the judge's name; for a shadow, its primary's
    counts as well. Labels without a name are about `judge`. Scores of people become pass and fail by `threshold`.
    Of several judgements of a target the first counts; the others show how often the judge contradicts itself.

    Raises `ValueError` for labels without a name where feedback of several judges (and not their shadows) is given
    and no `judge`.
    """
    feedback, labels = list(feedback), list(labels)
    names = list(dict.fromkeys(each.shadow_of or each.name for each in feedback if each.scorer.kind == "judge"))
    if judge is None and any(label.name is None for label in labels):
        if len(names) > 1:
            raise ValueError(f"some labels name no judge, and there are {', '.join(names)}: say which they are about")
        judge = names[0] if names else None
    by_trace: dict[str, list[Label]] = {}
    for label in labels:
        by_trace.setdefault(label.trace_id, []).append(label)
    matched: set[int] = set()

    def labels_for(given: Feedback) -> tuple[Label, ...]:
        names = {given.name, given.shadow_of or given.name}
        found = tuple(
            label
            for label in by_trace.get(given.trace_id, ())
            if (label.name or judge) in names and label.span_id in (None, given.span_id)
        )
        matched.update(map(id, found))
        return found

    found = tuple(
        _compare(key, group, [labels_for(each) for each in group], threshold, bootstrap or Bootstrap())
        for key, group in _instruments(feedback).items()
    )
    unmatched = tuple(label for label in labels if id(label) not in matched)
    uncertain = sum(label.picked == "uncertain" for label in labels)
    return Agreement(tuple(each for each in found if each is not None), len(labels), uncertain, unmatched)


def _instruments(feedback: Sequence[Feedback]) -> dict[tuple[str, str, str | None], list[Feedback]]:
    """Feedback by judge, version and model. What broke off before a model had answered goes with the commonest one."""
    models: dict[tuple[str, str], Counter[str]] = {}
    for each in feedback:
        counted = models.setdefault((each.name, each.scorer.version), Counter())
        if each.model is not None:
            counted[each.model] += 1
    groups: dict[tuple[str, str, str | None], list[Feedback]] = {}
    for each in feedback:
        common = models[each.name, each.scorer.version].most_common(1)
        model = each.model or (common[0][0] if common else None)
        groups.setdefault((each.name, each.scorer.version, model), []).append(each)
    return groups


def _compare(
    key: tuple[str, str, str | None],
    group: Sequence[Feedback],
    labels: Sequence[tuple[Label, ...]],
    threshold: float | None,
    bootstrap: Bootstrap,
) -> JudgeAgreement | None:
    """None where no label is about the judge."""
    repeats: dict[Target, list[tuple[Feedback, tuple[Label, ...]]]] = {}
    for each, about in zip(group, labels, strict=True):
        if about:
            repeats.setdefault((each.trace_id, each.span_id), []).append((each, about))
    if not repeats:
        return None
    scale = Scale.of(
        [each for each, _ in _all(repeats)], [label for _, about in _all(repeats) for label in about], threshold
    )
    pairs: list[tuple[str, str]] = []
    scores: list[tuple[float, float]] = []
    apart: dict[Outcome, Counter[str]] = {Outcome.NOT_JUDGEABLE: Counter(), Outcome.FAILED: Counter()}
    left_out: Counter[str] = Counter()
    disagreements: list[Disagreement] = []
    for (given, about), *_ in repeats.values():
        said = scale.said(about)
        if given.outcome is not Outcome.JUDGED:
            apart[given.outcome][said.word or UNCLEAR] += 1
            continue
        correlated = False
        if said.score is not None and given.score is not None:
            scores.append((said.score, given.score))
            correlated = True
        judged = scale.judged(given)
        if said.word is None or judged is None:
            if not correlated:
                left_out[_why(said)] += 1
            continue
        pairs.append((said.word, judged))
        if said.word != judged:
            disagreements.append(Disagreement(said.word, judged, given, about))
    table = Table.of(pairs)
    costs = [each.cost_usd for each, _ in _all(repeats) if each.cost_usd is not None]
    name, version, model = key
    return JudgeAgreement(
        name=name,
        version=version,
        model=model,
        shadow_of=group[0].shadow_of,
        table=table,
        measures=measure(table, scale.passes, bootstrap) if pairs else None,
        correlation=correlation(scores, bootstrap) if scores else None,
        not_judgeable=apart[Outcome.NOT_JUDGEABLE],
        failed=apart[Outcome.FAILED],
        split=left_out["split"],
        undecided=left_out["undecided"],
        not_comparable=left_out["not_comparable"],
        flips=_flips([[each for each, _ in both] for both in repeats.values()]),
        disagreements=tuple(sorted(disagreements, key=lambda each: each.severity, reverse=True)),
        cost_usd=sum(costs) if costs else None,
    )


def _all(
    repeats: dict[Target, list[tuple[Feedback, tuple[Label, ...]]]],
) -> Iterator[tuple[Feedback, tuple[Label, ...]]]:
    return (pair for pairs in repeats.values() for pair in pairs)


def _why(said: Said) -> str:
    return "split" if said.split else "undecided" if said.undecided else "not_comparable"


def _flips(repeats: Iterable[Sequence[Feedback]]) -> Flips | None:
    """What broke off is no grade; `not_judgeable` is one."""
    grades = [[each.label for each in given if each.outcome is not Outcome.FAILED] for given in repeats]
    several = [labels for labels in grades if len(labels) > 1]
    if not several:
        return None
    shares: list[float] = []
    for labels in several:
        differ = [one != other for one, other in combinations(labels, 2)]
        shares.append(sum(differ) / len(differ))
    return Flips(len(several), sum(share > 0 for share in shares), sum(shares) / len(shares))
