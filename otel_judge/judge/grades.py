"""What a grade is, and what a value type has to do to give one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol

from ..feedback import Value

_SHOWN = 60  # characters of a wrong answer that are given back


@dataclass(frozen=True, slots=True)
class Grade:
    """An answer that counts."""

    value: Value
    score: float | None
    label: str
    passed: bool | None
    note: str | None = None
    """What was done to the answer to make it fit; belongs into the rationale."""
    spans: tuple[str, ...] = ()
    """Ids of spans that the value names. That they are in the trace is for who has the trace to check."""


class InvalidValue(Exception):
    """An answer that is not of the judge's type. Its text tells the model what to give instead."""


class ValueType(Protocol):
    """What a judge may answer."""

    def grade(self, raw: object) -> Grade:
        """Raises `InvalidValue`."""
        ...

    def describe(self) -> str:
        """What to answer, for the model: completes 'value: …'."""
        ...


def shown(raw: object) -> str:
    """A wrong answer as it is given back."""
    text = json.dumps(raw, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
