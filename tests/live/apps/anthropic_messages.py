"""The loop over Anthropic's messages, as people write it by hand; run as one span of the app's own."""

from __future__ import annotations

from opentelemetry import trace
from shop import DESCRIPTION, MODEL, PARAMETERS, QUESTION, SYSTEM, TOOL, find_order


def run() -> str:
    from anthropic import Anthropic

    client = Anthropic()
    messages = [{"role": "user", "content": QUESTION}]
    tools = [{"name": TOOL, "description": DESCRIPTION, "input_schema": PARAMETERS}]
    with trace.get_tracer("app").start_as_current_span("answer"):
        while True:
            reply = client.messages.create(model=MODEL, max_tokens=500, system=SYSTEM, messages=messages, tools=tools)
            calls = [block for block in reply.content if block.type == "tool_use"]
            if not calls:
                return "".join(block.text for block in reply.content if block.type == "text")
            messages.append(
                {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in reply.content]}
            )
            results = [
                {"type": "tool_result", "tool_use_id": call.id, "content": find_order(**call.input)} for call in calls
            ]
            messages.append({"role": "user", "content": results})
