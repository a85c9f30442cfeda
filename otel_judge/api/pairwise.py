"""`pairwise_judge`: which of two answers is better by one criterion. Asked twice, in both orders."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Unpack

from .. import trajectory
from ..config import Limits
from ..feedback import Feedback, JudgeFailure
from ..intervals import wilson
from ..trace import Trace
from .case import Case, Given, Task
from .model_judge import ModelJudge, config_of
from .models import ModelLike, models_of
from .running import background

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from ..judge import Middleware

Winner: TypeAlias = Literal["a", "b", "tie"]

_LONGEST = 16_000  # characters of one side; more is cut in the middle

_INSTRUCTIONS = """\
Two answers to the same request are given as `first` and `second`. Say which of them is better by this criterion, and \
by nothing else; neither their order nor their length counts:

{criterion}

[What the user asked] {{{{ inputs }}}}
[The answers] {{{{ outputs }}}}"""
_REFERENCE = "\n[A reference answer] {{ expectations }}"
_OTHERWISE = {"inputs": "(what the user asked was not captured)", "expectations": "(there is none)"}
_IN_ORDER: Mapping[str, Winner] = {"first": "a", "second": "b", "tie": "tie"}
_SWAPPED: Mapping[str, Winner] = {"first": "b", "second": "a", "tie": "tie"}


@dataclass(frozen=True)
class Comparison:
    """Which of two answers is better. `winner` is None where a judgement failed, and `error` says why."""

    key: str
    winner: Winner | None
    rationale: str
    error: JudgeFailure | None = None
    detail: dict[str, str] = field(default_factory=dict[str, str])
    """What was preferred in each order: `first`, `second` or `tie`, under `order1` and `order2`."""
    feedback: tuple[Feedback, ...] = ()
    """Of each judgement, with its tokens and cost."""

    @property
    def reasoning(self) -> str:
        """AG2's name for the rationale."""
        return self.rationale

    @property
    def flipped(self) -> bool:
        """The two orders gave different winners: the position counted."""
        orders = [_IN_ORDER.get(self.detail.get("order1", "")), _SWAPPED.get(self.detail.get("order2", ""))]
        return None not in orders and orders[0] != orders[1]


@dataclass(frozen=True)
class WinRate:
    """How often B won, ties as half, with the bounds of Wilson's 95 % interval."""

    rate: float | None
    """None where nothing was compared."""
    wins: int
    losses: int
    ties: int
    failures: int
    """Comparisons without a winner; they do not count."""
    low: float
    high: float

    @property
    def n(self) -> int:
        return self.wins + self.losses + self.ties


class _Preference(ModelJudge):
    def _otherwise(self) -> Mapping[str, str]:
        return _OTHERWISE


