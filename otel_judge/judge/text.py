"""A span's text, decoded, by path: what the judge reads, what patterns search, and where quotes must stand.

Paths: `name`, `status.code`, `status.message`, `input`, `output`, `tool.arguments`, `tool.result`,
`attributes.<key>`, `events[i].name`, `events[i].attributes.<key>`, `links[i]`, `links[i].attributes.<key>`,
`resource.<key>`.

Text is text as it was written: JSON keeps its layout, but string escapes in it are undone, so that `café` and
`said "no"` are found as such. Two things are not shown as they came, so that nobody who writes into a trace can draw
what is not there: characters that cannot be seen (`clean`), and further lines of a message, which are indented below
its first. An attribute that the span's dialect reads as input or output is not repeated under `attributes`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import orjson

from .. import dialects
from ..attributes import Attributes, AttributeValue
from ..dialects.base import Blob, Content, Message, Reasoning, Text, ToolCall, ToolResult
from ..trace import Span

HIDDEN = "\ufffd"
"""Stands for a character that cannot be seen."""
INDENT = 2
"""Blanks before further lines of a message."""
ODD = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u180e\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e0fff]|[\u200c\u200d\ufe00-\ufe0f]{2,}"
)
"""What `clean` replaces, lone surrogates aside."""

_ODD = re.compile(f"{ODD}|[\ud800-\udfff]")
_ENDS = frozenset("\x0b\x0c\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")
_FURTHER = "\n" + " " * INDENT


class Field(NamedTuple):
    """One piece of a span's text. Never empty."""

    path: str
    text: str


def collect(span: Span, paths: list[str], texts: list[str]) -> None:
    """Add path and text of each piece of the span, most telling first, without its resource.

    Nothing is kept: the texts of a large trace are held together, in `otel_judge.judge.trace_text`. Text may hold
    lone surrogates, which `clean` mends.
    """
    content = dialects.read(span)
    _add("name", span.name, paths, texts)
    if span.status_code != "UNSET":
        _add("status.code", span.status_code, paths, texts)
        _add("status.message", span.status_message, paths, texts)
    _collect_content(content, paths, texts)
    known = content.content_keys
    for key, value in span.attributes.items():
        if key not in known and (text := show(value)):
            paths.append("attributes." + key)
            texts.append(text)
    for number, event in enumerate(span.events):
        _add(f"events[{number}].name", event.name, paths, texts)
        _collect_attributes(f"events[{number}].attributes.", event.attributes, paths, texts)
    for number, link in enumerate(span.links):
        _add(f"links[{number}]", f"trace {link.trace_id} span {link.span_id}", paths, texts)
        _collect_attributes(f"links[{number}].attributes.", link.attributes, paths, texts)


def collect_resource(span: Span, paths: list[str], texts: list[str]) -> None:
    """`collect` for the span's resource; spans of one origin say the same."""
    _collect_attributes("resource.", span.resource, paths, texts)


def fields(span: Span) -> tuple[Field, ...]:
    """All text of a span but its resource's, most telling first."""
    return _fields(span, collect)


def resource_fields(span: Span) -> tuple[Field, ...]:
    """The text of the span's resource; spans of one origin say the same."""
    return _fields(span, collect_resource)


def all_fields(span: Span) -> tuple[Field, ...]:
    """`fields` and after them `resource_fields`."""
    return fields(span) + resource_fields(span)


def readable(text: str) -> str:
    """JSON with the escapes of its strings undone, layout and numbers as they were; any other text unchanged."""
    if "\\" not in text or text.lstrip()[:1] not in ("{", "[", '"'):
        return text
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return _ESCAPE.sub(_unescape, text)


def show(value: AttributeValue) -> str:
    """An attribute value as text."""
    if isinstance(value, str):
        return readable(value) if "\\" in value else value
    if isinstance(value, bytes):
        return _blob(value)
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value) if not isinstance(value, bool) else "true" if value else "false"
    return readable(json.dumps(value, ensure_ascii=False, default=_blob))


