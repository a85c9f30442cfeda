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
_TURNS = 4  # of a judgement that explores


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of one judgement, on the high side: three bytes to a token, and the dearest rate of the model."""

    tokens: int
    usd: float | None
    """None where the price of the model is not known."""
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
    first = tokens_of(brief.size)
    turns = _TURNS if brief.span_tools and not brief.whole else 1
    turns = min(turns, limits.turns)
    read = sum(first + turn * tokens_of(TURN_BYTES // 2) for turn in range(turns))
    read += sum(tokens_of(size(brief.system) + size(brief.own) + size(piece.text)) for piece in parts)
    answered = _ANSWER_TOKENS * (turns + len(parts))
    tokens = min(limits.tokens, read + answered)
    usd = price.most_usd(max(0, tokens - answered), min(answered, tokens))
    if usd is not None and most is not None:
        usd = min(usd, most)
    return Estimate(tokens, usd, limits.tokens, most)
