"""What judgements cost before they are paid for: the most that one can, and what one is likely to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..config_judges import Limits
from .agent import Brief
from .budget import EXTRA_TURNS, MAX_ANSWER_TOKENS, TURN_BYTES, tokens_of
from .pieces import Piece
from .prices import Price
from .tools.answer import size

_ANSWER_TOKENS = 500  # of an answer, thinking not counted
_TURNS = 4  # that a judgement takes where it explores: assumed, since no trace says how much a model will look up


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of one judgement, on the high side: three bytes to a token, and the dearest rate of the model."""

    turns: int
    """That were assumed: 1 where the trace is read whole."""
    least_tokens: int
    """In one turn."""
    least_usd: float | None
    """None where the price of the model is not known."""
    tokens: int
    """In the turns that were assumed."""
    usd: float | None
    most_tokens: int
    """The judge's ceiling."""
    most_usd: float | None


def most_usd(limits: Limits, prices: Iterable[Price], *, max_tokens: int | None, sweep: bool) -> float | None:
    """The most that a judgement within its limits can cost, whichever of the models answers; None: nobody knows."""
    if limits.usd is not None:
        return limits.usd
    answers = limits.tokens
    if not sweep:  # the parts of a sweep are no turns
        answers = min(answers, (limits.turns + EXTRA_TURNS) * max(MAX_ANSWER_TOKENS, max_tokens or 0))
    costs = [price.most_usd(limits.tokens - answers, answers) for price in prices]
    known = [cost for cost in costs if cost is not None]
    return max(known) if len(known) == len(costs) else None


def estimate(brief: Brief, parts: Sequence[Piece], limits: Limits, price: Price, most: float | None) -> Estimate:
    """Of a judgement that begins with this brief, and reads these parts before it."""
    explores = brief.span_tools and not brief.whole
    turns = min(_TURNS, limits.turns) if explores else 1
    least = _taken(brief, parts, limits, 1)
    likely = _taken(brief, parts, limits, turns)

    def usd(taken: tuple[int, int]) -> float | None:
        cost = price.most_usd(*taken)
        return cost if cost is None or most is None else min(cost, most)

    return Estimate(turns, sum(least), usd(least), sum(likely), usd(likely), limits.tokens, most)


def _taken(brief: Brief, parts: Sequence[Piece], limits: Limits, turns: int) -> tuple[int, int]:
    """Tokens that are read and answered in so many turns, within the limit."""
    first = tokens_of(brief.size)
    read = sum(first + turn * tokens_of(TURN_BYTES // 2) for turn in range(turns))
    read += sum(tokens_of(size(brief.system) + size(brief.own) + size(piece.text)) for piece in parts)
    answered = _ANSWER_TOKENS * (turns + len(parts))
    tokens = min(limits.tokens, read + answered)
    return max(0, tokens - answered), min(answered, tokens)
