"""When a use of a tool counts as failed.

Its span says so: status ERROR, `error.type`, or an exception event on a span whose status is not OK (an exception
that was recorded and handled). Or its result says so, in one of two forms that leave no doubt:

- a JSON object whose `error`, `isError` or `is_error` is truthy;
- a text that begins as error messages do: `Error: …`, `ValueError: …`, `Error executing tool …`, or a Python traceback.

Nothing else is guessed: "No results" and "Error rate: 2 %" are answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast

import orjson

from .. import dialects
from ..trace import Span
from .places import Place

_ERROR_KEYS: Final = ("error", "isError", "is_error")

_ERROR_TEXT: Final = re.compile(
    r"""\s*"?(?:
        [A-Za-z_][\w.]{0,109}+(?:(?<=Error)|(?<=Exception)|(?<=ERROR)|(?<=error))(?:\s*:|\s*\Z)
        |(?:Error|ERROR|error)\s+(?:calling|executing|invoking|running|while)\b
        |Traceback\ \(most\ recent\ call\ last\)
    )""",
    re.VERBOSE,
)


def span_error(span: Span) -> tuple[str, Place] | None:
    """What the span of a tool says about its failure, and where it stands there; None if it did not fail."""
    if span.status_code == "ERROR":
        return _exception(span) if not span.status_message else (span.status_message, _at(span, "status.message"))
    error_type = span.attributes.get("error.type")
    if isinstance(error_type, str) and error_type:
        return error_type, _at(span, "attributes.error.type")
    if dialects.read(span).error is not None or (_has_exception(span) and span.status_code != "OK"):
        return _exception(span)
    return None


def result_says_error(result: str) -> bool:
    """Whether a tool's result is an error, by its form alone."""
    if result.lstrip()[:1] == "{":
        try:
            decoded = orjson.loads(result)
        except ValueError:
            return False
        return isinstance(decoded, dict) and any(cast("Mapping[str, object]", decoded).get(key) for key in _ERROR_KEYS)
    return _ERROR_TEXT.match(result) is not None


def _has_exception(span: Span) -> bool:
    return any(event.name == "exception" for event in span.events)


def _exception(span: Span) -> tuple[str, Place]:
    for number, event in enumerate(span.events):
        if event.name == "exception":
            for key in ("exception.message", "exception.type"):
                text = event.attributes.get(key)
                if isinstance(text, str) and text:
                    return text, _at(span, f"events[{number}].attributes.{key}")
    error_type = span.attributes.get("error.type")
    if isinstance(error_type, str) and error_type:
        return error_type, _at(span, "attributes.error.type")
    return span.name, _at(span, "name")


def _at(span: Span, path: str) -> Place:
    return Place(span.span_id, path)
