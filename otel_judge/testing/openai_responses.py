"""OpenAI's Responses API, as the scripted model speaks it."""

from __future__ import annotations

import json
from typing import cast

from .openai_chat import failure, tool_use_block
from .openai_rules import RESPONSES_RULES
from .protocol import Protocol, Tokens, server_sent
from .scripts import Json, Reply, content_of, parts_of

_CREATED = 1_760_000_000  # Unix seconds
_WHY_INCOMPLETE = {"max_tokens": "max_output_tokens", "refusal": "content_filter"}


def _hear(body: Json) -> Json:
    given: str | list[Json] = body["input"]
    items = cast("list[Json]", [{"role": "user", "content": given}]) if isinstance(given, str) else given
    messages: list[Json] = []
    system: list[Json] = content_of({"content": body.get("instructions")})
    for item in items:
        role, blocks = _item(item)
        if role in ("system", "developer"):
            system += blocks
        elif messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
        elif blocks:
            messages.append({"role": role, "content": blocks})
    return {"model": body["model"], "tools": parts_of(body, "tools"), "system": system, "messages": messages}


def _item(item: Json) -> tuple[str, list[Json]]:
    kind = item.get("type", "message")
    if kind == "function_call":
        return "assistant", [tool_use_block(item["call_id"], item["name"], item["arguments"])]
    if kind == "function_call_output":
        return "user", [{"type": "tool_result", "tool_use_id": item["call_id"], "content": item["output"]}]
    if kind != "message":
        return "assistant", []
    texts = [{"type": "text", "text": block.get("text", "")} for block in content_of(item)]
    return item["role"], texts


def _message(body: Json, reply: Reply, tokens: Tokens, number: int) -> Json:
    output = [
        _call(block, f"{number}_{place}") if block["type"] == "tool_use" else _words(block, f"{number}_{place}")
        for place, block in enumerate(reply.content)
    ]
    why = _WHY_INCOMPLETE.get(reply.stop_reason)
    usage = {
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached, "cache_write_tokens": 0},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens.input + tokens.output,
    }
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": _CREATED,
        "model": body["model"],
        "status": "completed" if why is None else "incomplete",
        "incomplete_details": None if why is None else {"reason": why},
        "error": None,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": parts_of(body, "tools"),
        "usage": usage if reply.counted else None,
    }


def _call(block: Json, number: str) -> Json:
    return {
        "type": "function_call",
        "id": f"fc_{number}",
        "call_id": f"call_{number}",
        "name": block["name"],
        "arguments": json.dumps(block["input"]),
        "status": "completed",
    }


def _words(block: Json, number: str) -> Json:
    text: Json = {"type": "output_text", "text": block["text"], "annotations": []}
    return {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": [text]}


def _events(message: Json) -> bytes:
    events: list[Json] = [{"type": "response.created", "response": {**message, "output": [], "status": "in_progress"}}]
    for index, item in enumerate(parts_of(message, "output")):
        steps: list[Json]
        place: Json = {"item_id": item["id"], "output_index": index}
        if item["type"] == "function_call":
            begun: Json = {**item, "arguments": ""}
            step: Json = {"type": "response.function_call_arguments.delta", **place, "delta": item["arguments"]}
            steps = [step]
        else:
            begun = {**item, "content": []}
            (part,) = item["content"]
            inside: Json = {**place, "content_index": 0}
            steps = [
                {"type": "response.content_part.added", **inside, "part": {**part, "text": ""}},
                {"type": "response.output_text.delta", **inside, "delta": part["text"], "logprobs": []},
            ]
        events.append({"type": "response.output_item.added", "output_index": index, "item": begun})
        events += steps
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": f"response.{message['status']}", "response": message})
    return "".join(
        server_sent(event["type"], {**event, "sequence_number": number}) for number, event in enumerate(events)
    ).encode()


RESPONSES = Protocol("/responses", RESPONSES_RULES, _hear, failure, _message, _events, caches_by_itself=True)
