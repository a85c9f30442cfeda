"""What Anthropic's Messages API refuses with status 400, as far as a judge could get it wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TypeAlias, cast

from .scripts import Json, content_of

Rule: TypeAlias = Callable[[Json], str | None]
"""Says why a request is refused, or None."""


def _tools_are_declared(body: Json) -> str | None:
    if not body.get("tools") and any(_blocks_of(body, "tool_use", "tool_result")):
        return "Requests which include `tool_use` or `tool_result` blocks must define tools"
    return None


def _calls_are_answered(body: Json) -> str | None:
    messages = cast("list[Json]", body["messages"])
    for number, message in enumerate(messages):
        called = {block["id"] for block in content_of(message) if block.get("type") == "tool_use"}
        following = content_of(messages[number + 1]) if number + 1 < len(messages) else []
        answered = {block["tool_use_id"] for block in following if block.get("type") == "tool_result"}
        if called != answered and message["role"] == "assistant":
            return f"messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately after"
    return None


def _breakpoints_are_few(body: Json) -> str | None:
    count = json.dumps(body).count('"cache_control"')
    return f"A maximum of 4 blocks with cache_control may be provided. Found {count}." if count > 4 else None


def _output_is_limited(body: Json) -> str | None:
    return None if isinstance(body.get("max_tokens"), int) else "max_tokens: Field required"


def _roles_are_known(body: Json) -> str | None:
    messages = cast("list[Json]", body.get("messages") or [])
    if not messages or any(message.get("role") not in ("user", "assistant") for message in messages):
        return "messages: at least one message of the roles `user` and `assistant` is required"
    if any(message["role"] == "assistant" and not content_of(message) for message in messages[:-1]):
        return "messages: all messages must have non-empty content except for the optional final assistant message"
    return None


RULES: tuple[Rule, ...] = (
    _output_is_limited,
    _roles_are_known,
    _tools_are_declared,
    _calls_are_answered,
    _breakpoints_are_few,
)


def _blocks_of(body: Json, *kinds: str) -> Iterator[Json]:
    for message in cast("list[Json]", body["messages"]):
        yield from (block for block in content_of(message) if block.get("type") in kinds)
