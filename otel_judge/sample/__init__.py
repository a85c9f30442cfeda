"""sample: finished trace -> Decision. A policy is one module; of those that take a trace, the first is named.

The config is the Collector's `tail_sampling` policy blocks. Any policy that takes a trace is enough; none at all
means every trace.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..config import PolicyConfig, Sampling
from ..decision import Decision
from ..trace import Trace
from .always_sample import AlwaysSample
from .latency import Latency
from .policy import Policy, Vote
from .probabilistic import Probabilistic
from .status_code import StatusCode

__all__ = ["Policy", "Sampler", "Vote"]

_KINDS: Mapping[str, Callable[[Any], Policy]] = {
    policy.kind: policy for policy in (AlwaysSample, Latency, Probabilistic, StatusCode)
}


class Sampler:
    """Decides which finished traces are judged, and by which judges."""

    def __init__(self, config: Sampling, judges: Sequence[str]) -> None:
        self._policies = tuple(_build(policy) for policy in config.policies)
        self._judges = tuple(judges)

    def decide(self, trace: Trace) -> Decision:
        if not self._policies:
            return self._decision("", "no policies are set, so every trace is taken", probability=1.0)
        votes = [(policy, policy.evaluate(trace)) for policy in self._policies]
        probability = union(vote for _, vote in votes)
        for policy, vote in votes:
            if vote.sampled:
                return self._decision(
                    policy.name, f"policy {policy.name!r} ({policy.kind}): {vote.reason}", probability
                )
        reasons = "; ".join(f"{policy.name!r} ({policy.kind}): {vote.reason}" for policy, vote in votes)
        return Decision(
            sampled=False, judges=(), policy="", reason=f"no policy took it: {reasons}", probability=probability
        )

    def _decision(self, policy: str, reason: str, probability: float) -> Decision:
        return Decision(sampled=True, judges=self._judges, policy=policy, reason=reason, probability=probability)


def union(votes: Iterable[Vote]) -> float:
    """How likely it was that any of the policies took the trace.

    Policies that share a draw take nested shares, so the largest counts; different draws are independent.
    """
    largest: dict[str, float] = {}
    for vote in votes:
        if vote.draw is None:
            if vote.sampled:
                return 1.0
        else:
            largest[vote.draw] = max(vote.probability, largest.get(vote.draw, 0.0))
    if len(largest) == 1:
        return next(iter(largest.values()))
    return 1.0 - math.prod(1.0 - probability for probability in largest.values())


def _build(config: PolicyConfig) -> Policy:
    return _KINDS[config.type](config)
