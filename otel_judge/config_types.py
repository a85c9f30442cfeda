"""The small types that configuration keys are made of, each with an error that says how to mend it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


def parse_duration(value: object) -> object:
    """Seconds of a duration as the Collector writes it, such as `2s`, `1m30s` or `500ms`; 0 needs no unit."""
    if isinstance(value, str):
        if value.strip() == "0":
            return 0.0
        if _DURATION.fullmatch(value.strip()):
            return sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(value))
        raise ValueError(f"{value!r} is not a duration; write a number and a unit, such as 500ms, 6s or 1m30s")
    if isinstance(value, bool) or not isinstance(value, int | float) or value != 0:
        raise ValueError(f"a duration needs a unit; write {value}s if seconds are meant")
    return 0.0


Duration: TypeAlias = Annotated[
    float, BeforeValidator(parse_duration), Field(ge=0, json_schema_extra={"type": "string"})
]
"""Seconds."""


def _check_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", value):
        raise ValueError(
            f"{value!r} is not a name; use up to 64 letters, digits, '_', '-' or '.', starting with a letter or '_'"
        )
    return value


def _check_endpoint(value: str) -> str:
    if not re.fullmatch(r"(https?://)?[^/\s]+:\d{1,5}(/\S*)?", value):
        raise ValueError(f"{value!r} is not an endpoint; write host:port, such as 127.0.0.1:4317")
    return value


def _check_model(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9_-]+:/?\S+", value):
        raise ValueError(f"{value!r} is not a model; write provider:model, such as anthropic:NAME")
    return value


def _check_python(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", value):
        raise ValueError(f"{value!r} names no object of a module; write module:name, such as my_scorers:polite")
    return value


Name: TypeAlias = Annotated[str, AfterValidator(_check_name)]
"""A name that goes out as a low-cardinality value."""
Endpoint: TypeAlias = Annotated[str, AfterValidator(_check_endpoint)]
"""`host:port`, or a URL."""
ModelSpec: TypeAlias = Annotated[str, AfterValidator(_check_model)]
"""`provider:model`, or MLflow's `provider:/model`."""

PythonName: TypeAlias = Annotated[str, AfterValidator(_check_python)]
"""`module:name`."""


def check_unique(names: Iterable[str]) -> None:
    """Raises `ValueError` for the first name that stands there twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"the name {name!r} is used twice")
        seen.add(name)


class Section(BaseModel):
    """Base of all sections: frozen, and no key is ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
