"""One text, redacted: the strings, keys and numbers of JSON, also of JSON within JSON; any other text as it is.

JSON keeps its layout. A string in it is read without its escapes and written with those that it then needs.
"""

from __future__ import annotations

import json
import re
from typing import Protocol

from ..dialects.json_values import parse


class Edit(Protocol):
    """What is done to the parts of a text. Each gives the part back if nothing is to be done."""

    def leaf(self, data: bytes, /) -> bytes:
        """Text that is not JSON."""
        ...

    def secret(self, data: bytes, /) -> bytes:
        """Text under a key that says that it is a secret."""
        ...

    def number(self, data: bytes, /) -> bytes | None:
        """What a number becomes, as text; None: it stays."""
        ...

    def across(self, data: bytes, /) -> bytes:
        """JSON whose parts were edited: what goes over the bounds of a part."""
        ...

    def telling(self, key: str, /) -> bool:
        """Whether a key says that its value is a secret."""
        ...


_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"(\s*:)?|-?\d[\d.eE+-]*|[\[\]{}]', re.DOTALL)


def edited(data: bytes, edit: Edit) -> bytes:
    """The text as `edit` makes it; valid JSON stays valid JSON."""
    return edit.across(_edited_json(data, edit)) if is_json(data) else edit.leaf(data)


def is_json(data: bytes) -> bool:
    """Whether the text is JSON with strings in it, by the readers that this project has."""
    if data.lstrip()[:1] not in (b"{", b"[", b'"'):
        return False
    try:
        parse(data.decode("utf-8", "surrogatepass"))
    except ValueError:
        return False
    return True


def _edited_json(data: bytes, edit: Edit) -> bytes:
    pieces, last = list[bytes](), 0
    named, listed = False, 0  # what comes belongs to a telling key: itself, or in lists
    for match in _TOKEN.finditer(data):
        token = match.group()
        content, colon = match.group(1, 2)
        new: bytes | None = None
        if content is not None:
            end = match.end(1) + 1
            if b"\\" in content:
                content = json.loads(token[: end - match.start()], strict=False).encode("utf-8", "surrogatepass")
            made = edit.secret(content) if (named or listed) and colon is None else edited(content, edit)
            named = colon is not None and edit.telling(content.decode("utf-8", "replace"))
            if made != content:
                new = _literal(made)
        elif token in b"[]{}":
            end = match.end()
            listed = listed + 1 if token == b"[" and (named or listed) else listed - (token == b"]" and listed > 0)
            named = False
        else:
            end, named = match.end(), False
            if (number := edit.number(token)) is not None:
                new = _literal(number)
        if new is not None:
            pieces += (data[last : match.start()], new)
            last = end
    return b"".join([*pieces, data[last:]]) if pieces else data


def _literal(content: bytes) -> bytes:
    text = content.decode("utf-8", "surrogatepass")
    try:
        return json.dumps(text, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can hold and UTF-8 cannot
        return json.dumps(text).encode()
