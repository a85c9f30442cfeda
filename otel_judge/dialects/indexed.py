"""Lists that are spread over attributes: `prefix.0.role`, `prefix.0.tool_calls.1.name`, …"""

from __future__ import annotations

from typing import Final

from ..attributes import Attributes

_DEEPEST: Final = 12  # levels of one key; what is deeper is a key by itself


class _Level(dict[str, object]):
    """What stands below one part of a key; told apart from a structured value."""


def gathered(attributes: Attributes, prefix: str) -> tuple[list[object], list[str]]:
    """The list under `prefix`, which ends with a dot, and the attributes that it was gathered from.

    Levels whose names are all numbers are lists, in the order of their numbers, whatever gaps these have.
    """
    keys = [key for key in attributes if key.startswith(prefix)]
    root = _Level()
    for key in keys:
        *path, last = key[len(prefix) :].split(".", _DEEPEST)
        level = root
        for name in path:
            level = _below(level, name)
        if isinstance(level.get(last), _Level):
            level = _below(level, last)
            last = ""  # a value that has others below it
        level[last] = attributes[key]
    items = _listed(root)
    return (items, keys) if isinstance(items, list) else ([], [])


def _below(level: _Level, name: str) -> _Level:
    inner = level.get(name)
    if not isinstance(inner, _Level):
        inner = level[name] = _Level() if inner is None else _Level({"": inner})
    return inner


def _listed(level: _Level) -> list[object] | dict[str, object]:
    values = {name: _listed(inner) if isinstance(inner, _Level) else inner for name, inner in level.items()}
    if not all(name.isascii() and name.isdigit() and len(name) < 10 for name in values):
        return values
    return [values[name] for name in sorted(values, key=int)]
