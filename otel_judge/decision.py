"""What was decided about a finished trace: judged or not, by which judges, why, and how likely that was."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a finished trace is judged.

    `probability` is the inclusion probability of the trace under all policies together, in (0, 1]; for a trace that
    was not sampled it is the probability that it had, 0.0 where no policy could have taken it. None: unknown.
    """

    sampled: bool
    judges: tuple[str, ...]
    """Names of the judges to run, in config order. Empty when not sampled."""
    policy: str
    """Name of the policy that decided; empty when none took the trace."""
    reason: str
    """The decision in words, such as `policy 'errors' (status_code): a span has status ERROR`."""
    probability: float | None
