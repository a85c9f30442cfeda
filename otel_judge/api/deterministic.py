"""Scorers in code, on what the agent did, whatever dialect the trace is written in.

What a trace does not tell is `not_judgeable`, never a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, TypeAlias, cast

from ..check.base import Grade, counted, fails, not_judgeable, passes, quote, some
from ..check.tokens import Tokens
from ..check.tool_errors import untold
from ..check.tool_use import without_tools
from ..config import TokensCheck
from ..feedback import Evidence, Feedback
from ..trace import Trace
from ..trajectory import ToolUse, tool_calls
from .scorer import FunctionScorer, Scorer

Matcher: TypeAlias = 'Literal["exact", "casefold", "contains"] | Callable[[object, object], bool]'
"""How an answer is compared with what was expected; a function gets the answer first."""

_MATCHERS = ("exact", "casefold", "contains")
_NO_TRACE = not_judgeable("there is no trace")


def tool_called(name: str, exactly: int | None = None, *, key: str | None = None) -> Scorer:
    """Passes where the agent called the tool: `exactly` so often, or else at least once."""
    if exactly is not None and exactly < 0:
        raise ValueError(f"exactly={exactly}: a tool is called 0 times or more")
    return FunctionScorer(partial(_tool_called, name, exactly), name=key or f"tool_called[{name}]")


def no_tool_errors(*, key: str = "no_tool_errors") -> Scorer:
    """Passes where no tool call failed, mended later or not. The check `tool_errors` forgives what was mended."""
    return FunctionScorer(_no_tool_errors, name=key)


def final_answer_matches(
    field: str = "answer", matcher: Matcher = "casefold", *, key: str = "final_answer_matches"
) -> Scorer:
    """Passes where the final answer is what `reference_outputs[field]` says.

    The answer is its own `field` where it is a JSON object that has one, else its text. `matcher` is `exact`,
    `casefold` (equal but for case), `contains` (the expected text stands in the answer), or a function of both.
    Without a reference there is nothing to compare: `not_judgeable`.
    """
    if matcher not in _MATCHERS and not callable(matcher):
        raise ValueError(f"matcher={matcher!r} is none of {', '.join(_MATCHERS)}, nor a function")
    return FunctionScorer(partial(_final_answer_matches, field, matcher), name=key)


def token_budget(max_tokens: int, *, key: str = "token_budget") -> Scorer:
    """Passes where the whole trace used at most so many tokens, input (cached included) plus output."""
    if max_tokens < 1:
        raise ValueError(f"max_tokens={max_tokens}: a budget is at least one token")
    return FunctionScorer(partial(_token_budget, max_tokens), name=key)


def _tool_called(name: str, exactly: int | None, trace: Trace | None) -> Feedback:
    if trace is None:
        return _feedback(_NO_TRACE)
    uses = tool_calls(trace)
    if not uses and (untold_at_all := without_tools(trace)).passed is None:
        return _feedback(untold_at_all)
    found = [use for use in uses if use.name == name]
    called = f"{name} was called {counted(len(found), 'time')}"
    fits = len(found) == exactly if exactly is not None else bool(found)
    wanted = "" if exactly is None else f", not {exactly}"
    return _feedback(passes(called, _calls(found)) if fits else fails(called + wanted, _calls(found)))


def _no_tool_errors(trace: Trace | None) -> Feedback:
    if trace is None:
        return _feedback(_NO_TRACE)
    uses = tool_calls(trace)
    if not uses:
        return _feedback(without_tools(trace))
    failed = [use for use in uses if use.failed]
    calls = counted(len(uses), "tool call")
    if failed:
        errors = some(quote(use.error, use.error_at) for use in failed if use.error and use.error_at)
        return _feedback(fails(f"{len(failed):,} of {calls} failed", errors))
    if lacking := untold(trace, uses):
        return _feedback(not_judgeable(f"the results of {len(lacking):,} of {calls} were not captured"))
    return _feedback(passes(f"none of {calls} failed"))


def _final_answer_matches(field: str, matcher: Matcher, outputs: object, reference_outputs: object) -> Feedback:
    reference = cast("Mapping[str, object]", reference_outputs)
    if not isinstance(reference_outputs, Mapping) or field not in reference:
        return _feedback(not_judgeable(f"there is no reference under {field!r}"))
    expected, actual = reference[field], _answer(outputs, field)
    if actual is None:
        return _feedback(not_judgeable("there is no final answer"))
    if matcher == "exact":
        matches = actual == expected
    elif matcher == "casefold":
        matches = str(actual).casefold() == str(expected).casefold()
    elif matcher == "contains":
        matches = str(expected) in str(actual)
    else:
        matches = bool(matcher(actual, expected))
    how = matcher if isinstance(matcher, str) else getattr(matcher, "__name__", "function")
    said = f"the answer {'matches' if matches else 'does not match'} the reference ({how})"
    return _feedback(passes(said) if matches else fails(said, ()))


def _token_budget(max_tokens: int, trace: Trace | None) -> Feedback:
    return _feedback(_NO_TRACE if trace is None else Tokens(TokensCheck(max=max_tokens)).grade(trace))


def _answer(outputs: object, field: str) -> object:
    """The field of a structured answer, else the answer's text."""
    if not isinstance(outputs, Mapping):
        return outputs
    given = cast("Mapping[str, object]", outputs)
    content = given.get("content", given)
    if isinstance(content, Mapping) and field in content:
        return cast("Mapping[str, object]", content)[field]
    return given.get("body")


def _calls(uses: list[ToolUse]) -> tuple[Evidence, ...]:
    return some(quote(use.arguments, use.arguments_at) for use in uses if use.arguments and use.arguments_at)


def _feedback(grade: Grade) -> Feedback:
    return Feedback(value=grade.passed, rationale=grade.rationale, evidence=grade.evidence, detail=grade.detail)
