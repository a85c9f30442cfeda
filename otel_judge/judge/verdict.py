"""The `verdict` tool: how every judge ends. One schema for all, so that judges of a trace share their prefix."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import orjson

NAME = "verdict"
DESCRIPTION = (
    "Ends the judgement. Give the rationale first, then the value of the type that was asked for, and as evidence "
    "verbatim quotes with the ids of the spans that they stand in."
)
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "rationale": {"type": "string", "description": "Why, in a few sentences."},
        "value": {"description": 'The grade, of the type that was asked for, or "not_judgeable".'},
        "evidence": {
            "type": "array",
            "description": "What the verdict rests on.",
            "items": {
                "type": "object",
                "properties": {
                    "span_id": {"type": "string", "description": "16 hex digits."},
                    "path": {"type": "string", "description": "Path of the value that was quoted, such as output."},
                    "quote": {"type": "string", "description": "Text copied from the span, word for word."},
                },
                "required": ["span_id", "quote"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["rationale", "value"],
    "additionalProperties": False,
}

_LONGEST_RATIONALE = 8_000  # characters
_MOST_EVIDENCE = 20
_LONGEST_QUOTE = 2_000  # characters
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)


class InvalidVerdict(Exception):
    """A verdict that is not of the schema. Its text tells the model what to mend."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Evidence as the model gave it."""

    span_id: str
    quote: str
    path: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict as the model gave it; the value is not checked yet."""

    rationale: str
    value: object
    evidence: tuple[Quote, ...]


def read(arguments: object) -> Verdict:
    """The verdict in the arguments of a call. Raises `InvalidVerdict`."""
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            raise InvalidVerdict("the arguments are not valid JSON, or were cut off; be shorter") from None
    if not isinstance(arguments, dict):
        raise InvalidVerdict("the arguments must be an object with rationale, value and evidence")
    given = cast("dict[str, object]", arguments)
    if "value" not in given:
        raise InvalidVerdict("value is missing")
    rationale = given.get("rationale")
    if not isinstance(rationale, str) or not rationale.strip():
        raise InvalidVerdict("rationale is missing; it must be text")
    return Verdict(rationale.strip()[:_LONGEST_RATIONALE], given["value"], _quotes(given.get("evidence")))


def read_text(text: str) -> Mapping[str, object] | None:
    """The arguments of a verdict that was written as text: all of it, or one fenced block. None if unclear."""
    blocks = _FENCED.findall(text) or [text]
    found: list[dict[str, object]] = []
    for block in blocks:
        try:
            parsed = orjson.loads(block)
        except orjson.JSONDecodeError:
            continue
        if isinstance(parsed, dict) and "value" in parsed:
            found.append(cast("dict[str, object]", parsed))
    return found[0] if len(found) == 1 else None


def _quotes(given: object) -> tuple[Quote, ...]:
    if given is None:
        return ()
    if not isinstance(given, list):
        raise InvalidVerdict("evidence must be a list of {span_id, path, quote}")
    quotes = list[Quote]()
    for item in cast("list[object]", given)[:_MOST_EVIDENCE]:
        entry = cast("dict[str, object]", item) if isinstance(item, dict) else {}
        span_id, quote, path = entry.get("span_id"), entry.get("quote"), entry.get("path")
        if not isinstance(span_id, str) or not isinstance(quote, str):
            raise InvalidVerdict("each piece of evidence needs span_id and quote, both text")
        quotes.append(Quote(span_id.strip(), quote[:_LONGEST_QUOTE], path if isinstance(path, str) and path else None))
    return tuple(quotes)
