"""Attribute values as text and numbers, whatever type the instrumentation or a processor on the way gave them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, cast

import orjson

from ..attributes import Attributes

TOO_DEEP = "(nested too deeply to show)"
_ENCODED: Final = 3  # times that a value may be encoded: MLflow's inside an exporter's that writes all as text, and one
_OPENING: Final = frozenset({"{", "[", '"'})


def _show(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else repr(value)


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, default=_show)  # `json.dumps` would build one each time


def parse(text: str) -> object:
    """The value of a JSON text. Raises `ValueError` if it is none.

    NaN and lone surrogates are accepted, since Python and JavaScript agents write them.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        try:
            return json.loads(text)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def decoded(value: object) -> object:
    """The value of a text that is a JSON object, array or string; what is encoded several times, decoded so often.

    Any other value as it is: a text that only looks like JSON, because a limit has cut it, and a bare number too.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    for _ in range(_ENCODED):
        if not isinstance(value, str) or value.lstrip()[:1] not in _OPENING:
            break
        try:
            value = parse(value)
        except ValueError:
            break
    return value


def as_text(value: object) -> str:
    """A string as it is, anything else as JSON. The result is always valid Unicode; None is empty."""
    if value is None:
        return ""
    if not isinstance(value, str):
        try:
            value = _ENCODER.encode(value)
        except RecursionError:
            return TOO_DEEP
    if value.isascii():
        return value
    return value.encode("utf-8", "replace").decode()


def named(attributes: Attributes, fields: Mapping[str, str]) -> Mapping[str, str]:
    """Texts by field. `fields` names the field of each attribute; the first of a field that is not empty counts."""
    found: dict[str, str] = {}
    for key, field in fields.items():
        if key in attributes and field not in found and isinstance(value := attributes[key], str) and value:
            found[field] = value
    return found


def text_of(attributes: Attributes, *keys: str) -> str | None:
    """The first of these attributes that is a non-empty string."""
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, str) and value:
            return value
    return None


def count_of(attributes: Mapping[str, object], *keys: str) -> int | None:
    """The first of these attributes that is a count; numbers in strings too, since some exporters write all as text."""
    for key in keys:
        value = attributes.get(key)
        if value is not None and (count := _count(value)) is not None:
            return count
    return None


def texts_of(value: object) -> tuple[str, ...]:
    """A list of strings, be it an array, a JSON text of one, or a single string."""
    if isinstance(value, str) and value.startswith("["):
        with suppress(ValueError):
            value = parse(value)
    if isinstance(value, list):
        return tuple(as_text(item) for item in cast("list[object]", value) if item is not None)
    return (as_text(value),) if isinstance(value, str) and value else ()


def _count(value: object) -> int | None:
    if isinstance(value, int):
        return value if value >= 0 and not isinstance(value, bool) else None
    if isinstance(value, str):
        # Longer than any count; int() on thousands of digits raises.
        return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None
    if isinstance(value, float) and value.is_integer() and 0 <= value < 1e18:
        return int(value)
    return None
