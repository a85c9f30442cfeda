"""The loop over OpenAI's chat completions, as people write it by hand; run as one span of the app's own."""

from __future__ import annotations

import json

from opentelemetry import trace
from shop import DESCRIPTION, MODEL, PARAMETERS, QUESTION, SYSTEM, TOOL, find_order


def run() -> str:
    from openai import OpenAI

    client = OpenAI()
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
    tools = [{"type": "function", "function": {"name": TOOL, "description": DESCRIPTION, "parameters": PARAMETERS}}]
    with trace.get_tracer("app").start_as_current_span("answer"):
        while True:
            reply = client.chat.completions.create(model=MODEL, messages=messages, tools=tools).choices[0].message
            if not reply.tool_calls:
                return reply.content
            messages.append(reply.model_dump(exclude_none=True))
            for call in reply.tool_calls:
                result = find_order(**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
