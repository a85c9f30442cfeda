"""What stands for the variables of instructions: given by the caller, or read from the judged trace."""

from __future__ import annotations

import json
from collections.abc import Mapping

from .. import dialects, trajectory
from ..session import Session
from ..trace import Trace
from .text import clean, show_messages
from .tools.answer import head, size, tail

_LONGEST = 40_000  # bytes of one variable; more is cut in the middle


def fill(
    names: tuple[str, ...], trace: Trace, given: Mapping[str, object], otherwise: Mapping[str, str]
) -> tuple[dict[str, str], str | None]:
    """Text for each variable: given, from the trace, or else of `otherwise`; and the first for which there is none."""
    filled = dict[str, str]()
    for name in names:
        text = _as_text(given[name]) if given.get(name) is not None else _from_trace(name, trace)
        if text is None:
            text = otherwise.get(name)
        if text is None:
            return filled, name
        filled[name] = _bounded(clean(text))
    return filled, None


def _from_trace(name: str, trace: Trace) -> str | None:
    if name == "inputs":
        return trajectory.user_request(trace)
    if name == "outputs":
        final = trajectory.final_output(trace)
        return None if final is None else final.text or show_messages((final.message,))
    return _conversation(trace) if name == "conversation" else None


def _conversation(trace: Trace) -> str | None:
    """Every model call repeats the conversation so far: the last one that has content holds it all.

    Of a session, what users and agents said to each other: no call need hold all of that.
    """
    if isinstance(trace, Session):
        return show_messages(said) if (said := trajectory.dialogue(trace)) else None
    calls = [call.span for call in reversed(trajectory.model_calls(trace))]
    for span in (*calls, *trace.roots):
        content = dialects.read(span)
        if content.input:
            return show_messages(content.input + (content.output or ()))
    return None


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1, default=str)


def _bounded(text: str) -> str:
    if size(text) <= _LONGEST:
        return text
    front, back = head(text, _LONGEST // 2), tail(text, _LONGEST // 2)
    return f"{front}\n[… {len(text) - len(front) - len(back)} characters left out …]\n{back}"
