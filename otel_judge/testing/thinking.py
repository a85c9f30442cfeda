"""Thinking blocks of a scripted model: signed, and bound to the conversation that they came in, as the provider's are.

A signature holds a hash of the words and one of what stood before: system text, tools and messages. Marks of the cache
and other thinking blocks are no part of it.
"""

from __future__ import annotations

import json
from hashlib import blake2b

from .anthropic_models import generation_of
from .scripts import Json, content_of, part_of, parts_of

_WORDS = "What was read so far decides what comes next."
_THINKING = ("thinking", "redacted_thinking")


def thinking_block(body: Json) -> Json | None:
    """The block with which an answer to that request starts; None where the model does not think."""
    generation = generation_of(body["model"])
    kind = part_of(body, "thinking").get("type")
    thinks = generation.thinks != "when asked" if kind is None else kind in ("adaptive", "enabled")
    if not thinks or is_forced(body):  # forcing a tool prefills the call, so there is no thought before it
        return None
    signature = f"{_hash(_WORDS)}.{_before(body, len(body['messages']))}"
    return {"type": "thinking", "thinking": _WORDS, "signature": signature}


def is_forced(body: Json) -> bool:
    """Whether the request names the tool that has to be called, or says that there must be one."""
    return part_of(body, "tool_choice").get("type") in ("any", "tool")


def is_own(block: Json) -> bool:
    """Whether a block is as this model wrote it."""
    return str(block.get("signature")).partition(".")[0] == _hash(block["thinking"])


def is_bound_here(block: Json, body: Json, number: int) -> bool:
    """Whether a block came in answer to what stands before that message of the request."""
    return str(block["signature"]).partition(".")[2] == _before(body, number)


def _before(body: Json, number: int) -> str:
    messages = parts_of(body, "messages")[:number]
    said = [(message["role"], [_bare(block) for block in content_of(message)]) for message in messages]
    kept = [(role, [block for block in blocks if block.get("type") not in _THINKING]) for role, blocks in said]
    system = content_of({"content": body.get("system")})
    tools = parts_of(body, "tools")
    return _hash(json.dumps([[_bare(part) for part in (*system, *tools)], kept], sort_keys=True))


def _bare(part: Json) -> Json:
    return {key: value for key, value in part.items() if key != "cache_control"}


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()
