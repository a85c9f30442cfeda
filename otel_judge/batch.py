"""Over stored traces: the same engine, with the results as values instead of telemetry."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import floor
from statistics import fmean
from typing import Literal

from .decision import Decision
from .engine import Engine
from .feedback import Feedback, Outcome, Target, Value
from .label import without_labels
from .receipts import receipt_dict
from .trace import Trace
from .trajectory import Understood

CONCURRENT_TRACES = 16  # judged side by side; each model's own `concurrency` bounds its requests


@dataclass
class Row:
    """One trace and what was found about it."""

    trace_id: str
    root: str
    """Name of the root span."""
    spans: int
    decision: Decision | None = None
    feedback: list[Feedback] = field(default_factory=list[Feedback])

    def emit(self, feedback: Feedback, decision: Decision | None) -> None:  # noqa: ARG002 - the row has it already
        self.feedback.append(feedback)

    def decided(self, target: Target, decision: Decision) -> None:  # noqa: ARG002 - the row knows its trace
        self.decision = decision

    def understood(self, spans: Mapping[Understood, int]) -> None:
        """Not kept: `get_trace_info` says it of a trace."""

    def as_dict(self) -> dict[str, Value]:
        """For JSON: names as on the wire, without their prefix."""
        decision = self.decision
        return {
            "trace_id": self.trace_id,
            "root": self.root,
            "spans": self.spans,
            "decision": decision
            and {
                "sampled": decision.sampled,
                "policy": decision.policy,
                "reason": decision.reason,
                "probability": decision.probability,
                "judges": list(decision.judges),
            },
            "feedback": [_feedback_dict(feedback) for feedback in self.feedback],
        }


@dataclass(frozen=True, slots=True)
class ScoreStats:
    """Of the scores of one scorer."""

    mean: float
    p50: float
    p95: float
    """Percentiles lie between two scores where they fall there."""
    n: int

    @classmethod
    def of(cls, scores: Sequence[float]) -> ScoreStats:
        """Of at least one score."""
        ordered = sorted(scores)
        return cls(fmean(ordered), _percentile(ordered, 0.50), _percentile(ordered, 0.95), len(ordered))


@dataclass(frozen=True, slots=True)
class Summary:
    """How often a scorer said what.

    The pass rate is over what passed and failed; what could not be judged stands beside it, never in it.
    """

    name: str
    labels: Counter[str]
    passed: int
    failed: int
    not_judgeable: int
    failures: int
    """Judgements that broke off."""
    scores: tuple[float, ...] = ()
    calibration: Literal["calibrated", "uncalibrated"] | None = None
    """`uncalibrated` where any of the verdicts is; None for a check."""
    kappa: float | None = None
    """With people, of a calibrated judge."""

    @property
    def judged(self) -> int:
        """Feedback with a grade."""
        return self.labels.total() - self.not_judgeable - self.failures

    @property
    def score_stats(self) -> ScoreStats | None:
        """None where there is no score."""
        return ScoreStats.of(self.scores) if self.scores else None

    @property
    def pass_rate(self) -> float | None:
        """None where nothing passed or failed."""
        graded = self.passed + self.failed
        return self.passed / graded if graded else None

    def as_dict(self) -> dict[str, Value]:
        return {
            "pass_rate": self.pass_rate,
            "passed": self.passed,
            "failed": self.failed,
            "n_not_judgeable": self.not_judgeable,
            "n_failed": self.failures,
            "labels": dict(sorted(self.labels.items())),
            **({"calibration": self.calibration, "kappa": self.kappa} if self.calibration else {}),
        }


async def grade(traces: Iterable[Trace], engine: Engine, *, done: Callable[[Row], None] | None = None) -> list[Row]:
    """Grades every trace and gives the rows in the order of the traces; `done` is told of each as it ends."""
    rows: list[Row] = []

    async def judge(trace: Trace, row: Row, decision: Decision) -> None:
        await engine.judge(trace, decision, row)
        if done:
            done(row)

    async def jobs() -> AsyncIterator[Callable[[], Awaitable[None]]]:
        for stored in traces:
            trace = without_labels(stored)
            row = Row(trace.trace_id, trace.root.name, len(trace.spans))
            rows.append(row)
            yield partial(judge, trace, row, engine.check(trace, row))

    await bounded(jobs(), CONCURRENT_TRACES)
    return rows


async def bounded(jobs: AsyncIterable[Callable[[], Awaitable[None]]], most: int) -> None:
    """Runs jobs as they come, `most` of them side by side. Where one raises, or giving them does, all end."""
    slots = asyncio.Semaphore(most)
    tasks: list[asyncio.Task[None]] = []

    async def run(job: Callable[[], Awaitable[None]]) -> None:
        try:
            await job()
        finally:
            slots.release()

    try:
        async for job in jobs:
            await slots.acquire()
            tasks.append(asyncio.create_task(run(job)))
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def summarise(rows: Iterable[Row], scorers: Iterable[str]) -> Iterator[Summary]:
    """One summary a scorer, in the order of `scorers`. Shadows are in none: see `agreement.shadow_reports`."""
    by_name: dict[str, list[Feedback]] = {name: [] for name in scorers}
    for row in rows:
        for feedback in row.feedback:
            if feedback.shadow_of is None:
                by_name.setdefault(feedback.name, []).append(feedback)  # a scorer in Python may give names of its own
    for name, given in by_name.items():
        outcomes = Counter(feedback.outcome for feedback in given)
        stamps = {feedback.calibration for feedback in given}
        kappas = {feedback.calibrated_by.kappa for feedback in given if feedback.calibrated_by is not None}
        calibrated = stamps == {"calibrated"}
        yield Summary(
            name=name,
            labels=Counter(feedback.label for feedback in given),
            passed=sum(feedback.passed is True for feedback in given),
            failed=sum(feedback.passed is False for feedback in given),
            not_judgeable=outcomes[Outcome.NOT_JUDGEABLE],
            failures=outcomes[Outcome.FAILED],
            scores=tuple(feedback.score for feedback in given if feedback.score is not None),
            calibration="calibrated" if calibrated else "uncalibrated" if "uncalibrated" in stamps else None,
            kappa=kappas.pop() if calibrated and len(kappas) == 1 else None,
        )


def _percentile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _feedback_dict(feedback: Feedback) -> dict[str, Value]:
    usage, coverage = feedback.usage, feedback.coverage
    return {
        "name": feedback.name,
        "outcome": feedback.outcome.value,
        "label": feedback.label,
        "score": feedback.score,
        "value": feedback.value,
        "passed": feedback.passed,
        "rationale": feedback.rationale,
        "evidence": [
            {"span_id": each.span_id, "path": each.path, "quote": each.quote, "verified": each.verified}
            for each in feedback.evidence
        ],
        "error": feedback.error and {"type": feedback.error.type, "message": feedback.error.message},
        "span_id": feedback.span_id,
        "evaluation_id": feedback.evaluation_id,
        "kind": feedback.scorer.kind,
        "version": feedback.scorer.version,
        "owner": feedback.scorer.owner,
        "calibration": feedback.calibration,
        "shadow_of": feedback.shadow_of,
        "agrees": feedback.agrees,
        "model": feedback.model,
        "rung": feedback.rung,
        "reading": feedback.reading,
        "forced": feedback.forced,
        "coverage": coverage and {"spans": coverage.spans, "bytes": coverage.bytes},
        "usage": usage
        and {
            "input_tokens": usage.input_tokens,
            "cached_tokens": usage.cached_tokens,
            "output_tokens": usage.output_tokens,
        },
        "cost_usd": feedback.cost_usd,
        "duration_s": feedback.duration_s,
        "receipt": receipt_dict(feedback) if feedback.receipt is not None else None,
        "detail": feedback.detail,
    }
