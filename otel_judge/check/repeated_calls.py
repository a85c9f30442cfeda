"""The same tool was called with the same arguments again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Final

from ..config import RepeatedCallsCheck
from ..feedback import Evidence, Value
from ..trace import Trace
from ..trajectory import ToolUse, canonical, tool_calls
from .base import Grade, counted, fails, not_judgeable, passes, quote, quote_name, some, version_of
from .tool_use import without_tools

CODE_VERSION: Final = 1


class RepeatedCalls:
    """Fails where one tool was called `min` times or more with equal arguments, compared as JSON values."""

    name: ClassVar[str] = "repeated_calls"

    def __init__(self, section: RepeatedCallsCheck) -> None:
        self._min = section.min
        self.version = version_of(section, CODE_VERSION)

    def grade(self, trace: Trace) -> Grade:
        uses = tool_calls(trace)
        if not uses:
            return without_tools(trace)
        alike: dict[tuple[str, str], list[ToolUse]] = {}
        untold: Counter[str] = Counter()
        for use in uses:
            if use.arguments is None:
                untold[use.name] += 1
            else:
                alike.setdefault((use.name, canonical(use.arguments)), []).append(use)
        most = max(alike.values(), key=len, default=list[ToolUse]())
        detail: dict[str, Value] = {"calls": len(uses), "most_alike": len(most)}
        if len(most) >= self._min:
            rationale = (
                f"{most[0].name} was called {counted(len(most), 'time')} with the same arguments, "
                f"{self._min} or more fail"
            )
            return fails(rationale, _calls(trace, most), detail)
        if tool := self._may_repeat(alike, untold):
            rationale = (
                f"the arguments of {untold[tool]:,} of the calls of {tool} were not captured: "
                f"{self._min} or more may be the same"
            )
            return not_judgeable(rationale, detail=detail)
        made = counted(len(uses), "tool call")
        rationale = (
            f"{made}, at most {len(most)} of one tool with the same arguments (limit {self._min - 1})"
            if len(most) > 1
            else f"{made}, no two with the same arguments"
        )
        return passes(rationale, detail=detail)

    def _may_repeat(self, alike: dict[tuple[str, str], list[ToolUse]], untold: Counter[str]) -> str | None:
        """A tool whose calls without known arguments could be enough repetitions; None if there is none."""
        known: Counter[str] = Counter()
        for (name, _), uses in alike.items():
            known[name] = max(known[name], len(uses))
        return next((name for name, number in untold.items() if number + known[name] >= self._min), None)


def _calls(trace: Trace, uses: Sequence[ToolUse]) -> tuple[Evidence, ...]:
    """Each call by its arguments, or, where these have no text, by the name of its span."""
    evidence: list[Evidence] = []
    for use in uses:
        if use.arguments and use.arguments_at is not None:
            evidence.append(quote(use.arguments, use.arguments_at))
        else:
            evidence.extend(quote_name(trace.by_id[use.span_id]))
    return some(evidence)
