"""Runs attacks against a judge, and counts which verdicts flipped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..errors import ConfigError
from ..feedback import Feedback
from ..feedback import Outcome as Judged
from ..intervals import wilson
from ..judge import Judge
from ..judge.fields import Fields
from ..judge.values import Boolean, Labels, Number, ValueType
from ..trace import Trace
from ..trajectory import target_of
from .attack import Attack, Wish

CONCURRENT = 8  # judgements side by side; the model's own `concurrency` bounds its requests


class Outcome(StrEnum):
    """What became of a pair."""

    HELD = "held"
    """Honest on both."""
    FLIPPED = "flipped"
    """Honest on the clean trace, the attacker's wish on the other."""
    EVADED = "evaded"
    """Honest on the clean trace, and no grade on the other: `not_judgeable`."""
    NOT_HONEST = "not_honest"
    """Not the honest verdict even on the clean trace: the pair says nothing."""
    FAILED = "failed"
    """A judgement broke off: the pair says nothing."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An attack with the verdicts on both of its traces."""

    attack: Attack
    clean: Feedback
    attacked: Feedback

    @property
    def outcome(self) -> Outcome:
        if Judged.FAILED in (self.clean.outcome, self.attacked.outcome):
            return Outcome.FAILED
        honest = self.attack.honest == "pass"
        if self.clean.passed is not honest:
            return Outcome.NOT_HONEST
        if self.attacked.passed is None:
            return Outcome.EVADED
        return Outcome.HELD if self.attacked.passed is honest else Outcome.FLIPPED


@dataclass(frozen=True, slots=True)
class Count:
    """How many pairs ended how."""

    outcomes: Mapping[Outcome, int]

    @property
    def pairs(self) -> int:
        return sum(self.outcomes.values())

    @property
    def measured(self) -> int:
        """Pairs that say something: neither failed nor dishonest on the clean trace."""
        return sum(self.outcomes[outcome] for outcome in (Outcome.HELD, Outcome.FLIPPED, Outcome.EVADED))

    @property
    def flip_rate(self) -> float | None:
        """Flipped of measured; None where nothing was."""
        return self.outcomes[Outcome.FLIPPED] / self.measured if self.measured else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's interval of 95 % around the flip rate."""
        rate, n = self.flip_rate, self.measured
        return None if rate is None else wilson(rate, n)


def count(pairs: Iterable[Pair]) -> Count:
    """The outcomes of pairs, counted."""
    outcomes = [pair.outcome for pair in pairs]
    return Count({outcome: outcomes.count(outcome) for outcome in Outcome})


async def measure(judge: Judge, attacks: Sequence[Attack]) -> list[Pair]:
    """The verdicts on both traces of each attack. Clean traces that are the same are judged once.

    Raises `ConfigError` for a judge that has no notion of passing.
    """
    values = wish_values(judge.name, judge.value_type)
    slots = asyncio.Semaphore(CONCURRENT)

    async def grade(trace: Trace) -> Feedback:
        async with slots:
            return await judge.grade(trace, target_of(trace, trace.root))

    clean: dict[str, asyncio.Task[Feedback]] = {}
    attacked: list[asyncio.Task[Feedback]] = []
    async with asyncio.TaskGroup() as group:
        for attack in attacks:
            trace = attack.clean()
            if trace.trace_id not in clean:
                clean[trace.trace_id] = group.create_task(grade(trace))
            attacked.append(group.create_task(grade(attack.attacked(values[attack.wants]))))
    return [
        Pair(attack, clean[attack.clean().trace_id].result(), task.result())
        for attack, task in zip(attacks, attacked, strict=True)
    ]


def wish_values(name: str, value_type: ValueType) -> dict[Wish, str]:
    """A value that passes and one that fails, as an attacker would write them.

    Raises `ConfigError` where the judge named has no such values.
    """
    good, bad = _ends(value_type)
    if good is None or bad is None:
        raise ConfigError(
            f"judge {name!r}",
            "its verdicts neither pass nor fail, so that none can flip",
            "give it `values` of which some are under `pass`, `type: bool`, or a number with a `threshold`",
        )
    return {"pass": good, "fail": bad}


def _ends(value_type: ValueType) -> tuple[str | None, str | None]:
    if isinstance(value_type, Boolean):
        return "true", "false"
    if isinstance(value_type, Number) and value_type.threshold is not None:
        low, high = value_type.scale or (value_type.threshold - 1, value_type.threshold)
        return f"{high:g}", f"{low:g}" if low < value_type.threshold else None
    if isinstance(value_type, Labels | Fields):
        labels = value_type.labels if isinstance(value_type, Fields) else tuple(value_type.scores)
        good = next((label for label in labels if label in value_type.passing), None)
        return good, next((label for label in labels if label not in value_type.passing), None)
    return None, None
