"""What of a trace may leave for a model, and where to: the sections `redact` and `egress`."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Any, Literal, TypeAlias, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from .config_types import Duration, Section, check_unique

BUILT_IN_PATTERNS = ("secrets", "cards", "email")
_KINDS = ("secret", "card", "email", "denied", "callback")  # words of the pseudonyms that we make


def _check_kind(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", value):
        raise ValueError(f"{value!r} is not a pattern's name; use up to 32 of a-z, 0-9 and '_', starting with a letter")
    if value in (*_KINDS, *BUILT_IN_PATTERNS):
        raise ValueError(f"{value!r} is the name of a built-in pattern; choose another")
    return value


def _check_regex(value: str) -> str:
    import re2  # pyright: ignore[reportMissingTypeStubs]

    regex = cast("Any", re2)  # it comes without types
    options = regex.Options()
    options.log_errors = False
    try:
        compiled = regex.compile(value.encode(), options)
    except regex.error as error:
        said = error.args[0] if error.args else b""
        why = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise ValueError(f"not a pattern of RE2, which has no lookaround and no backreferences: {why}") from None
    if compiled.search(b"") is not None:
        raise ValueError(f"{value!r} matches the empty text; make it match something")
    return value


def _check_loopback(value: str) -> str:
    parts = urlsplit(value)
    host = parts.hostname or ""
    try:
        local = host == "localhost" or ip_address(host).is_loopback
        _ = parts.port
    except ValueError:
        local = False
    if parts.scheme != "http" or not local or parts.username is not None:
        raise ValueError(f"{value!r} is not on this machine; write http://127.0.0.1:PORT/PATH")
    return value


class OwnPattern(Section):
    name: Annotated[str, AfterValidator(_check_kind)]
    """Word of its pseudonyms: `ticket` makes `<ticket-1>`."""
    regex: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_check_regex)]
    """RE2. With a group, only what the first group matches is replaced."""


PatternConfig: TypeAlias = Literal["secrets", "cards", "email"] | OwnPattern


class RedactAttributes(Section):
    """By key, of spans, events, links, scopes and resources. Globs: `*` stands for any characters, `?` for one."""

    deny: tuple[str, ...] = ()
    """Attributes whose values become `<denied-1>`."""
    allow: tuple[str, ...] | None = None
    """The only attributes whose values stay; none given: all. What is denied stays denied."""


class RedactCallback(Section):
    """A local service that is given the texts of a trace, after the patterns, and gives them back."""

    url: Annotated[str, AfterValidator(_check_loopback)]
    """On loopback. Takes POST `{"texts": […]}` and answers `{"texts": […]}` of the same length and order."""
    timeout: Duration = 5.0
    """For one request; a trace takes several if it is large."""


class RedactConfig(Section):
    patterns: tuple[PatternConfig, ...] = BUILT_IN_PATTERNS
    """`secrets`, `cards`, `email`, and own ones."""
    attributes: RedactAttributes = RedactAttributes()
    callback: RedactCallback | None = None

    @field_validator("patterns")
    @classmethod
    def _names_differ(cls, patterns: tuple[PatternConfig, ...]) -> tuple[PatternConfig, ...]:
        check_unique(pattern if isinstance(pattern, str) else pattern.name for pattern in patterns)
        return patterns


def same_model(name: str) -> str:
    """A model's name in the one way of writing it: `provider:model` for `provider:/model`."""
    provider, colon, model = name.partition(":")
    return f"{provider}{colon}{model.removeprefix('/')}"


class EgressConfig(Section):
    """Which models may see which traces. Once this section is there, what it does not allow is denied."""

    attribute: Annotated[str, Field(min_length=1)]
    """Resource attribute that decides. Every resource of a trace must allow a model."""
    allow: dict[str, tuple[str, ...]] = Field(default={})
    """Value of the attribute to the models that may be asked, each as the judges write it; `"*"`: any other value."""
    unset: tuple[str, ...] = ()
    """Models for resources without the attribute."""

    @model_validator(mode="after")
    def _allows_something(self) -> EgressConfig:
        if not self.models:
            raise ValueError("nothing is allowed, so no judge could run; name models under allow")
        return self

    @property
    def models(self) -> frozenset[str]:
        """Every model that some trace may be shown to, as written."""
        return frozenset(name for names in (*self.allow.values(), self.unset) for name in names)