class PairwiseJudge:
    """See `pairwise_judge`. Thread-safe; it pickles by its config."""

    def __init__(self, judge: ModelJudge, *, include_trace: bool, include_reference: bool, swap: bool) -> None:
        self.judge = judge
        self.include_trace = include_trace
        self.include_reference = include_reference
        self.swap = swap

    def __repr__(self) -> str:
        return f"<PairwiseJudge {self.key!r}, model {self.judge.model!r}, version {self.judge.version}>"

    @property
    def key(self) -> str:
        return self.judge.name

    def __call__(self, a: Trace | object, b: Trace | object, **given: Unpack[Given]) -> Comparison:
        """Compares two traces, or two answers as values; `inputs` and `expectations` are of both."""
        return background.run(self.acall(a, b, **given))

    async def acall(self, a: Trace | object, b: Trace | object, **given: Unpack[Given]) -> Comparison:
        """The same for async code."""
        case = Case.of(**given)
        return await self._compare(a, b, case.inputs, case.expectations)

    async def compare(
        self, *, trace_a: Trace, trace_b: Trace, task: Task | None = None, reference_outputs: object = None
    ) -> Comparison:
        """The same, called as AG2 calls it."""
        return await self.acall(trace_a, trace_b, task=task, reference_outputs=reference_outputs)

    async def _compare(self, a: object, b: object, inputs: object, reference: object) -> Comparison:
        if inputs is None:
            inputs = next(
                (asked for each in (a, b) if isinstance(each, Trace) and (asked := trajectory.user_request(each))), None
            )
        sides = [(self._side(a), self._side(b))]
        if self.swap:
            sides.append((sides[0][1], sides[0][0]))
        expectations = reference if self.include_reference else None
        cases = [
            Case(
                inputs=inputs,
                outputs=json.dumps({"first": first, "second": second}, ensure_ascii=False, indent=1),
                expectations=expectations or None,
            )
            for first, second in sides
        ]
        found = await asyncio.gather(*(self.judge.grade(case) for case in cases))
        return self._outcome(tuple(found))

    def _outcome(self, found: tuple[Feedback, ...]) -> Comparison:
        detail = {f"order{number}": each.label for number, each in enumerate(found, 1)}
        for each in found:
            if each.label not in _IN_ORDER:
                error = each.error or JudgeFailure("not_judgeable", each.rationale)
                return Comparison(self.key, None, each.rationale, error, detail, found)
        winners: set[Winner] = {order[each.label] for order, each in zip((_IN_ORDER, _SWAPPED), found, strict=False)}
        return Comparison(
            self.key,
            winners.pop() if len(winners) == 1 else "tie",
            found[0].rationale,
            detail=detail,
            feedback=found,
        )

    def _side(self, given: object) -> object:
        if not isinstance(given, Trace):
            return _cut(given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str))
        final = trajectory.final_output(given)
        answer = _cut(final.text) if final is not None else "(not captured)"
        if not self.include_trace:
            return answer
        calls = (
            f"{use.name}({use.arguments or ''}) -> {'ERROR: ' if use.failed else ''}{use.error or use.result or ''}"
            for use in trajectory.tool_calls(given)
        )
        return {"answer": answer, "tool_calls": _cut("\n".join(calls)) or "(none)"}


def pairwise_judge(
    config: ModelLike,
    *,
    criterion: str,
    key: str,
    include_trace: bool = False,
    include_reference: bool = True,
    retries: int = 1,
    swap: bool = True,
    middleware: Iterable[Middleware] = (),
    limits: Limits | Mapping[str, Any] | None = None,
    own_spans: SpanExporter | None = None,
) -> PairwiseJudge:
    """A judge that is called as `judge(trace_a, trace_b)` and says which answer is better by one `criterion`.

    The judge is asked twice, the second time with the answers swapped; one wins only where both times agree, and all
    else is a tie. With `swap=False` it is asked once. A judgement that fails is no tie: there is no winner then.
    The other arguments are those of `agent_judge`; `include_trace` shows the tool calls of both.
    """
    where = f"judge {key!r}"
    text = _INSTRUCTIONS.format(criterion=criterion.strip()) + (_REFERENCE if include_reference else "")
    judge = config_of(
        where,
        name=key,
        instructions=text,
        model="main",
        values=("first", "second", "tie"),
        retries=retries,
        limits=limits,
        **{"pass": ()},
    )
    asked = _Preference(
        judge, models_of(config, where), description=criterion, middleware=middleware, own_spans=own_spans
    )
    return PairwiseJudge(asked, include_trace=include_trace, include_reference=include_reference, swap=swap)


def win_rate(comparisons: Iterable[Comparison]) -> WinRate:
    """How often B won."""
    winners = [each.winner for each in comparisons]
    wins, losses, ties = (winners.count(winner) for winner in ("b", "a", "tie"))
    n = wins + losses + ties
    rate = (wins + ties / 2) / n if n else None
    low, high = wilson(rate, n) if rate is not None else (0.0, 1.0)
    return WinRate(rate, wins, losses, ties, winners.count(None), low, high)


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters left out …]\n{text[-half:]}"
