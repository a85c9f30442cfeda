"""What the generations of Anthropic's models take, as far as a judge's requests differ by it.

The models are those that the SDK lists; the behaviours are those that the provider documents for them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Generation:
    """What models whose names start alike have in common."""

    thinks: Literal["when asked", "unless told not to", "always"] = "when asked"
    off: Literal["disabled", "between_tools"] = "disabled"
    """The type of `thinking` that turns it off."""
    takes_adaptive: bool = True
    """Takes thinking of type `adaptive`."""
    takes_budget: bool = False
    """Takes thinking of type `enabled` with `budget_tokens`."""
    takes_sampling: bool = False
    """Takes `temperature`, `top_p` and `top_k`."""
    takes_forcing: bool = True
    """Takes a `tool_choice` of the types `any` and `tool`."""
    binds_thinking: bool = False
    """A thinking block counts only after the system text, tools and messages that stood before it."""
    most_output: int = 128_000
    """The highest `max_tokens`."""


UNKNOWN = Generation(takes_budget=True, takes_sampling=True)
"""A model that the SDK does not list: nothing is refused that some model takes."""

_BUDGETED = Generation(takes_adaptive=False, takes_budget=True, takes_sampling=True, most_output=64_000)
_ADAPTIVE = Generation(takes_budget=True, takes_sampling=True)
_UNSAMPLED = Generation()
_THINKING = Generation(thinks="unless told not to")
_ALWAYS = Generation(thinks="always")
_UNFORCED = replace(_ALWAYS, takes_forcing=False)
_BOUND = replace(_UNFORCED, binds_thinking=True)

GENERATIONS = {
    "claude-haiku-4-5": _BUDGETED,
    "claude-opus-4-5": _BUDGETED,
    "claude-sonnet-4-5": _BUDGETED,
    "claude-opus-4-6": _ADAPTIVE,
    "claude-sonnet-4-6": _ADAPTIVE,
    "claude-opus-4-7": _UNSAMPLED,
    "claude-opus-4-8": _UNSAMPLED,
    "claude-mythos-preview": replace(_ADAPTIVE, thinks="always"),
    "claude-opus-5": _THINKING,
    "claude-sonnet-5": _THINKING,
    "claude-fable-5": _ALWAYS,
    "claude-mythos-5": _ALWAYS,
    "claude-mythos-5-1": _UNFORCED,
    "claude-fable-5-1": _BOUND,
    "claude-fable-5-2": _BOUND,
    "claude-mythos-5-2": _BOUND,
    "claude-opus-5-5": _BOUND,
    "claude-sonnet-5-5": replace(_BOUND, thinks="unless told not to", off="between_tools"),
    "claude-haiku-5-5": replace(_THINKING, binds_thinking=True),
}
"""By the start of the model's name; the longest that fits counts."""


def generation_of(model: str) -> Generation:
    """What a model of that name takes."""
    fitting = [start for start in GENERATIONS if model.startswith(start)]
    return GENERATIONS[max(fitting, key=len)] if fitting else UNKNOWN
