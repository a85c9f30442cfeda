"""A value of several named fields, one of which is the label: such as what failed, where, and of which category."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from ..config import JudgeConfig
from ..errors import InstructionsError
from ..feedback import FAILED, NOT_JUDGEABLE, Value
from .grades import Grade, InvalidValue, shown
from .text import clean

_KINDS = {
    "str": "text",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "span": "the id of a span, 16 hex digits",
}
_ABSENT = ("", "none", "null")


@dataclass(frozen=True, slots=True)
class Fields:
    """A map of named fields. The field `label` holds one of its labels; any other may be null.

    A field of the kind `span` names a span, which has to be in the trace. It may be null only where the label passes:
    what went wrong stands somewhere.
    """

    fields: Mapping[str, str | tuple[str, ...]]
    """Of each field its labels, or one of str, int, float, bool and span."""
    label: str
    passing: frozenset[str]
    """Labels that pass. Empty: the judge has no notion of passing."""

    def grade(self, raw: object) -> Grade:
        given = raw
        if isinstance(raw, str):  # some models write JSON into a string
            with suppress(ValueError, RecursionError):
                given = json.loads(raw)
        if not isinstance(given, dict):
            raise InvalidValue(f"{shown(raw)} is not valid; value must be {self.describe()}")
        entries = cast("dict[str, object]", given)
        if unknown := [name for name in entries if name not in self.fields]:
            raise InvalidValue(f"{shown(unknown[0])} is not a field; the fields are {', '.join(self.fields)}")
        value = {name: self._read(name, kind, entries.get(name)) for name, kind in self.fields.items()}
        label = value[self.label]
        if not isinstance(label, str):
            raise InvalidValue(f"the field {self.label!r} is missing; value must be {self.describe()}")
        passed = label in self.passing if self.passing else None
        places = {name: value[name] for name, kind in self.fields.items() if kind == "span"}
        for name, span_id in places.items():
            if span_id is None and not passed:
                raise InvalidValue(f"the field {name!r} is missing; with {label!r} it must be {_KINDS['span']}")
        spans = tuple(str(span_id) for span_id in places.values() if span_id is not None)
        return Grade(cast("Value", value), None, label, passed, spans=spans)

    @property
    def labels(self) -> tuple[str, ...]:
        """What the label can be."""
        return cast("tuple[str, ...]", self.fields[self.label])

    def describe(self) -> str:
        told = ", ".join(f"{json.dumps(name)}: {_describe(kind)}" for name, kind in self.fields.items())
        return f"a JSON object {{{told}}}; null where a field does not apply"

    def _read(self, name: str, kind: str | tuple[str, ...], raw: object) -> bool | int | float | str | None:
        if raw is None:
            return None
        if isinstance(kind, tuple):
            wanted = raw.strip().casefold() if isinstance(raw, str) else None
            for label in kind:
                if label.casefold() == wanted:
                    return label
        elif isinstance(raw, str) and kind in ("str", "span"):
            text = clean(raw.strip())
            if kind == "str":
                return text or None
            return None if text.casefold() in _ABSENT else text.lower()
        elif isinstance(raw, bool):
            if kind == "bool":
                return raw
        elif isinstance(raw, int | float) and kind in ("int", "float") and math.isfinite(raw):
            if kind == "float":
                return float(raw)
            if float(raw).is_integer():
                return int(raw)
        raise InvalidValue(f"{shown(raw)} is not valid in the field {name!r}, which must be {_describe(kind)}")


def fields_of(config: JudgeConfig) -> Fields:
    """The fields that a judge's config asks for. Raises `InstructionsError` where they cannot work."""
    where, fields, label = f"judge {config.name!r}", dict(config.fields or {}), config.label
    if config.type not in (None, "dict"):
        raise InstructionsError(where, f"`fields` stands beside `type: {config.type}`", "use type: dict")
    if config.items is not None or config.scale is not None or config.threshold is not None:
        raise InstructionsError(where, "`fields` stands beside `items`, `scale` or `threshold`", "keep one of them")
    labels = fields.get(label or "")
    if label is None or not isinstance(labels, tuple) or not labels:
        raise InstructionsError(where, "`label` must name one of `fields` that lists its labels", "add it")
    for name, kind in fields.items():
        if isinstance(kind, tuple) and len({each.strip().casefold() for each in kind}) < len(kind):
            raise InstructionsError(where, f"two labels of {name!r} are the same", "case alone is no difference")
    for each in labels:
        if not each.strip() or each.casefold() in (NOT_JUDGEABLE, FAILED):
            raise InstructionsError(where, f"{each!r} cannot be a label", "it is empty or has a meaning of its own")
    if missing := sorted(set(config.passing or ()) - set(labels)):
        raise InstructionsError(where, f"`pass` names {missing[0]!r}, which is not a label", "name one that is")
    return Fields(fields, label, frozenset(config.passing or ()))


def _describe(kind: str | tuple[str, ...]) -> str:
    return f"one of {', '.join(json.dumps(label) for label in kind)}" if isinstance(kind, tuple) else _KINDS[kind]
