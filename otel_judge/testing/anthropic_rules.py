"""What Anthropic's Messages API refuses with status 400, as far as a judge could get it wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TypeAlias, cast

from .anthropic_models import Generation, generation_of
from .scripts import Json, content_of, part_of, parts_of
from .thinking import is_bound_here, is_forced, is_own

Rule: TypeAlias = Callable[[Json], str | None]
"""Says why a request is refused, or None."""

_SAMPLING = ("temperature", "top_p", "top_k")


def _output_is_limited(body: Json) -> str | None:
    most, given = _generation(body).most_output, body.get("max_tokens")
    if not isinstance(given, int):
        return "max_tokens: Field required"
    if given > most:
        return f"max_tokens: {given} > {most}, which is the maximum allowed number of output tokens for {body['model']}"
    return None


def _roles_are_known(body: Json) -> str | None:
    messages = parts_of(body, "messages")
    if not messages or any(message.get("role") not in ("user", "assistant") for message in messages):
        return "messages: at least one message of the roles `user` and `assistant` is required"
    if any(message["role"] == "assistant" and not content_of(message) for message in messages[:-1]):
        return "messages: all messages must have non-empty content except for the optional final assistant message"
    return None


def _tools_are_declared(body: Json) -> str | None:
    if not body.get("tools") and any(_blocks_of(body, "tool_use", "tool_result")):
        return "Requests which include `tool_use` or `tool_result` blocks must define tools"
    return None


def _calls_are_answered(body: Json) -> str | None:
    messages = parts_of(body, "messages")
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


def _sampling_is_taken(body: Json) -> str | None:
    if _generation(body).takes_sampling:
        return None
    given = next((name for name in _SAMPLING if name in body), None)
    return f"`{given}` is not supported for this model." if given is not None else None


def _thinking_is_taken(body: Json) -> str | None:
    thinking = cast("Json | None", body.get("thinking"))
    if thinking is None:
        return None
    generation, kind = _generation(body), thinking.get("type")
    if kind == "enabled":
        if not generation.takes_budget:
            return '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive".'
        if body["max_tokens"] <= thinking.get("budget_tokens", 0):
            return "`max_tokens` must be greater than `thinking.budget_tokens`."
    elif kind == "adaptive":
        if not generation.takes_adaptive:
            return "adaptive thinking is not supported on this model"
    elif generation.thinks == "always" or kind != generation.off:
        return f'"thinking.type.{kind}" is not supported for this model.'
    return None


def _choice_is_taken(body: Json) -> str | None:
    if not is_forced(body):
        return None
    if not _generation(body).takes_forcing:
        return f'tool_choice: type "{body["tool_choice"]["type"]}" is not supported for this model.'
    if part_of(body, "thinking").get("type") == "enabled":
        return "Thinking may not be enabled when tool_choice forces tool use."
    chosen = body["tool_choice"].get("name")
    if chosen is not None and chosen not in [tool["name"] for tool in parts_of(body, "tools")]:
        return f"Tool '{chosen}' not found in provided tools"
    return None


def _thinking_is_unchanged(body: Json) -> str | None:
    binding = part_of(part_of(body, "thinking"), "block_binding")
    binds = _generation(body).binds_thinking and binding.get("prefix_mismatch_behavior") != "drop_block"
    for number, message in enumerate(parts_of(body, "messages")):
        for place, block in enumerate(content_of(message)):
            if block.get("type") != "thinking":
                continue
            where = f"messages.{number}.content.{place}"
            if not is_own(block):
                return f"{where}: Invalid `signature` in `thinking` block"
            if binds and not is_bound_here(block, body, number):
                return (
                    f"{where}: Invalid `signature` in `thinking` block. The block is bound to a different conversation"
                )
    return None


RULES: tuple[Rule, ...] = (
    _output_is_limited,
    _roles_are_known,
    _tools_are_declared,
    _calls_are_answered,
    _breakpoints_are_few,
    _sampling_is_taken,
    _thinking_is_taken,
    _choice_is_taken,
    _thinking_is_unchanged,
)


def _generation(body: Json) -> Generation:
    return generation_of(str(body.get("model")))


def _blocks_of(body: Json, *kinds: str) -> Iterator[Json]:
    for message in parts_of(body, "messages"):
        yield from (block for block in content_of(message) if block.get("type") in kinds)
