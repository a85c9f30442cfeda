"""What people and the agents that they talk to said to each other, each message once."""

from __future__ import annotations

from collections.abc import Iterator

from .. import dialects
from ..dialects.base import Message, Reasoning, Role
from ..trace import Trace
from .steps import ModelTurn, Said, Step
from .telling import steps
from .walk import Walk

_SPEAKERS = frozenset({"user", "assistant", "model", "ai"})


def dialogue(trace: Trace) -> tuple[Message, ...]:
    """The messages of users and outermost agents, in order; of a session those of all turns.

    Instructions, tools and what agents say to each other are left out. Worked out once a trace.
    """
    return trace.once(dialogue, lambda: tuple(_told(trace)))


def _told(trace: Trace) -> Iterator[Message]:
    outer = _Outer(trace)
    for step in steps(trace).steps:
        message = _message(step)
        if message is not None and outer.holds(step):
            yield message


def _message(step: Step) -> Message | None:
    if isinstance(step, ModelTurn):
        role = "assistant"
    elif isinstance(step, Said) and step.role in _SPEAKERS:
        role = step.role
    else:
        return None
    parts = tuple(part for part in step.parts if not isinstance(part, Reasoning))
    return Message(role, parts) if parts else None


class _Outer:
    """Which steps are of an agent that no other agent and no tool runs."""

    def __init__(self, trace: Trace) -> None:
        self._walk = Walk(trace)

    def holds(self, step: Step) -> bool:
        span, walk = step.span, self._walk
        if dialects.read(span).role in (Role.AGENT, Role.TOOL):
            runs = span.span_id
        else:
            runs = walk.scopes[walk.place_of[span.span_id]]
        if not runs:
            return True
        place = walk.place_of[runs]
        return not walk.scopes[place] and dialects.read(walk.spans[place]).role is Role.AGENT
