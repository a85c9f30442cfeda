"""A tool call failed and no later call of the same tool succeeded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from ..config import ToolErrorsCheck
from ..feedback import Evidence, Value
from ..trace import Trace
from ..trajectory import ToolUse, model_calls, tool_calls
from .base import Grade, counted, fails, not_judgeable, passes, quote, some, version_of
from .tool_use import without_tools

CODE_VERSION: Final = 1
_NAMED: Final = 5  # tools that the rationale names


class ToolErrors:
    """Passes where every tool that failed has worked later. What counts as failed: `ToolUse.failed`."""

    name: ClassVar[str] = "tool_errors"

    def __init__(self, section: ToolErrorsCheck) -> None:
        self.version = version_of(section, CODE_VERSION)

    def grade(self, trace: Trace) -> Grade:
        uses = tool_calls(trace)
        if not uses:
            return without_tools(trace)
        failed = [use for use in uses if use.failed]
        lost = _not_recovered(uses)
        calls = counted(len(uses), "tool call")
        detail: dict[str, Value] = {"calls": len(uses), "failed": len(failed), "not_recovered": len(lost)}
        if lost:
            rationale = f"{len(lost):,} of {calls} failed and no later call of the same tool succeeded: {_names(lost)}"
            return fails(rationale, _errors(lost), detail)
        if lacking := untold(trace, uses):
            rationale = f"the results of {len(lacking):,} of {calls} were not captured: {_names(lacking)}"
            return not_judgeable(rationale, detail=detail)
        if failed:
            rationale = f"{len(failed):,} of {calls} failed, and a later call of the same tool succeeded"
            return passes(rationale, _errors(failed), detail)
        return passes(f"none of {calls} failed", detail=detail)


def _not_recovered(uses: Sequence[ToolUse]) -> list[ToolUse]:
    succeeded: set[str] = set()
    lost: list[ToolUse] = []
    for use in reversed(uses):
        if use.failed and use.name not in succeeded:
            lost.append(use)
        elif use.succeeded:
            succeeded.add(use.name)
    return lost[::-1]


def untold(trace: Trace, uses: Sequence[ToolUse]) -> list[ToolUse]:
    """Calls of which the trace does not tell how they ended; those of its very last model call may still be open."""
    calls = model_calls(trace)
    last = calls[-1].span.span_id if calls else None
    return [use for use in uses if not use.failed and not use.succeeded and use.span_id != last]


def _errors(uses: Iterable[ToolUse]) -> tuple[Evidence, ...]:
    return some(quote(use.error, use.error_at) for use in uses if use.error is not None and use.error_at is not None)


def _names(uses: Iterable[ToolUse]) -> str:
    names = list(dict.fromkeys(use.name for use in uses))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
