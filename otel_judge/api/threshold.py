"""`threshold`: a number as pass or fail."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from typing import Unpack

from ..errors import InstructionsError
from ..feedback import Feedback
from .case import Case, Given
from .scorer import Scorer


def threshold(
    scorer: Scorer, *, at_least: float | None = None, at_most: float | None = None, key: str | None = None
) -> Scorer:
    """A scorer whose numbers pass from `at_least` up, and down from `at_most`; both bounds are inclusive.

    The score stays the number, and `detail` has it with the bounds. What is no number passes through: bools and labels
    keep their own verdict, and failures stay failures. `key` names the gate; by default it keeps the scorer's name.

    Raises `InstructionsError` without a bound, and for bounds that no number can meet.
    """
    where = f"threshold({scorer.name!r})"
    bounds = [bound for bound in (at_least, at_most) if bound is not None]
    if not bounds:
        raise InstructionsError(where, "there is no bound", "set at_least, at_most or both")
    if not all(math.isfinite(bound) for bound in bounds):
        raise InstructionsError(where, "a bound is not finite", "give finite numbers")
    if bounds != sorted(bounds):
        raise InstructionsError(where, f"no number is at least {at_least} and at most {at_most}", "swap them")
    return Threshold(scorer, at_least, at_most, key)


class Threshold(Scorer):
    """See `threshold`."""

    def __init__(self, scorer: Scorer, at_least: float | None, at_most: float | None, key: str | None) -> None:
        self.inner = scorer
        self.at_least = at_least
        self.at_most = at_most
        self._key = key
        self.prefix = scorer.prefix
        self.target = scorer.target
        super().__init__(key or scorer.name, scorer.scorer.kind, self._version(scorer.version))

    def __repr__(self) -> str:
        bounds = [f"at_least={self.at_least}"] if self.at_least is not None else []
        bounds += [f"at_most={self.at_most}"] if self.at_most is not None else []
        return f"<Threshold {self.name!r}, {', '.join(bounds)}, of {self.inner!r}>"

    @property
    def most_usd(self) -> float | None:
        return self.inner.most_usd

    def __call__(self, **given: Unpack[Given]) -> Feedback | list[Feedback] | None:
        """As the scorer gives it: one feedback, a list, or None."""
        return self._gated(self.inner(**given))

    async def acall(self, **given: Unpack[Given]) -> Feedback | list[Feedback] | None:
        return self._gated(await self.inner.acall(**given))

    async def score(self, case: Case, *, answered: Callable[[], None] | None = None) -> list[Feedback]:
        return [self._gate(each) for each in await self.inner.score(case, answered=answered)]

    def _gated(self, found: Feedback | list[Feedback] | None) -> Feedback | list[Feedback] | None:
        if found is None:
            return None
        return [self._gate(each) for each in found] if isinstance(found, list) else self._gate(found)

    def _gate(self, feedback: Feedback) -> Feedback:
        name = self._key or feedback.name
        named = replace(feedback.scorer, name=name, version=self._version(feedback.scorer.version))
        value, score = feedback.value, feedback.score
        if score is None or isinstance(value, bool) or not isinstance(value, int | float):
            return replace(feedback, scorer=named)
        passed = (self.at_least is None or score >= self.at_least) and (self.at_most is None or score <= self.at_most)
        return replace(
            feedback,
            scorer=named,
            label="pass" if passed else "fail",
            passed=passed,
            detail={**feedback.detail, "score": score, "at_least": self.at_least, "at_most": self.at_most},
        )

    def _version(self, version: str) -> str:
        text = f"{version} {self.at_least} {self.at_most}"
        return blake2b(text.encode(), digest_size=6).hexdigest()
