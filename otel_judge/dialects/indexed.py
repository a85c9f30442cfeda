"""Lists that are spread over attributes: `prefix.0.role`, `prefix.0.tool_calls.1.name`, …"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..attributes import Attributes

_DEEPEST: Final = 12  # levels of one key; what is deeper is a key by itself


class _Level(dict[str, object]):
    """What stands below one part of a key; told apart from a structured value."""


def gathered(attributes: Attributes, prefix: str) -> tuple[list[object], list[str]]:
    """The list under `prefix`, which ends with a dot, and the attributes that it was gathered from.

    Levels whose names are all numbers are lists, in the order of their numbers, whatever gaps these have.
    """
    root = _Level()
    read: list[str] = []
    for key in attributes:
        if not key.startswith(prefix):
            continue
        first, *path = key[len(prefix) :].split(".", _DEEPEST)
        if not _is_index(first):
            continue
        read.append(key)
        *path, last = first, *path
        level = root
        for name in path:
            level = _below(level, name)
        if isinstance(level.get(last), _Level):
            level = _below(level, last)
            last = ""  # a value that has others below it
        level[last] = attributes[key]
    return list(_by_number(_values(root))), read


def _below(level: _Level, name: str) -> _Level:
    inner = level.get(name)
    if not isinstance(inner, _Level):
        inner = level[name] = _Level() if inner is None else _Level({"": inner})
    return inner


def _values(level: _Level) -> dict[str, object]:
    return {name: _listed(inner) if isinstance(inner, _Level) else inner for name, inner in level.items()}


def _listed(level: _Level) -> list[object] | dict[str, object]:
    values = _values(level)
    return list(_by_number(values)) if all(map(_is_index, values)) else values


def _by_number(values: dict[str, object]) -> Iterator[object]:
    return (values[name] for name in sorted(values, key=int))


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 10
