"""What checks of tools share: whether a trace can tell which tools were used at all."""

from __future__ import annotations

from typing import Final

from .. import dialects
from ..dialects.base import Content, Role
from ..trace import Trace
from ..trajectory import model_calls
from .base import Grade, not_judgeable, passes

_ASKS_FOR_A_TOOL: Final = frozenset({"tool_call", "tool_calls", "tool_use", "function_call"})
"""Finish reasons, in lower case with underscores, of a model that stopped to call a tool."""


def without_tools(trace: Trace) -> Grade:
    """The grade of a trace in which no use of a tool was found."""
    models = [call.content for call in model_calls(trace)]
    agents = [content for span in trace.spans if (content := dialects.read(span)).role is Role.AGENT]
    if not models and not agents:
        return not_judgeable("the trace has no agent, model or tool span")
    if any(_asks_for_a_tool(content) for content in models):
        return not_judgeable("a model stopped to call a tool, but which, and how it ended, was not captured")
    if (models and all(_is_told(content) for content in models)) or any(_is_told(content) for content in agents):
        return passes("no tool was called")
    return not_judgeable(
        "nothing tells whether a tool was called: the trace has no tool span, "
        "and its messages and finish reasons were not captured"
    )


def _asks_for_a_tool(content: Content) -> bool:
    return any(reason.strip().lower().replace("-", "_") in _ASKS_FOR_A_TOOL for reason in content.finish_reasons)


def _is_told(content: Content) -> bool:
    return content.output is not None or bool(content.finish_reasons)
