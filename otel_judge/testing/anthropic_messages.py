"""Anthropic's Messages API, as the scripted model speaks it."""

from __future__ import annotations

import json

from .anthropic_rules import RULES
from .protocol import Protocol, Tokens, server_sent
from .scripts import Json, Reply
from .thinking import thinking_block


def _hear(body: Json) -> Json:
    return body


def _failure(kind: str, message: str) -> Json:
    return {"type": "error", "error": {"type": kind, "message": message}}


def _message(body: Json, reply: Reply, tokens: Tokens, number: int) -> Json:
    content = [
        {"id": f"toolu_{number}_{place}", **block} if block["type"] == "tool_use" else block
        for place, block in enumerate(reply.content)
    ]
    if content and (thought := thinking_block(body)) is not None:
        content.insert(0, thought)
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": reply.stop_reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": tokens.input - tokens.cached - tokens.written,
            "cache_read_input_tokens": tokens.cached,
            "cache_creation_input_tokens": tokens.written,
            "output_tokens": tokens.output,
        },
    }


def _events(message: Json) -> bytes:
    def event(kind: str, **fields: object) -> str:
        return server_sent(kind, {"type": kind, **fields})

    parts = [event("message_start", message={**message, "content": [], "stop_reason": None})]
    for index, block in enumerate(message["content"]):
        start, deltas = _in_steps(block)
        parts.append(event("content_block_start", index=index, content_block=start))
        parts += (event("content_block_delta", index=index, delta=delta) for delta in deltas)
        parts.append(event("content_block_stop", index=index))
    parts.append(event("message_delta", delta={"stop_reason": message["stop_reason"]}, usage=message["usage"]))
    parts.append(event("message_stop"))
    return "".join(parts).encode()


def _in_steps(block: Json) -> tuple[Json, list[Json]]:
    if block["type"] == "tool_use":
        return dict(block, input={}), [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    if block["type"] == "thinking":
        deltas: list[Json] = [
            {"type": "thinking_delta", "thinking": block["thinking"]},
            {"type": "signature_delta", "signature": block["signature"]},
        ]
        return dict(block, thinking="", signature=""), deltas
    return dict(block, text=""), [{"type": "text_delta", "text": block["text"]}]


MESSAGES = Protocol("/messages", RULES, _hear, _failure, _message, _events, caches_by_itself=False)
