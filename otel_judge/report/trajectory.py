"""The trajectory of a trace as the report shows it: steps as a judge reads them, with the quotes marked in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ..feedback import Evidence
from ..judge.tools.answer import size
from ..judge.tools.step_text import StepText
from ..trace import Trace
from ..trajectory import AgentRun, ModelTurn, Said, Step, ToolStep, failure_of, steps
from .quotes import find, mark

STEPS_BYTES: Final = 24_000  # of the steps of one trace
_VALUE_BYTES: Final = 1_500  # of one value
_REPEATED: Final = 20  # characters of a quote that says the same wherever it stands
_ERRORS, _LAST = 20, 3  # steps that are kept though those before them have no room


class Place(NamedTuple):
    """Where a piece of evidence is shown."""

    step: int | None
    """None: no step that is shown belongs to the span."""
    mark: int | None
    """Number of the mark, from 0; None where the quote does not stand in the text of the step."""


@dataclass
class Told:
    """The steps that are shown, and what stands where in them."""

    total: int
    texts: dict[int, str] = field(default_factory=dict[int, str])
    """By the number of the step, from 1, in order."""
    steps_of: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    """Numbers of the shown steps of each span."""
    kinds: dict[int, str] = field(default_factory=dict[int, str])
    failed: set[int] = field(default_factory=set[int])
    _marks: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict[int, list[tuple[int, int, int]]])
    _count: int = 0

    def place(self, evidence: Evidence) -> Place:
        """Marks the quote where it stands: in the steps of its span, or where the trace says the same before."""
        own = self.steps_of.get(evidence.span_id, [])
        if evidence.verified:
            long = len(evidence.quote) >= _REPEATED  # a word may stand elsewhere by chance
            elsewhere = [number for number in self.texts if long and number not in own]
            for number in (*own, *elsewhere):
                found = find(evidence.quote, evidence.path, self.texts[number])
                if found is not None:
                    return Place(number, self._mark(number, *found))
        return Place(own[0] if own else None, None)

    def as_dicts(self) -> list[dict[str, Any]]:
        """For the page."""
        return [
            {
                "n": number,
                "kind": self.kinds[number],
                "failed": number in self.failed,
                "text": mark(text, sorted(self._marks.get(number, ()))),
            }
            for number, text in self.texts.items()
        ]

    def _mark(self, number: int, start: int, end: int) -> int:
        """The number of a mark there. Stretches that overlap become one."""
        marks = self._marks.setdefault(number, [])
        touched = [each for each in marks if each[0] < end and start < each[1]]
        mine = min((each[2] for each in touched), default=self._count)
        self._count += not touched
        if len(touched) > 1:  # it joins marks that others point at: they keep theirs, and it points at the first
            return mine
        marks[:] = [each for each in marks if each not in touched]
        marks.append((min([start, *(each[0] for each in touched)]), max([end, *(each[1] for each in touched)]), mine))
        return mine


def tell(trace: Trace, cited: Iterable[str]) -> Told:
    """As many steps as have room: of a long trace those of the cited spans, the errors, the last and the first."""
    told = steps(trace).steps
    owners = [tuple(_spans_of(step)) for step in told]
    wanted = set(cited)
    texts: dict[int, str] = {}
    room = STEPS_BYTES
    writer = StepText(trace, _VALUE_BYTES)
    for number in _by_weight(told, owners, wanted):
        if number in texts:
            continue
        text = writer.write(number)
        room -= size(text)
        if room < 0 and texts:
            break
        texts[number] = text
    found = Told(len(told))
    for number in sorted(texts):
        step = told[number - 1]
        found.texts[number] = texts[number]
        found.kinds[number] = _kind(step)
        if failure_of(step) is not None:
            found.failed.add(number)
        for span_id in dict.fromkeys(owners[number - 1]):
            found.steps_of.setdefault(span_id, []).append(number)
    return found


def _by_weight(told: Sequence[Step], owners: Sequence[Sequence[str]], cited: set[str]) -> Iterator[int]:
    numbers = range(1, len(told) + 1)
    yield from (number for number in numbers if not cited.isdisjoint(owners[number - 1]))
    failed = (number for number in numbers if failure_of(told[number - 1]) is not None)
    yield from (number for _, number in zip(range(_ERRORS), failed, strict=False))
    yield from numbers[-_LAST:]
    yield from numbers


def _spans_of(step: Step) -> Iterator[str]:
    """Of the spans whose content a step shows, that of its title first."""
    yield step.span.span_id
    if isinstance(step, ModelTurn):
        yield step.answered_in.span_id
    elif isinstance(step, ToolStep):
        yield from (place.span_id for place in (step.use.arguments_at, step.use.result_at) if place is not None)
    elif not isinstance(step, Said | AgentRun):
        yield from (span.span_id for span in step.spans[1:])


def _kind(step: Step) -> str:
    if isinstance(step, Said):
        return "said"
    if isinstance(step, ModelTurn):
        return "model"
    if isinstance(step, ToolStep):
        return "tool"
    return "agent" if isinstance(step, AgentRun) else "work"


def positions(told: Told) -> Mapping[str, int]:
    """The first shown step of each span."""
    return {span_id: numbers[0] for span_id, numbers in told.steps_of.items()}
