"""What an agent did, step by step: the vocabulary of the trajectory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ..dialects.base import Content, Part
from ..trace import Span
from .places import Place
from .tool_calls import ToolUse

Failure: TypeAlias = tuple[str, Place]
"""What went wrong, in the trace's own words, and where that stands."""


@dataclass(frozen=True, slots=True)
class AgentRun:
    """A run of an agent begins. What it did follows, one deeper."""

    depth: int
    span: Span
    name: str
    error: Failure | None


@dataclass(frozen=True, slots=True)
class Said:
    """A message, or what is new of one, that no model call of this trace wrote: instructions, a user, an answer."""

    depth: int
    span: Span
    path: str
    """`input` or `output`."""
    role: str
    parts: tuple[Part, ...]
    """Without calls and results of tools, which are steps of their own, but for those that the span of the tool tells
    otherwise. Empty for an empty message."""


@dataclass(frozen=True, slots=True)
class ModelTurn:
    """A model call, and what it answered. Nested spans that describe the same call are one turn."""

    depth: int
    span: Span
    """The one that stands for the call, with its tokens in `content`."""
    content: Content
    answered_in: Span
    """The span that holds the answer, at the path `output`; mostly the same."""
    parts: tuple[Part, ...]
    """Text, reasoning and blobs of the answer."""
    calls: tuple[str, ...]
    """Names of the tools that it asks for; each is a step of its own."""
    has_input: bool
    """False: the input was not captured."""
    has_output: bool
    """False: the answer was not captured, or there was none."""
    error: Failure | None


@dataclass(frozen=True, slots=True)
class ToolStep:
    """A use of a tool: its call, its span and its result together."""

    depth: int
    span: Span
    use: ToolUse


@dataclass(frozen=True, slots=True)
class Work:
    """Spans that are no step of an agent: HTTP, databases, queues, retrieval, workflows.

    Alike siblings between two other steps are one `Work`, and so are all spans there that say nothing. Those that
    failed are never together with those that did not.
    """

    depth: int
    spans: tuple[Span, ...]
    """At least one, in order."""
    error: Failure | None
    """Of the first of them; the others failed in the same words."""

    @property
    def span(self) -> Span:
        return self.spans[0]

    @property
    def is_alike(self) -> bool:
        """Whether the first of them stands for all; else they have nothing in common but that they say nothing."""
        return all(span.name == self.span.name for span in self.spans)


Step: TypeAlias = AgentRun | Said | ModelTurn | ToolStep | Work


@dataclass(frozen=True, slots=True)
class Trajectory:
    """The steps of a trace, in the order of its tree: what an agent or a tool did stands below it, one deeper."""

    steps: tuple[Step, ...]
    first: Mapping[str, int]
    """Long texts that stand in the steps, each with the number of the first step that holds it, from 1."""

    def __len__(self) -> int:
        return len(self.steps)


def failure_of(step: Step) -> Failure | None:
    """What went wrong at a step; None if nothing says that it failed."""
    if isinstance(step, ToolStep):
        use = step.use
        return (use.error, use.error_at or Place(use.span_id, "name")) if use.error is not None else None
    return None if isinstance(step, Said) else step.error
