"""Attributes that look like content: what a span may have said in a form that no dialect knows.

Told by their names, since frameworks agree at least on those: the last word is such as `prompt`, `answer` or `result`.
Names of OpenTelemetry's conventions for everything else (HTTP, databases, exceptions) are never meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..attributes import AttributeValue
from ..trace import Span

_CONTENT: Final = frozenset(
    """
    answer answers args arguments body chat completion completions content contents context conversation inputs input
    instruction instructions kwargs message messages observation output outputs payload prompt prompts query question
    reply request response result results text thought transcript utterance
    """.split()  # noqa: SIM905 - words read better so
)
_NEVER: Final = frozenset({"definitions", "error", "headers", "schema", "status", "template", "usage"})
_ELSEWHERE: Final = (
    *("asgi.", "aws.", "client.", "cloud.", "code.", "container.", "db.", "device.", "dns.", "enduser.", "error."),
    *(
        "exception.",
        "faas.",
        "feature_flag.",
        "file.",
        "graphql.",
        "host.",
        "http.",
        "k8s.",
        "log.",
        "logfire.",
        "mcp.",
    ),
    *("messaging.", "net.", "network.", "os.", "otel.", "peer.", "process.", "rpc.", "server.", "service.", "source."),
    *("telemetry.", "thread.", "tls.", "url.", "user_agent."),
)
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_NOTHING: Final = frozenset({"", "{}", "[]", "null", "None", "<REDACTED>", "[REDACTED]", "N/A"})


def looks_like_content(key: str) -> bool:
    """Whether an attribute of this name may hold what was said. Slow: asked once for each name."""
    if key.startswith(_ELSEWHERE):
        return False
    words = [word.lower() for word in _WORD.findall(key) if not word.isdigit()]
    return bool(words) and words[-1] in _CONTENT and _NEVER.isdisjoint(words)


def paths(span: Span, keys: frozenset[str], known: frozenset[str], *, events: bool) -> Iterator[str]:
    """Where such attributes of a span stand, but for those in `known`. `keys`: those of its attributes."""
    attributes = span.attributes
    for key in attributes:
        if key in keys and key not in known and says_something(attributes[key]):
            yield f"attributes.{key}"
    if not events:
        return
    for number, event in enumerate(span.events):
        if event.name == "exception" or event.name.startswith("gen_ai."):
            continue
        for key, value in event.attributes.items():
            if says_something(value) and looks_like_content(key):
                yield f"events[{number}].attributes.{key}"


def says_something(value: AttributeValue) -> bool:
    """Not a number, nothing empty, nothing that stands for what was withheld."""
    if isinstance(value, str):
        return value.strip() not in _NOTHING and not value.isdigit()
    return isinstance(value, bytes | list | dict) and len(value) > 0
