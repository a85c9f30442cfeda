"""What has left for model providers in one judgement, booked as it is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from ..feedback import Receipt
from ..trace import Trace
from .reading import Record
from .tools.answer import Seen, size

MOST_SPANS = 1_000  # that a receipt names


class Ledger:
    """One judgement's. `receipt` can be asked for at any time, also of one that broke off."""

    def __init__(self) -> None:
        self._redactions: Mapping[str, int] = {}
        self._trace: Trace | None = None
        self._requests: Counter[str] = Counter()
        self._bytes = self._waiting_bytes = 0
        self._record = Record()
        self._waiting: list[Seen] = []

    def open(self, trace: Trace, redactions: Mapping[str, int]) -> None:
        """The trace as the model may see it, and how many values were replaced in it, by kind."""
        self._trace, self._redactions = trace, redactions

    def show(self, text: str, seen: Iterable[Seen] = ()) -> None:
        """Text of the trace that goes into the next request and all after it."""
        self._waiting_bytes += size(text)
        self._waiting += seen

    def ask(self, model: str) -> None:
        """A request leaves for a model (`provider:model`)."""
        self._requests[model] += 1
        self._bytes += self._waiting_bytes
        self._record.add(tuple(self._waiting))
        self._waiting_bytes = 0
        self._waiting.clear()

    def unsent(self, model: str) -> None:
        """The request did not leave after all: the model's client refused to send it."""
        self._requests[model] -= 1

    @property
    def receipt(self) -> Receipt:
        requests = {model: count for model, count in self._requests.items() if count}
        shown = self._record.characters() if requests else {}
        ordered = [span.span_id for span in self._trace.spans if span.span_id in shown] if self._trace else []
        return Receipt(
            requests=requests,
            bytes=self._bytes if requests else 0,
            spans={span_id: shown[span_id] for span_id in ordered[:MOST_SPANS]},
            span_count=len(ordered),
            redactions=dict(self._redactions),
        )
