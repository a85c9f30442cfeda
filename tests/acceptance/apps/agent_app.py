"""An app with one agent and no OpenTelemetry of its own: who starts it configures that. One run, then it waits.

Prints the agent's answer, and ends when its standard input does.
"""

from __future__ import annotations

import sys

from opentelemetry import trace
from pydantic_ai import Agent


def main() -> None:
    Agent.instrument_all()
    agent = Agent("anthropic:claude-sonnet-5-5", name="shop", instructions="You are the support agent of a shop.")

    @agent.tool_plain
    def find_order(number: str) -> str:
        return f"{number} ships today"

    with trace.get_tracer("shop").start_as_current_span("POST /support"):
        answer = agent.run_sync("Where is my order HO-4417?").output
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
