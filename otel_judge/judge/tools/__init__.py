"""Span tools: functions of a trace alone, the same for the judge and for `otel-judge tool`.

Every answer stays within `CAP_BYTES` on any trace, says what it left out and how to get it, and is deterministic.
A call that cannot be answered is answered with a short message that helps to call again; nothing raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...errors import ConfigError
from ...trace import Trace
from . import get_span, get_trace_info, list_spans, read_steps, search_trace_regex, span_statistics
from .answer import CAP_BYTES, Answer, Arguments, InvalidArguments, Tool, cut, head, size

__all__ = ["CAP_BYTES", "TOOLS", "Answer", "Tool", "answer", "call", "call_text"]

TOOLS: Mapping[str, Tool] = {
    module.TOOL.name: module.TOOL
    for module in (get_trace_info, read_steps, list_spans, get_span, search_trace_regex, span_statistics)
}
"""Every span tool by name, in the order in which judges see them."""

_NOTICE = "\n… the rest was cut"


def call(name: str, trace: Trace, arguments: Mapping[str, object]) -> str:
    """The tool's answer, byte for byte as a judge sees it. Numbers may be given as text."""
    return answer(name, trace, arguments).text


def call_text(name: str, trace: Trace, words: Sequence[str]) -> str:
    """`call` with arguments as a command line has them, `ARG=VALUE`.

    Raises `ConfigError` for an unknown tool and for a word that is no argument.
    """
    if name not in TOOLS:
        raise ConfigError("tool", f"no tool is named {name!r}", f"use one of {', '.join(TOOLS)}")
    arguments = dict[str, object]()
    for word in words:
        argument, equals, value = word.partition("=")
        if not equals or argument not in {parameter.name for parameter in TOOLS[name].parameters}:
            known = ", ".join(f"{parameter.name}=…" for parameter in TOOLS[name].parameters) or "none"
            raise ConfigError(f"tool {name}", f"{word!r} is not one of its arguments", f"it takes {known}")
        arguments[argument] = value
    return call(name, trace, arguments)


def answer(name: str, trace: Trace, arguments: Mapping[str, object]) -> Answer:
    """The tool's answer with a record of what it showed."""
    tool = TOOLS.get(name)
    if tool is None:
        return Answer(f"no tool is named {name[:60]!r}; there are {', '.join(TOOLS)}")
    try:
        found = tool.run(trace, _checked(tool, arguments))
    except InvalidArguments as error:
        found = Answer(str(error))
    if size(found.text) > CAP_BYTES:
        return Answer(head(found.text, CAP_BYTES - size(_NOTICE)) + _NOTICE, found.seen)
    return found


def _checked(tool: Tool, arguments: Mapping[str, object]) -> Arguments:
    known = {parameter.name: parameter for parameter in tool.parameters}
    checked: dict[str, str | int] = {}
    for name, value in arguments.items():
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise InvalidArguments(f"{tool.name} takes no {name[:60]!r}; its arguments: {allowed}")
        if value is not None:
            checked[name] = _text(name, value) if known[name].kind == "string" else _count(name, value)
    if missing := [
        parameter.name for parameter in tool.parameters if parameter.required and not checked.get(parameter.name)
    ]:
        raise InvalidArguments(f"{tool.name} needs {', '.join(missing)}")
    return checked


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidArguments(f"{name} must be text, not {cut(repr(value), 60)}")
    return value


def _count(name: str, value: object) -> int:
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 16:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidArguments(f"{name} must be a whole number from 0, not {cut(repr(value), 60)}")
    return value
