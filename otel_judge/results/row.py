"""One trace and what was found about it, and how it stands in JSON: written here, and read back here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from ..decision import Decision
from ..feedback import Calibration, Coverage, Evidence, Feedback, JudgeFailure, Scorer, SpanRef, Target, Usage
from ..grades import Value
from ..receipts import receipt_dict
from ..trajectory import Understood


@dataclass
class Row:
    """One trace, one session, or one row of values. It is an engine's `Report`: what comes in is kept."""

    trace_id: str
    root: str
    """Name of the root span."""
    spans: int
    decision: Decision | None = None
    feedback: list[Feedback] = field(default_factory=list[Feedback])
    about: dict[str, str] = field(default_factory=dict[str, str])
    """What rows are put together by: `service`, `agent`, `model`, and what was asked for besides."""
    tags: tuple[str, ...] = ()
    expectations: str | None = None
    """Hash of the expectations that it was judged by; None without any."""
    number: int = 0
    """Place among the traces as they came, from 0."""
    turns: tuple[str, ...] = ()
    """Of a session, the ids of its traces, that of the row last; empty where the row is of one trace."""

    @property
    def key(self) -> str:
        """Tells a session from its last trace, whose id it has."""
        return f"session {self.trace_id}" if self.turns else self.trace_id

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
            **({"turns": list[Value](self.turns)} if self.turns else {}),
            "spans": self.spans,
            "about": dict[str, Value](self.about),
            "tags": list[Value](self.tags),
            "expectations": self.expectations,
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

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any], number: int = 0) -> Row:
        """The reverse of `as_dict`, as far as it goes: of a target only the ids remain.

        Raises `KeyError`, `TypeError`, `ValueError` or `AttributeError` for what is no row.
        """
        decision: dict[str, Any] | None = entry.get("decision")
        return cls(
            trace_id=entry["trace_id"],
            root=entry.get("root", ""),
            spans=entry.get("spans", 0),
            decision=_decision(decision) if decision else None,
            feedback=[_feedback(entry["trace_id"], each) for each in entry["feedback"]],
            about=dict(entry.get("about", {})),
            tags=tuple(entry.get("tags", ())),
            expectations=entry.get("expectations"),
            number=number,
            turns=tuple(entry.get("turns", ())),
        )


def _feedback_dict(feedback: Feedback) -> dict[str, Value]:
    usage, coverage, calibration = feedback.usage, feedback.coverage, feedback.calibrated_by
    judge_trace = feedback.judge_trace
    return {
        "name": feedback.name,
        "outcome": feedback.outcome.value,
        "label": feedback.label,
        "score": feedback.score,
        "value": feedback.value,
        "passed": feedback.passed,
        "rationale": feedback.rationale,
        "evidence": [
            {
                **({} if each.trace_id is None else {"trace_id": each.trace_id}),
                "span_id": each.span_id,
                "path": each.path,
                "quote": each.quote,
                "verified": each.verified,
            }
            for each in feedback.evidence
        ],
        "error": feedback.error and {"type": feedback.error.type, "message": feedback.error.message},
        "span_id": feedback.span_id,
        "evaluation_id": feedback.evaluation_id,
        "kind": feedback.scorer.kind,
        "version": feedback.scorer.version,
        "owner": feedback.scorer.owner,
        "calibration": feedback.calibration,
        "calibrated_by": None if calibration is None else cast("dict[str, Value]", asdict(calibration)),
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
        "judged_at_ns": feedback.judged_at_ns,
        "judge_trace": judge_trace and {"trace_id": judge_trace.trace_id, "span_id": judge_trace.span_id},
        "receipt": None if feedback.receipt is None else receipt_dict(feedback),
        "detail": feedback.detail,
    }


def _decision(entry: Mapping[str, Any]) -> Decision:
    return Decision(
        sampled=entry["sampled"],
        judges=tuple(entry["judges"]),
        policy=entry["policy"],
        reason=entry["reason"],
        probability=entry["probability"],
    )


def _feedback(trace_id: str, entry: Mapping[str, Any]) -> Feedback:
    error, coverage, usage = entry["error"], entry["coverage"], entry["usage"]
    calibration, judge_trace = entry.get("calibrated_by"), entry.get("judge_trace")
    return Feedback(
        target=Target(trace_id, entry["span_id"], start_ns=0, end_ns=0),
        scorer=Scorer(entry["name"], entry["kind"], entry["version"], entry["owner"]),
        label=entry["label"],
        rationale=entry["rationale"],
        value=entry["value"],
        score=entry["score"],
        passed=entry["passed"],
        evidence=tuple(
            Evidence(each["span_id"], each["quote"], each["path"], each["verified"], each.get("trace_id"))
            for each in entry["evidence"]
        ),
        error=JudgeFailure(error["type"], error["message"]) if error else None,
        not_judgeable=entry["outcome"] == "not_judgeable",
        model=entry["model"],
        rung=entry["rung"],
        reading=entry["reading"],
        forced=entry["forced"],
        coverage=Coverage(coverage["spans"], coverage["bytes"]) if coverage else None,
        usage=Usage(**usage) if usage else None,
        cost_usd=entry["cost_usd"],
        duration_s=entry["duration_s"],
        judged_at_ns=entry.get("judged_at_ns", 0),
        judge_trace=SpanRef(**judge_trace) if judge_trace else None,
        calibrated_by=Calibration(**calibration) if calibration else None,
        shadow_of=entry.get("shadow_of"),
        agrees=entry.get("agrees"),
        detail=entry.get("detail") or {},
    )
