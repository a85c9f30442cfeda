"""One trace in the report: a line of the table, its verdicts, its timeline and its trajectory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, cast

from ..feedback import Feedback, Outcome
from ..judge.text import clean
from ..judge.tools.answer import cut, size
from ..results import Row
from ..trace import Trace
from .timeline import timeline
from .trajectory import Told, positions, tell

_NAME, _TEXT = 200, 8_000  # characters of a name, and of a rationale or a quote
_EVIDENCE: Final = 50  # pieces of one verdict
_SHOWN: Final = (
    *("name", "outcome", "label", "score", "passed", "kind", "version", "owner", "calibration", "shadow_of", "agrees"),
    *("model", "rung", "reading", "forced", "coverage", "usage", "cost_usd", "duration_s"),
)
"""Keys of `Row.as_dict` that are shown as they are."""


def entry_of(row: Row, trace: Trace | None) -> dict[str, Any]:
    """For the page. `telling` and `bytes` say how much there is to see, and how much room it takes."""
    quoted = [each for feedback in row.feedback for each in feedback.evidence[:_EVIDENCE]]
    cited = {each.span_id for each in quoted}
    told = Told(0) if trace is None else tell(trace, cited)
    given = cast("list[dict[str, Any]]", row.as_dict()["feedback"])
    feedback = [_feedback(each, shown, told) for each, shown in zip(row.feedback, given, strict=True)]
    service = row.feedback[0].target.service if row.feedback else None
    costs = [each.cost_usd for each in row.feedback if each.cost_usd is not None]
    return {
        "id": row.trace_id,
        "root": (cut(row.root, _NAME) or "(no name)") + (f" (session of {len(row.turns)})" if row.turns else ""),
        "service": cut((trace.root.service if trace is not None else service) or "", _NAME),
        "spans": row.spans,
        "start_ms": trace.start_ns // 1_000_000 if trace is not None else None,
        "duration_us": trace.duration_ns // 1_000 if trace is not None else None,
        "cost_usd": math.fsum(costs) if costs else None,
        "decision": row.decision and {"sampled": row.decision.sampled, "reason": cut(row.decision.reason, _NAME)},
        "feedback": feedback,
        "timeline": timeline(trace, cited, positions(told)) if trace is not None else None,
        "steps": {"total": told.total, "shown": told.as_dicts()},
        "telling": any(each.outcome is not Outcome.JUDGED or each.passed is not True for each in row.feedback),
        "bytes": sum(map(size, told.texts.values())),
    }


def _feedback(feedback: Feedback, given: Mapping[str, Any], told: Told) -> dict[str, Any]:
    shown = {key: given[key] for key in _SHOWN if given.get(key) is not None}
    shown["name"], shown["label"] = cut(feedback.name, _NAME), cut(feedback.label, _NAME)
    shown["rationale"] = _bounded(feedback.rationale)
    if feedback.error is not None:
        shown["error"] = {"type": cut(feedback.error.type, _NAME), "message": _bounded(feedback.error.message)}
    shown["evidence"] = evidence = list[dict[str, Any]]()
    for each in feedback.evidence[:_EVIDENCE]:
        place = told.place(each)
        evidence.append(
            {
                "span_id": cut(each.span_id, 40),
                "path": cut(each.path or "", _NAME),
                "quote": _bounded(each.quote),
                "verified": each.verified,
                "step": place.step,
                "mark": place.mark,
            }
        )
    if len(feedback.evidence) > _EVIDENCE:
        shown["more_evidence"] = len(feedback.evidence) - _EVIDENCE
    return shown


def _bounded(text: str) -> str:
    if len(text) <= _TEXT:
        return clean(text)
    return f"{clean(text[:_TEXT])}\n[… {len(text) - _TEXT} characters left out]"
