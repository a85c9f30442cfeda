"""Value types: what a judge may answer, and what score, label and pass follow from an answer."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, cast

from ..config import JudgeConfig
from ..errors import InstructionsError
from ..grades import FAILED, FAILING, NOT_JUDGEABLE, PASSING, Value
from .fields import Fields, fields_of
from .grades import Grade, InvalidValue, ValueType, shown
from .text import clean

__all__ = ["Grade", "InvalidValue", "ValueType", "grade", "value_type_of"]


_NULLS = ("none", "null")


def grade(value_type: ValueType, raw: object) -> Grade:
    """The grade for a raw answer; `not_judgeable` is always one. Raises `InvalidValue`."""
    if isinstance(raw, str) and raw.strip().casefold() == NOT_JUDGEABLE:
        return Grade(value=None, score=None, label=NOT_JUDGEABLE, passed=None)
    return value_type.grade(raw)


def value_type_of(config: JudgeConfig) -> ValueType:
    """The value type that a judge's config asks for; without any it is pass or fail.

    Raises `InstructionsError` for keys that contradict each other.
    """
    inner = _required(config)
    if not config.optional:
        return inner
    labels = inner.scores if isinstance(inner, Labels) else inner.labels if isinstance(inner, Fields) else ()
    if any(label.strip().casefold() in _NULLS for label in labels):
        raise InstructionsError(f"judge {config.name!r}", "`none` is a label beside `optional`", "keep one of them")
    return Optional(inner)


def _required(config: JudgeConfig) -> ValueType:
    where = f"judge {config.name!r}"
    if config.fields is None and config.label is not None:
        raise InstructionsError(where, "`label` names a field, but there are no `fields`", "list them in `fields`")
    if config.items is not None and config.type not in ("list", "dict"):
        raise InstructionsError(where, "`items` stands without `type: list` or `type: dict`", "leave it out")
    numeric = config.scale is not None or config.threshold is not None
    if config.values is not None:
        if config.type is not None or numeric or config.fields is not None:
            raise InstructionsError(where, "`values` stands beside another key that makes a type", "keep one of them")
        return _labels(where, config.values, config.passing)
    if config.fields is not None:
        return fields_of(config)
    if config.passing is not None:
        raise InstructionsError(where, "`pass` names labels, but there are no `values`", "list the labels in `values`")
    if config.type in ("bool", "str", "list", "dict"):
        if numeric:
            raise InstructionsError(
                where, f"`scale` and `threshold` need a number, not {config.type}", "use type: float"
            )
        if config.type in ("list", "dict"):
            return Several(mapping=config.type == "dict", items=config.items)
        return Boolean() if config.type == "bool" else Words()
    if config.type is None and not numeric:
        return Labels({"pass": None, "fail": None}, frozenset({"pass"}))
    return _number(where, config)


@dataclass(frozen=True, slots=True)
class Labels:
    """One of several labels, each with a score or none."""

    scores: Mapping[str, float | None]
    passing: frozenset[str]
    """Empty: the judge has no notion of passing."""

    def grade(self, raw: object) -> Grade:
        wanted = (raw if isinstance(raw, str) else json.dumps(raw)).strip().casefold()
        for label, score in self.scores.items():
            if label.strip().casefold() == wanted:
                return Grade(label, score, label, label in self.passing if self.passing else None)
        raise InvalidValue(f"{shown(raw)} is not a label of this judge; value must be {self.describe()}")

    def describe(self) -> str:
        return "one of " + ", ".join(json.dumps(label, ensure_ascii=False) for label in self.scores)


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false; true passes."""

    def grade(self, raw: object) -> Grade:
        word = raw.strip().casefold() if isinstance(raw, str) else None
        if raw is True or word in PASSING:
            return Grade(value=True, score=1.0, label="pass", passed=True)
        if raw is False or word in FAILING:
            return Grade(value=False, score=0.0, label="fail", passed=False)
        raise InvalidValue(f"{shown(raw)} is not a boolean; value must be {self.describe()}")

    def describe(self) -> str:
        return "true or false"


@dataclass(frozen=True, slots=True)
class Number:
    """A number. With a threshold it passes at or above; with a scale it is clamped to it."""

    integer: bool = False
    scale: tuple[float, float] | None = None
    threshold: float | None = None

    def grade(self, raw: object) -> Grade:
        given = self._read(raw)
        number: float = given
        note = None
        if self.scale is not None and not self.scale[0] <= given <= self.scale[1]:
            number = float(min(max(given, self.scale[0]), self.scale[1]))
            note = f"[score clamped from {given} to scale {self.scale[0]}-{self.scale[1]}]"
        passed = None if self.threshold is None else number >= self.threshold
        label = self._label(number) if passed is None else ("pass" if passed else "fail")
        return Grade(int(number) if self.integer else number, number, label, passed, note)

    def describe(self) -> str:
        kind = "an integer" if self.integer else "a number"
        return f"{kind} from {self._scale_text()}" if self.scale is not None else kind

    def _read(self, raw: object) -> float:
        number = math.nan
        if isinstance(raw, int | float | str) and not isinstance(raw, bool):
            with suppress(ValueError, OverflowError):
                number = float(raw)
        if not math.isfinite(number) or (self.integer and not number.is_integer()):
            raise InvalidValue(f"{shown(raw)} is not valid; value must be {self.describe()}")
        return number

    def _label(self, number: float) -> str:
        if self.scale is None:
            return "number"
        low, high = self.scale
        bounds = [low + (high - low) * fifth / 5 for fifth in range(6)]
        fifth = min(bisect_right(bounds, number), 5)
        return f"{bounds[fifth - 1]:g}-{bounds[fifth]:g}"

    def _scale_text(self) -> str:
        return f"{self.scale[0]:g} to {self.scale[1]:g}" if self.scale is not None else ""


