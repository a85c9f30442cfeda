"""Over stored traces: the same engine, with the results as values instead of telemetry."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .decision import Decision
from .engine import Engine
from .feedback import Feedback, Outcome, Target, Value
from .receipts import receipt_dict
from .trace import Trace

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
        }


async def grade(traces: Iterable[Trace], engine: Engine, *, done: Callable[[Row], None] | None = None) -> list[Row]:
    """Grades every trace and gives the rows in the order of the traces; `done` is told of each as it ends."""
    rows: list[Row] = []
    slots = asyncio.Semaphore(CONCURRENT_TRACES)

    async def judge(trace: Trace, row: Row, decision: Decision) -> None:
        try:
            await engine.judge(trace, decision, row)
        finally:
            slots.release()
        if done:
            done(row)

    tasks: list[asyncio.Task[None]] = []
    try:
        for trace in traces:
            await slots.acquire()
            row = Row(trace.trace_id, trace.root.name, len(trace.spans))
            rows.append(row)
            tasks.append(asyncio.create_task(judge(trace, row, engine.check(trace, row))))
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return rows


def summarise(rows: Iterable[Row], scorers: Iterable[str]) -> Iterator[Summary]:
    """One summary a scorer, in the order of `scorers`."""
    by_name: dict[str, list[Feedback]] = {name: [] for name in scorers}
    for row in rows:
        for feedback in row.feedback:
            by_name[feedback.name].append(feedback)
    for name, given in by_name.items():
        outcomes = Counter(feedback.outcome for feedback in given)
        yield Summary(
            name=name,
            labels=Counter(feedback.label for feedback in given),
            passed=sum(feedback.passed is True for feedback in given),
            failed=sum(feedback.passed is False for feedback in given),
            not_judgeable=outcomes[Outcome.NOT_JUDGEABLE],
            failures=outcomes[Outcome.FAILED],
        )


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
