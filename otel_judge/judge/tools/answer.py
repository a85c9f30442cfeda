"""What a span tool answers: text under a byte cap, and a record of what of the trace stood in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ...trace import Trace
from ..text import clean

CAP_BYTES = 8_000
"""Largest answer of any tool on any trace, in bytes of UTF-8."""

Arguments = Mapping[str, str | int]


class Seen(NamedTuple):
    """A piece of a span's text that was shown: characters `start` to `end` of the field at `path`."""

    span_id: str
    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A tool's answer."""

    text: str
    seen: tuple[Seen, ...] = ()


class InvalidArguments(Exception):
    """A call that cannot be answered. Its text tells the model how to call instead."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a tool."""

    name: str
    kind: Literal["string", "integer"]
    description: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A span tool: a function of the trace and of checked arguments alone. It raises only `InvalidArguments`."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    run: Callable[[Trace, Arguments], Answer]

    @property
    def schema(self) -> dict[str, object]:
        """JSON schema of the arguments."""
        return {
            "type": "object",
            "properties": {each.name: {"type": each.kind, "description": each.description} for each in self.parameters},
            "required": [each.name for each in self.parameters if each.required],
            "additionalProperties": False,
        }


def size(text: str) -> int:
    """Bytes of the text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def head(text: str, limit: int) -> str:
    """The longest start of the text within `limit` bytes."""
    if len(text) <= limit and size(text) <= limit:
        return text
    return text[:limit].encode()[: max(0, limit)].decode(errors="ignore")


def tail(text: str, limit: int) -> str:
    """The longest end of the text within `limit` bytes."""
    if limit <= 0:
        return ""
    return text[-limit:].encode()[-limit:].decode(errors="ignore")


def cut(text: str, limit: int) -> str:
    """The text on one line within about `limit` characters, with an ellipsis where it was cut."""
    line = " ".join(text[: limit * 4].split())
    if not (line.isascii() and line.isprintable()):
        line = clean(line)
    return line if len(line) <= limit and len(text) <= limit * 4 else line[: limit - 1] + "…"


def indented(text: str, blanks: int) -> str:
    """Each line of the text after so many blanks."""
    return "\n".join(line and " " * blanks + line for line in text.split("\n"))


def laid_size(text: str, blanks: int) -> int:
    """Bytes of the text with so many blanks before each line, at most."""
    return size(text) + blanks * (text.count("\n") + 1)


def laid_head(text: str, limit: int, blanks: int) -> str:
    """The longest start of the text, about, that fits into `limit` bytes with its lines indented."""
    part = head(text, limit)
    while part and (over := laid_size(part, blanks) - limit) > 0:
        part = head(part, size(part) - (over + blanks) // (blanks + 1))
    return part


def laid_tail(text: str, limit: int, blanks: int) -> str:
    """Likewise the longest end."""
    part = tail(text, limit)
    while part and (over := laid_size(part, blanks) - limit) > 0:
        part = tail(part, size(part) - (over + blanks) // (blanks + 1))
    return part


def shares(sizes: Sequence[int], budget: int) -> list[int]:
    """Divides a budget: small ones get all they need, large ones the same share."""
    left, result = budget, [0] * len(sizes)
    for place, index in enumerate(sorted(range(len(sizes)), key=lambda index: sizes[index])):
        result[index] = min(sizes[index], left // (len(sizes) - place))
        left -= result[index]
    return result


def fitting(lines: Iterable[str], limit: int) -> list[str]:
    """The first lines that fit into `limit` bytes, line ends included."""
    taken: list[str] = []
    for line in lines:
        limit -= size(line) + 1
        if limit < 0:
            break
        taken.append(line)
    return taken
