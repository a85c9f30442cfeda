"""Conversations for tests: the turns of a chat with the shop, each a trace of its own."""

from __future__ import annotations

from otel_judge.testing.traces import BASE_NS, TraceBuilder, text

MINUTE_NS = 60 * 10**9
SAID = [("Where is my order?", "It ships today."), ("And my refund?", "It is paid."), ("Thanks!", "Anytime.")]


def a_turn(number: int, conversation: str = "c-1", *, seed: int | None = None, base_ns: int = BASE_NS) -> TraceBuilder:
    """A turn whose model is given the conversation so far, as chats are."""
    build = TraceBuilder("shop", seed=number if seed is None else seed, base_ns=base_ns + number * MINUTE_NS)
    about = {"gen_ai.conversation.id": conversation}
    root = build.agent("shop", user=SAID[number][0], answer=SAID[number][1], end=2.0, attributes=about)
    history = [
        text(role, said) for pair in SAID[:number] for role, said in zip(("user", "assistant"), pair, strict=True)
    ]
    given = [text("system", "You are the shop's."), *history, text("user", SAID[number][0])]
    build.chat("m-1", parent=root, messages=given, output=[text("assistant", SAID[number][1])], attributes=about)
    return build


def root_of(build: TraceBuilder) -> str:
    return build.trace().root.span_id
