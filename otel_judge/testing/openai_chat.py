"""OpenAI's chat completions API, as the scripted model speaks it: what self-hosted servers speak too."""

from __future__ import annotations

import json
from typing import Any

from .openai_rules import CHAT_RULES
from .protocol import Protocol, Tokens, server_sent
from .scripts import Json, Reply, content_of, parts_of

_CREATED = 1_760_000_000  # Unix seconds
_FINISH = {"tool_use": "tool_calls", "max_tokens": "length", "refusal": "content_filter"}


def _hear(body: Json) -> Json:
    messages: list[Json] = []
    system: list[Json] = []
    for message in parts_of(body, "messages"):
        if message["role"] in ("system", "developer"):
            system += content_of(message)
        elif message["role"] == "assistant":
            messages.append({"role": "assistant", "content": _said(message)})
        else:
            messages.append({"role": "user", "content": _told(message)})
    tools = [tool["function"] for tool in parts_of(body, "tools")]
    return {"model": body["model"], "tools": tools, "system": system, "messages": messages}


def _said(message: Json) -> list[Json]:
    calls = [
        tool_use_block(call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in parts_of(message, "tool_calls")
    ]
    return [*content_of(message), *calls]


def _told(message: Json) -> list[Json]:
    if message["role"] == "tool":
        return [{"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": message["content"]}]
    return content_of(message)


def tool_use_block(call_id: str, name: str, arguments: str) -> Json:
    """A call in Anthropic's shape. What is no JSON stays text."""
    try:
        given: Any = json.loads(arguments)
    except ValueError:
        given = arguments
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def failure(kind: str, message: str) -> Json:
    """The body of an error."""
    return {"error": {"message": message, "type": kind, "param": None, "code": kind}}


def _message(body: Json, reply: Reply, tokens: Tokens, number: int) -> Json:
    words = "".join(block["text"] for block in reply.content if block["type"] == "text")
    message: Json = {"role": "assistant", "content": words or None, "refusal": None}
    calls = [
        {
            "id": f"call_{number}_{place}",
            "type": "function",
            "function": {"name": block["name"], "arguments": json.dumps(block["input"])},
        }
        for place, block in enumerate(reply.content)
        if block["type"] == "tool_use"
    ]
    if calls:
        message["tool_calls"] = calls
    usage = {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached},
    }
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": _CREATED,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": _FINISH.get(reply.stop_reason, "stop")}],
        **({"usage": usage} if reply.counted else {}),
    }


def _events(message: Json) -> bytes:
    (choice,) = message["choices"]
    said: Json = choice["message"]
    calls = [{"index": index, **call} for index, call in enumerate(said.get("tool_calls", []))]
    delta = {**said, "tool_calls": calls} if calls else said
    head = {**message, "object": "chat.completion.chunk", "usage": None}
    chunks: list[Json] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]},
        {**head, "choices": [], "usage": message.get("usage")},
    ]
    return ("".join(server_sent(None, chunk) for chunk in chunks) + "data: [DONE]\n\n").encode()


CHAT = Protocol("/chat/completions", CHAT_RULES, _hear, failure, _message, _events, caches_by_itself=True)
