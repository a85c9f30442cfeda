"""What stands for what in one trace: a pseudonym for each value that was found, the same one wherever it stands."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as MappingOf
from typing import cast

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from ..config_egress import RedactAttributes
from .finder import Finder, replace
from .rules import is_telling, is_value
from .texts import edited

DENIED = "denied"
_PSEUDONYM = re.compile(rb"<[a-z][a-z0-9_]*-\d+>")
_SCHEME = re.compile(rb"(?i)\s*(?:bearer|basic|token|digest)?\s*")
_SHORT = 3  # characters of a denied value that is looked for in other words


class Keys:
    """Which attributes keep their values."""

    def __init__(self, config: RedactAttributes) -> None:
        self.listed = bool(config.deny) or config.allow is not None
        self._deny = _globs(config.deny)
        self._allow = None if config.allow is None else _globs(config.allow)

    def denies(self, key: str) -> bool:
        if not self.listed:
            return False
        return self._deny.fullmatch(key) is not None or (self._allow is not None and self._allow.fullmatch(key) is None)


def _globs(globs: Sequence[str]) -> re.Pattern[str]:
    escaped = [glob.replace("[", "[[]") for glob in globs]  # no classes: `*` and `?` alone
    return re.compile("|".join(fnmatch.translate(glob) for glob in escaped) or r"(?!)")


class Mapping:
    """The pseudonyms of one trace, numbered by first appearance. What it holds is what it hides."""

    def __init__(self, finder: Finder, keys: Keys) -> None:
        self._finder = finder
        self._keys = keys
        self._names: dict[tuple[str, bytes], bytes] = {}
        self._counts: Counter[str] = Counter()
        self._made: dict[str, str] = {}
        self._leaves: dict[bytes, bytes] = {}
        self._denied: dict[str, str] = {}
        self.searched: frozenset[str] | None = None
        """Set while a trace is edited whose texts were all searched: the only ones that may hold something."""

    @property
    def redactions(self) -> dict[str, int]:
        """How many different values were replaced, by kind."""
        return dict(self._counts)

    def text(self, text: str) -> str:
        """The text with pseudonyms for what was found in it."""
        if self.searched is not None and text not in self.searched:
            return text
        made = self._made.get(text)
        if made is None:
            data = text.encode("utf-8", "surrogatepass")
            if self.searched is None and not self._finder.candidates([data]):
                made = text
            else:
                made = edited(data, self).decode("utf-8", "surrogatepass")
            self._made[text] = made
        return made

    def words(self, text: str) -> str:
        """Words about the trace: as `text`, and also without the values of denied attributes."""
        for value, name in self._denied.items():
            text = text.replace(value, name)
        return self.text(text)

    def given(self, value: object) -> object:
        """A caller's value: text, or maps and lists of it, to any depth; others as they are."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            made = self.number_text(repr(value))
            return value if made is None else made
        if isinstance(value, bytes):
            return self.data(value)
        if isinstance(value, MappingOf):
            entries = cast("MappingOf[object, object]", value).items()
            return {self.given(key): self._given_under(str(key), item) for key, item in entries}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.given(item) for item in cast("Iterable[object]", value)]
        return value

    def _given_under(self, key: str, value: object) -> object:
        return self.secret_text(value) if isinstance(value, str) and self.telling(key) else self.given(value)

    def data(self, data: bytes) -> bytes:
        """Bytes of an attribute: UTF-8 if they are, else one character a byte."""
        try:
            return self.text(data.decode()).encode()
        except UnicodeDecodeError:
            return self.text(data.decode("latin-1")).encode("latin-1", "replace")

    def secret_text(self, text: str) -> str:
        return self.secret(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def number_text(self, text: str) -> str | None:
        made = self.number(text.encode())
        return None if made is None else made.decode()

    def denied(self, key: str, value: AnyValue) -> str | None:
        """What stands for the value of a denied attribute; None for others."""
        if not self._keys.denies(key):
            return None
        name = self._name(DENIED, value.SerializeToString(deterministic=True)).decode()
        if len(value.string_value) >= _SHORT:
            self._denied[value.string_value] = name
        return name

    # What `texts.Edit` asks for.

    def leaf(self, data: bytes) -> bytes:
        made = self._leaves.get(data)  # conversations repeat themselves
        if made is None:
            hit = self._finder.may_match(data)
            made = self._leaves[data] = replace(data, self._finder.find(data), self._name) if hit else data
        return made

    def secret(self, data: bytes) -> bytes:
        """All of the text, unless patterns leave nothing of it but the scheme, as of `Bearer <secret-1>`."""
        made = edited(data, self)
        if not is_value(data):
            return made
        if made != data and _SCHEME.fullmatch(_PSEUDONYM.sub(b"", made)):
            return made
        return self._name("secret", data)

    def number(self, data: bytes) -> bytes | None:
        text = data
        if not data.lstrip(b"-").isdigit():
            try:
                value = float(data)
            except ValueError:
                return None
            if value.is_integer():
                text = b"%d" % int(value)
        if not self._finder.may_match(text):
            return None
        found = self._finder.find(text)
        return replace(text, found, self._name) if found else None

    def across(self, data: bytes) -> bytes:
        if not self._finder.may_match(data):
            return data
        found = [each for each in self._finder.find(data) if not each.depth and b'"' in data[each.start : each.end]]
        return replace(data, found, self._name)

    def telling(self, key: str) -> bool:
        return self._finder.looks_for_secrets and is_telling(key)

    def _name(self, kind: str, value: bytes) -> bytes:
        if kind == "card":
            value = bytes(byte for byte in value if 48 <= byte <= 57)
        elif kind == "email":
            value = value.lower().replace(b"%40", b"@")
        name = self._names.get((kind, value))
        if name is None:
            self._counts[kind] += 1
            name = self._names[kind, value] = b"<%s-%d>" % (kind.encode(), self._counts[kind])
        return name


def visit(value: object, edit: Callable[[str], str]) -> object:
    """A value of JSON's kinds with every text edited, keys too."""
    if isinstance(value, str):
        return edit(value)
    if isinstance(value, dict):
        return {visit(key, edit): visit(item, edit) for key, item in cast("dict[object, object]", value).items()}
    if isinstance(value, list):
        return [visit(item, edit) for item in cast("list[object]", value)]
    return value
