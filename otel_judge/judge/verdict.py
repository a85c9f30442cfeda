"""The `verdict` tool: how every judge ends. One schema for all, so that judges of a trace share their prefix."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import orjson

from .text import clean

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
_ALSO = {"score": "value", "result": "value", "reasoning": "rationale"}
_MOST_TRIES = 50  # opening braces that are looked at
_VALUE_LINE = re.compile(
    r"^[ \t*_#-]*(?:final )?(?:verdict|value)[*_]*[ \t]*[:=][ \t]*(\S.*)$", re.IGNORECASE | re.MULTILINE
)
_RATIONALE_LINE = re.compile(r"^[ \t*_#-]*rationale[*_]*[ \t]*[:=][ \t*_]*(\S.*)$", re.IGNORECASE | re.MULTILINE)


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
    given = _by_our_names(cast("dict[str, object]", arguments))
    if "value" not in given:
        raise InvalidVerdict("value is missing")
    rationale = given.get("rationale")
    if not isinstance(rationale, str) or not rationale.strip():
        raise InvalidVerdict("rationale is missing; it must be text")
    told = clean(rationale.strip()[:_LONGEST_RATIONALE])  # it is shown on terminals and in backends
    return Verdict(told, given["value"], _quotes(given.get("evidence")))


def read_text(
    text: str, *, complete: bool = True, quoted: Callable[[str], bool] = lambda _: False
) -> Mapping[str, object] | None:
    """The arguments of a verdict that was written as text. None where it is not clear that, or which.

    Read are one JSON object with a `value`, fenced, alone or within words; and, of a text that is `complete`, a line
    such as `Verdict: pass`, if all such lines say the same. What is `quoted` from the trace is no verdict.
    """
    blocks = _FENCED.findall(text) or [text]
    found = [given for block in blocks if (given := _object(block)) is not None and not quoted(block)]
    if not found:
        found = [given for given, source in _embedded(text) if not quoted(source)]
    if found:
        return found[0] if len({json.dumps(each, sort_keys=True) for each in found}) == 1 else None
    lines = [match for match in _VALUE_LINE.finditer(text) if not quoted(match[0])] if complete else []
    values = {match[1].strip("*_`\"' .") for match in lines}
    if len(values) != 1:
        return None
    rationale = _RATIONALE_LINE.search(text)
    return {"value": values.pop(), "rationale": rationale[1] if rationale is not None else text}


def _object(text: str) -> dict[str, object] | None:
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return _verdict(parsed)


def _verdict(parsed: object) -> dict[str, object] | None:
    if not isinstance(parsed, dict):
        return None
    given = _by_our_names(cast("dict[str, object]", parsed))
    return given if "value" in given else None


def _by_our_names(given: dict[str, object]) -> dict[str, object]:
    """With `value` and `rationale` also where the model took the words of its instructions, or of other judges."""
    renamed = {_ALSO.get(name, name): value for name, value in given.items() if name in _ALSO}
    return {**renamed, **given}


def _embedded(text: str) -> Iterator[tuple[dict[str, object], str]]:
    """JSON objects with a value that stand within words, and how they were written."""
    decoder, place, tries = json.JSONDecoder(), text.find("{"), 0
    while place >= 0 and tries < _MOST_TRIES:
        tries += 1
        try:
            parsed, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            if (given := _verdict(parsed)) is not None:
                yield given, text[place:end]
        place = text.find("{", end)


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
        path = clean(path) if isinstance(path, str) and path else None
        quotes.append(Quote(clean(span_id.strip()), clean(quote[:_LONGEST_QUOTE]), path))
    return tuple(quotes)
