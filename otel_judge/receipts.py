"""Receipts of judgements that a running service can be asked for: the latest, within bounds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from .feedback import Feedback, Value

MOST_TRACES: Final = 2_000
MOST_RECEIPTS: Final = 32  # of one trace


class Receipts:
    """Takes feedback from any thread; tells by trace id and tenant what left. The trace that was first goes first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_trace: OrderedDict[tuple[str, str | None], list[Value]] = OrderedDict()

    def add(self, feedback: Feedback) -> None:
        """Keeps the receipt of a judge's feedback; a check has none."""
        if feedback.receipt is None:
            return
        entry = receipt_dict(feedback)
        with self._lock:
            entries = self._by_trace.setdefault((feedback.trace_id, feedback.target.tenant), [])
            entries.append(entry)
            del entries[:-MOST_RECEIPTS]
            if len(self._by_trace) > MOST_TRACES:
                self._by_trace.popitem(last=False)

    def of(self, trace_id: str, tenant: str | None = None) -> list[Value]:
        """The receipts of a trace, oldest first; empty where none is known."""
        with self._lock:
            return list(self._by_trace.get((trace_id, tenant), ()))


def receipt_dict(feedback: Feedback) -> dict[str, Value]:
    """A receipt for JSON, with what it belongs to."""
    receipt = feedback.receipt
    return {
        "judge": feedback.name,
        "version": feedback.scorer.version,
        "evaluation_id": feedback.evaluation_id,
        "judged_at_ns": feedback.judged_at_ns,
        "outcome": feedback.outcome.value,
        "error": None if feedback.error is None else feedback.error.type,
        "requests": dict(receipt.requests) if receipt is not None else {},
        "bytes": receipt.bytes if receipt is not None else 0,
        "span_count": receipt.span_count if receipt is not None else 0,
        "spans": dict(receipt.spans) if receipt is not None else {},
        "redactions": dict(receipt.redactions) if receipt is not None else {},
    }
