"""Has a judge read a long trace part by part, each in a short exchange of its own, before it gives its verdict.

The parts come in order, one after another: what each used is known before the next is asked. A part that fails is named
as not read, and loses no other. The verdict's share of the ceilings is set aside from the start.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from math import ceil
from typing import Final, Protocol

from . import prompt
from .agent import Brief, Deliberation, Ruling
from .budget import Budget, Ceiling
from .faults import JudgeStopped
from .sweep import Sweep
from .tools.answer import Seen, cut, head, shares, size

FINDINGS_BYTES: Final = 12_000  # of what all parts brought to light, in the request for the verdict
_QUOTE: Final = 300  # characters of a quote that are handed on
_VALUE: Final = 100  # of a value
_OWN_BYTES: Final = 10_000  # of the judge's own words beside a part; variables that are larger are left to the verdict
_HOPELESS: Final = frozenset({"authentication", "model_not_found", "model_unavailable", "quota_exceeded"})


class Deliberate(Protocol):
    """Makes a `Deliberation` of the judgement under way."""

    def __call__(
        self,
        brief: Brief,
        *,
        tokens_a_byte: float = ...,
        closed_by: Ceiling | None = ...,
        left: Callable[[], str | None] = ...,
    ) -> Deliberation: ...


async def read(
    sweep: Sweep,
    brief: Brief,
    deliberate: Deliberate,
    budget: Budget,
    *,
    trace_id: str,
    task: str,
    show: Callable[[str, Iterable[Seen]], None],
) -> Deliberation:
    """Reads the parts of the sweep in order, as many as the budget allows. What is left is the verdict on all of it.

    `brief` is what the judge would be told without a sweep; of what is its own there, `task` are its instructions.
    `show` is told of each part before it is sent.

    Raises `JudgeStopped` where no request can be answered, such as for wrong credentials.
    """
    if not sweep.parts:
        return deliberate(brief)
    own = prompt.part_task(brief.own if size(brief.own) <= _OWN_BYTES else task)
    total, rate = len(sweep.parts), 1 / 3
    rulings = dict[int, Ruling]()
    closed_by: Ceiling | None = None
    for number, piece in enumerate(sweep.parts, 1):
        shown = replace(brief, shared=prompt.part(trace_id, piece.text, number, total), own=own, part=True)
        budget.next_input = ceil(shown.size * rate)
        budget.set_aside(ceil((brief.size + FINDINGS_BYTES) * rate), more=number < total)
        if (closed_by := budget.closing()) is not None:
            for missed in range(number, total + 1):
                sweep.missed(missed, f"limit on {closed_by}")
            break
        show(piece.text, piece.seen)
        deliberation = deliberate(shown, tokens_a_byte=rate)
        try:
            rulings[number] = await deliberation.rule()
        except JudgeStopped as stopped:
            if stopped.type in _HOPELESS:
                raise
            sweep.missed(number, stopped.type)
        else:
            sweep.read(number)
        rate = deliberation.tokens_a_byte
    budget.set_aside(None)
    found = prompt.findings(trace_id, _findings(sweep, rulings))
    told = replace(brief, own=f"{found}\n\n{brief.own}")
    return deliberate(told, tokens_a_byte=rate, closed_by=closed_by, left=sweep.left)


def _findings(sweep: Sweep, rulings: dict[int, Ruling]) -> str:
    """Each part that brought something to light, others together; every line of what a model wrote is indented."""
    blocks = list(_blocks(rulings, len(sweep.parts)))
    if (left := sweep.left()) is not None:
        blocks.append(f"Not read: {left}")
    limits = shares([size(block) + 1 for block in blocks], FINDINGS_BYTES)
    told = "\n".join(
        block if size(block) < limit else head(block, limit - 4) + "…"
        for block, limit in zip(blocks, limits, strict=True)
    )
    return head(told, FINDINGS_BYTES)


def _blocks(rulings: dict[int, Ruling], total: int) -> Iterator[str]:
    alike = groupby(rulings.items(), key=lambda each: _told(each[1]) if _is_quiet(each[1]) else each[0])
    for _, group in alike:
        members = list(group)
        (first, ruling), (last, _) = members[0], members[-1]
        if len(members) > 1:
            yield f"{len(members)} parts from {first} to {last} of {total}: {_told(ruling)}, nothing is quoted"
            continue
        lines = [f"Part {first} of {total}: {_told(ruling)}", *_indented(ruling.rationale)]
        for each in ruling.evidence:
            if each.verified:
                quote = " ".join(each.quote.split())[:_QUOTE]
                lines.append(f"    stands in [{each.span_id} {cut(each.path or '', _QUOTE)}]: {quote}")
        yield "\n".join(lines)


def _is_quiet(ruling: Ruling) -> bool:
    return ruling.grade.passed is not False and not any(each.verified for each in ruling.evidence)


def _told(ruling: Ruling) -> str:
    value = cut(json.dumps(ruling.grade.value, ensure_ascii=False), _VALUE)
    return f"{ruling.grade.label}" if value.strip('"') == ruling.grade.label else f"{ruling.grade.label}, value {value}"


def _indented(words: str) -> Sequence[str]:
    return [f"    {line}" for line in words.splitlines() if line.strip()]
