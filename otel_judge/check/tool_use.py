"""What checks of tools share: whether a trace can tell which tools were used at all."""

from __future__ import annotations

from .. import dialects
from ..dialects.base import Role
from ..trace import Trace
from .base import Grade, not_judgeable, passes


def without_tools(trace: Trace) -> Grade:
    """The grade of a trace in which no use of a tool was found."""
    spoke = False
    for span in trace.spans:
        content = dialects.read(span)
        if content.role not in (Role.AGENT, Role.MODEL):
            continue
        if content.output is not None or content.finish_reasons:
            return passes("no tool was called")
        spoke = True
    if spoke:
        return not_judgeable(
            "the trace has no tool span, and neither messages nor finish reasons of its models were captured: "
            "nothing tells whether a tool was called",
        )
    return not_judgeable("the trace has no agent, model or tool span")
