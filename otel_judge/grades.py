"""What a value of Python becomes as a grade, where nobody says more: score, label and pass."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias, cast

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
"""A grade as the scorer gave it: a primitive, or a list or map of them."""

NOT_JUDGEABLE = "not_judgeable"
"""The label of a Feedback whose trace does not hold what the scorer needs."""
FAILED = "failed"
"""The label of a Feedback whose scorer failed."""
PASSING, FAILING = ("pass", "yes", "true"), ("fail", "no", "false")
"""Labels that pass and fail where nobody says which do."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


class PlainGrade(NamedTuple):
    score: float | None
    label: str
    passed: bool | None


def grade_of(value: object) -> PlainGrade:
    """A single word is its own label; longer text, lists and maps have the label `text`, and None is not judgeable.

    Raises `ValueError` for a number that is not finite, and `TypeError` for what is no grade.
    """
    match value:
        case None:
            return PlainGrade(None, NOT_JUDGEABLE, None)
        case bool():
            return PlainGrade(float(value), "pass" if value else "fail", value)
        case int() | float():
            if not math.isfinite(value):
                raise ValueError(f"{value} is no grade; give a finite number")
            return PlainGrade(float(value), "number", None)
        case str():
            word = value.casefold()
            passed = True if word in PASSING else False if word in FAILING else None
            return PlainGrade(None, value if _WORD.fullmatch(value) else "text", passed)
        case list():
            return _several("list", cast("list[object]", value))
        case dict():
            return _several("dict", cast("dict[object, object]", value).values())
        case _:
            kind = type(value).__name__
            raise TypeError(f"{kind} is no grade; give bool, int, float, str, a list or dict of them, or a Feedback")


def _several(kind: str, held: Iterable[object]) -> PlainGrade:
    for each in held:
        if not isinstance(each, bool | int | float | str):
            raise TypeError(f"{type(each).__name__} within a {kind} is no grade")
    return PlainGrade(None, "text", None)