@dataclass(frozen=True, slots=True)
class Words:
    """Free text. It has no score; its label says only that it is text."""

    def grade(self, raw: object) -> Grade:
        if not isinstance(raw, str) or not raw.strip():
            raise InvalidValue(f"{shown(raw)} is not valid; value must be {self.describe()}")
        return Grade(clean(raw.strip()), None, "text", None)

    def describe(self) -> str:
        return "text, in a few words"


@dataclass(frozen=True, slots=True)
class Several:
    """A list or a map of primitives. Like text it has no score."""

    mapping: bool
    items: Literal["bool", "int", "float", "str"] | None = None

    def grade(self, raw: object) -> Grade:
        given = raw
        if isinstance(raw, str):  # some models write JSON into a string
            with suppress(ValueError, RecursionError):
                given = json.loads(raw)
        if self.mapping and isinstance(given, dict):
            entries = cast("dict[object, object]", given)
            value: Value = {str(key): self._primitive(item, raw) for key, item in entries.items()}
        elif not self.mapping and isinstance(given, list):
            value = [self._primitive(item, raw) for item in cast("list[object]", given)]
        else:
            raise self._invalid(raw)
        return Grade(value, None, "text", None)

    def describe(self) -> str:
        held = {None: "text, numbers or booleans", "bool": "booleans", "int": "integers", "float": "numbers"}
        kind = "a JSON object with the values" if self.mapping else "a JSON array of"
        return f"{kind} {held.get(self.items, 'text')}"

    def _primitive(self, item: object, raw: object) -> bool | int | float | str:
        wanted = self.items
        if isinstance(item, bool):
            fits = wanted in (None, "bool")
        elif isinstance(item, int):
            fits = wanted in (None, "int", "float")
        elif isinstance(item, float):
            fits = math.isfinite(item) and wanted in (None, "float")
        else:
            fits = isinstance(item, str) and wanted in (None, "str")
        if not fits:
            raise self._invalid(raw)
        return cast("bool | int | float | str", item)

    def _invalid(self, raw: object) -> InvalidValue:
        return InvalidValue(f"{shown(raw)} is not valid; value must be {self.describe()}")


@dataclass(frozen=True, slots=True)
class Optional:
    """Another type, or null: there is nothing to grade, which is neither a pass nor a fail."""

    inner: ValueType

    def grade(self, raw: object) -> Grade:
        try:
            if raw is not None:
                return self.inner.grade(raw)
        except InvalidValue:
            if not (isinstance(raw, str) and raw.strip().casefold() in _NULLS):
                raise
        return Grade(None, None, "none", None)

    def describe(self) -> str:
        return f"{self.inner.describe()}; or null"


def _labels(where: str, values: tuple[str, ...] | dict[str, float], passing: tuple[str, ...] | None) -> Labels:
    if not values:
        raise InstructionsError(where, "`values` is empty", "list the labels, such as [pass, fail]")
    scores: dict[str, float | None] = dict(values) if isinstance(values, dict) else dict.fromkeys(values)
    if len({label.strip().casefold() for label in values}) < len(values):
        raise InstructionsError(where, "two of `values` are the same label", "labels do not differ by case alone")
    for label, score in scores.items():
        if not label.strip() or label.strip().casefold() in (NOT_JUDGEABLE, FAILED):
            raise InstructionsError(where, f"{label!r} cannot be a label", "it is empty or has a meaning of its own")
        if score is not None and not math.isfinite(score):
            raise InstructionsError(where, f"the score of {label!r} is {score}", "give a finite number")
    if passing is None:
        return Labels(scores, frozenset(label for label in scores if label.casefold() in PASSING))
    if missing := sorted(set(passing) - set(scores)):
        raise InstructionsError(where, f"`pass` names {missing[0]!r}, which is not among `values`", "name one that is")
    return Labels(scores, frozenset(passing))


def _number(where: str, config: JudgeConfig) -> Number:
    scale, threshold = config.scale, config.threshold
    if scale is not None:
        if not (math.isfinite(scale[0]) and math.isfinite(scale[1])):
            raise InstructionsError(where, "`scale` has a bound that is not finite", "give two finite numbers")
        if scale[0] >= scale[1]:
            raise InstructionsError(
                where, f"`scale` runs from {scale[0]:g} to {scale[1]:g}", "write the lower bound first"
            )
        if config.type == "int" and not all(float(bound).is_integer() for bound in scale):
            raise InstructionsError(where, "`scale` of an int has a fraction", "give two integers")
    if threshold is not None:
        if not math.isfinite(threshold):
            raise InstructionsError(where, f"`threshold` is {threshold}", "give a finite number")
        if scale is not None and not scale[0] <= threshold <= scale[1]:
            raise InstructionsError(where, f"`threshold` {threshold:g} lies outside `scale`", "move it inside")
    return Number(config.type == "int", scale, threshold)