def show_messages(messages: tuple[Message, ...]) -> str:
    """A conversation as text, one part after another, each with its role."""
    return "\n".join(line for message in messages for line in _parts(message))


def start_of_messages(messages: tuple[Message, ...], limit: int) -> str:
    """The first parts of `show_messages`, until there are `limit` characters."""
    lines, length = list[str](), 0
    for message in messages:
        for line in _parts(message):
            lines.append(line)
            length += len(line)
            if length >= limit:
                return "\n".join(lines)
    return "\n".join(lines)


def clean(text: str) -> str:
    """The text with nothing in it that hides or moves text; as long as before.

    Characters that cannot be seen, such as Unicode tags, zero-width spaces, overrides of direction and terminal
    escapes, become `HIDDEN`; ends of line other than `\\n` a blank; a lone surrogate, which JSON may hold, `?`. Joiners
    and variation selectors, which scripts and emoji need, stay where they stand alone.
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():  # most are, and this is quick
        return text
    return text if _ODD.search(text) is None else _ODD.sub(_plain, text)


def further_lines_indented(text: str) -> str:
    """What a message says, so that no line of it can pass for the next message."""
    return text.replace("\n", _FURTHER) if "\n" in text else text


def _plain(match: re.Match[str]) -> str:
    found = match.group()
    if found in _ENDS:
        return " "
    return "?" if "\ud800" <= found <= "\udfff" else HIDDEN * len(found)


_ESCAPE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.")
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def _unescape(match: re.Match[str]) -> str:
    escape = match.group()
    if escape[1] != "u":
        return _SIMPLE.get(escape[1], escape[1])
    if len(escape) == 12:  # a surrogate pair
        high, low = int(escape[2:6], 16), int(escape[8:], 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    return chr(int(escape[2:6], 16))


def _blob(value: object) -> str:
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else str(value)


def _fields(span: Span, add: Callable[[Span, list[str], list[str]], None]) -> tuple[Field, ...]:
    paths, texts = list[str](), list[str]()
    add(span, paths, texts)
    return tuple(Field(path, clean(text)) for path, text in zip(paths, texts, strict=True))


def _add(path: str, text: str, paths: list[str], texts: list[str]) -> None:
    if text:
        paths.append(path)
        texts.append(text)


def _collect_content(content: Content, paths: list[str], texts: list[str]) -> None:
    if content.input:
        _add("input", show_messages(content.input), paths, texts)
    if content.output:
        _add("output", show_messages(content.output), paths, texts)
    if content.tool is not None:
        _add("tool.arguments", readable(content.tool.arguments or ""), paths, texts)
        _add("tool.result", readable(content.tool.result or ""), paths, texts)


def _collect_attributes(prefix: str, attributes: Attributes, paths: list[str], texts: list[str]) -> None:
    for key, value in attributes.items():
        _add(prefix + key, show(value), paths, texts)


def _parts(message: Message) -> Iterator[str]:
    role = _word(message.role)
    for part in message.parts:
        if isinstance(part, Text):
            yield f"{role}: {further_lines_indented(part.text)}"
        elif isinstance(part, Reasoning):
            yield f"{role} (reasoning): {further_lines_indented(part.text)}"
        elif isinstance(part, ToolCall):
            yield f"{role} calls {_word(part.name)}: {further_lines_indented(readable(part.arguments))}"
        elif isinstance(part, ToolResult):
            name = _word(part.name or part.id or "a tool")
            yield f"result of {name}: {further_lines_indented(readable(part.result))}"
        else:
            yield f"{role}: {_unread(part)}"


def _word(name: str) -> str:
    """A role or a name, on one line."""
    return " ".join(name.split())


def _unread(part: Blob) -> str:
    size = f", {part.size} bytes" if part.size is not None else ""
    return f"<{_word(part.media)}{size}: not shown>"
