"""Tokens, and money, of the whole trace against limits."""

from __future__ import annotations

from typing import ClassVar, Final

from ..config import TokensCheck
from ..feedback import Evidence, Value
from ..trace import Trace
from ..trajectory import ModelCall, TokenTotals, cost_of, token_totals
from .base import Grade, counted, fails, not_judgeable, passes, quote_name, some, version_of

CODE_VERSION: Final = 1
_NAMED: Final = 3  # models that the rationale names, calls that are cited


class Tokens:
    """Passes within both limits. Each model call counts once, whatever number of spans describe it."""

    name: ClassVar[str] = "tokens"

    def __init__(self, section: TokensCheck) -> None:
        self._max = section.max
        self._max_usd = section.max_usd
        self.version = version_of(section, CODE_VERSION)

    def grade(self, trace: Trace) -> Grade:
        totals = token_totals(trace)
        if not totals.counted:
            return not_judgeable("no span of the trace reports tokens")
        rationale = (
            f"{totals.input_tokens:,} input and {totals.output_tokens:,} output tokens, {totals.total_tokens:,} in all"
            f"{'' if self._max is None else f' (limit {self._max:,})'}, in {counted(len(totals.counted), 'call')}"
        )
        detail: dict[str, Value] = {
            "input_tokens": totals.input_tokens,
            "output_tokens": totals.output_tokens,
            "calls": len(totals.counted),
        }
        passed = self._max is None or totals.total_tokens <= self._max
        unpriced: tuple[str, ...] = ()
        if self._max_usd is not None:
            cost = cost_of(totals.counted)
            unpriced = cost.unpriced
            detail["usd"] = cost.usd
            passed = passed and cost.usd <= self._max_usd
            rationale += f"; {'at least ' if unpriced else ''}{cost.usd:,.4f} USD (limit {self._max_usd:,g})"
        if not passed:
            return fails(rationale, _dearest(totals), detail)
        if unpriced:
            models = ", ".join(unpriced[:_NAMED]) + (" and others" if len(unpriced) > _NAMED else "")
            return not_judgeable(f"{rationale}; no price is known for {models}", detail)
        if totals.uncounted:
            said = f"{rationale}; {counted(len(totals.uncounted), 'model call')} besides report no tokens"
            return not_judgeable(said, detail)
        return passes(rationale, detail=detail)


def _dearest(totals: TokenTotals) -> tuple[Evidence, ...]:
    calls = sorted(totals.counted, key=_size, reverse=True)[:_NAMED]
    return some(evidence for call in calls for evidence in quote_name(call.span))


def _size(call: ModelCall) -> int:
    usage = call.content.usage
    return 0 if usage is None else (usage.input_tokens or 0) + (usage.output_tokens or 0)
