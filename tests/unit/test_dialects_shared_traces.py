"""What the recorded and labelled traces say: question, tools, answer, model, tokens."""

from __future__ import annotations

import json
from collections import Counter
from typing import NamedTuple

import pytest
from shared_traces import labelled, recorded

from otel_judge import dialects
from otel_judge.dialects.base import Role, ToolCall
from otel_judge.trajectory import Understanding, final_output, model_calls, token_totals, tool_calls, understood
from otel_judge.trajectory import user_request as asked


class Told(NamedTuple):
    question: str
    tools: tuple[tuple[str, str, str | None], ...]
    """Name, arguments, and how the result begins or None where there is none."""
    answer: str
    """How it begins."""
    models: set[str | None]
    tokens: tuple[int, int]
    understood: dict[str, int]
    """Spans by the dialect that read their content."""


TOLD = {
    "claude-agent-2025-12-22": Told(
        "What's the weather like in Berlin and New York?",
        (
            (
                "mcp__weather__get_weather",
                '{"city": "Berlin"}',
                '{"content":[{"type":"text","text":"Weather in Berlin: ',
            ),
            ("mcp__weather__get_weather", '{"city": "New York"}', '{"content":[{"type":"text","text":"Weather in New '),
        ),
        "Great! Here's the current weather for both cities:",
        {"claude-sonnet-4-5-20250929"},
        (0, 0),
        {"langfuse": 7},
    ),
    "kagent-jaeger-helm": Told(
        "list all Helm releases",
        (("helm_list_releases", "{}", '{"content": [{"type": "text", "text": "NAME '),),
        "There are two Helm releases installed in the cluster:",
        {"gpt-4.1-mini-2025-04-14"},
        (3776, 130),
        {"google_adk": 3, "openllmetry": 2},
    ),
    "kagent-jaeger-k8s": Told(
        "list all Helm releases",
        (),
        "To list all Helm releases, I would typically use Helm CLI commands",
        {"gpt-4.1-mini-2025-04-14"},
        (2203, 139),
        {"google_adk": 1, "openllmetry": 1},
    ),
    "kagent-tempo-batches": Told(
        "list all helm releases\n",
        (("helm_list_releases", "{}", '{"content": [{"type": "text", "text": "NAME '),),
        "There are two Helm releases currently deployed:",
        {"gpt-4.1-mini-2025-04-14"},
        (4648, 129),
        {"google_adk": 3, "openllmetry": 2},
    ),
    "microsoft-agent-2025-12-17": Told(
        "What's the weather in Tokyo?",
        (
            (
                "get_weather",
                '{"location":"Tokyo, Japan"}',
                "The weather in Tokyo, Japan is stormy with a high of 23°C.",
            ),
        ),
        "Current conditions in Tokyo, Japan: stormy, high around 23°C.",
        {"gpt-5-mini-2025-08-07"},
        (293, 106),
        {"langfuse": 3, "gen_ai": 1},
    ),
    "mlflow_otlp": Told(
        "What is the weather in Paris, and book a table at Chez X on Monday 8pm",
        (
            ("get_weather", '{"city": "Paris"}', '{"city": "Paris", "temp_c": 14, "condition": "rain"}'),
            ("book_table", '{"name": "Chez X", "when": "Mon 20:00"}', None),
        ),
        "It is sunny and 14C in Paris; table booked.",
        {None},
        (123, 24),
        {"mlflow": 5},
    ),
    "openai-agents-2025-09-30": Told(
        "What's the weather in Tokyo?",
        (("get_weather", '{"city":"Tokyo"}', "The weather in Tokyo is sunny."),),
        "The weather in Tokyo is currently sunny. If you need more details",
        {"gpt-4.1-2025-04-14"},
        (140, 44),
        {"openinference": 3},
    ),
    "pydantic-ai-tools-2025-12-04": Told(
        "Select and call THREE of the available tools to get joke suggestions about 'programming'.",
        (
            ("get_pun_suggestion", '{"topic": "programming"}', "Pun idea: Play on words related to 'programming'"),
            ("get_dad_joke_suggestion", '{"topic": "programming"}', "Dad joke idea: Use a classic setup-punchline"),
            ("get_one_liner_suggestion", '{"topic": "programming"}', "One-liner idea: Make a quick, witty observation"),
            ("final_result", '{"quality": "good", "feedback": "The joke is clever', "Final result processed."),
        ),
        '{"joke": "Why do programmers hate nature?',
        {"gpt-4o-mini-2024-07-18"},
        (1315, 209),
        {"pydantic_ai": 6, "langfuse": 5},
    ),
    "vercel-aisdk-2025-11-17": Told(
        "What is the weather like today in San Francisco?",
        (("getWeather", '{"location":"San Francisco"}', '{"location":"San Francisco","temperature":64}'),),
        "",
        {"gpt-5-2025-08-07"},
        (62, 85),
        {"langfuse": 3},
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_a_recorded_trace_says_what_was_asked_done_and_answered(name: str) -> None:
    trace, told = recorded(name), TOLD[name]
    assert asked(trace) == told.question
    uses = tool_calls(trace)
    assert [use.name for use in uses] == [tool for tool, _, _ in told.tools]
    for use, (_, arguments, result) in zip(uses, told.tools, strict=True):
        assert (use.arguments or "").startswith(arguments)
        assert (use.result is None) == (result is None)
        assert (use.result or "").startswith(result or "")
    answer = final_output(trace)
    assert answer is not None
    assert answer.text.startswith(told.answer)
    assert {call.content.model for call in model_calls(trace)} == told.models
    totals = token_totals(trace)
    assert (totals.input_tokens, totals.output_tokens) == told.tokens


@pytest.mark.parametrize("name", TOLD)
def test_all_content_of_a_recorded_trace_is_understood(name: str) -> None:
    counts = understood(recorded(name))
    read = Counter[str]()
    for kind, count in counts.items():
        assert kind.content is not Understanding.UNKNOWN
        if kind.content is Understanding.READ:
            read[kind.dialect] += count
    assert read == TOLD[name].understood


def test_a_run_that_ends_with_a_call_has_it_as_its_answer() -> None:
    answer = final_output(recorded("vercel-aisdk-2025-11-17"))
    assert answer is not None
    call = ToolCall("getWeather", '{"location":"San Francisco"}', "call_DgKARp7a7IhJPDczfifMp6Ra")
    assert answer.pending == (call,)
    assert answer.finish_reason == "tool-calls"


def test_a_tool_that_failed_says_how() -> None:
    failed = [use.error for use in tool_calls(recorded("mlflow_otlp")) if use.failed]
    assert failed == ["ValueError: restaurant closed on Mondays"]


def test_conversations_agents_and_users_are_found() -> None:
    found = {
        name: {(content.conversation_id, content.agent) for content in map(dialects.read, recorded(name).spans)}
        for name in ("claude-agent-2025-12-22", "kagent-jaeger-helm", "pydantic-ai-tools-2025-12-04")
    }
    assert ("6fb9b4b8-dd4d-4d41-8d4f-c0c0799a6559", None) in found["claude-agent-2025-12-22"]
    assert ("ctx-7ed9780f-3688-4fc0-b10b-2e4df2f83cf0", "helm_agent") in found["kagent-jaeger-helm"]
    assert {agent for _, agent in found["pydantic-ai-tools-2025-12-04"]} == {None, "joke_agent", "evaluator_agent"}


def test_labelled_runs_say_what_was_asked_done_and_answered() -> None:
    for trace in labelled():
        spans = [span for span in trace.spans if span.attributes.get("gen_ai.operation.name") == "execute_tool"]
        written = [
            tuple(span.attributes[f"gen_ai.tool.{key}"] for key in ("name", "call.arguments", "call.result"))
            for span in spans
        ]
        assert [(use.name, use.arguments, use.result) for use in tool_calls(trace)] == written
        first = next(span for span in trace.spans if span.attributes.get("gen_ai.operation.name") == "chat")
        messages = json.loads(str(first.attributes["gen_ai.input.messages"]))
        question = next(message["parts"][0]["content"] for message in messages if message["role"] == "user")
        assert asked(trace) == question
        answer = final_output(trace)
        assert answer is not None
        assert answer.text or answer.pending
        assert all(kind.content is not Understanding.UNKNOWN for kind in understood(trace))
        assert all(call.content.role is Role.MODEL for call in model_calls(trace))
