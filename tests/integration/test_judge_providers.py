"""The scripted model under the providers' own SDKs: streams, thinking that is replayed, refusals, caches."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import anthropic
import openai
import pytest

from otel_judge.config import JudgeConfig, ModelConfig
from otel_judge.feedback import Feedback
from otel_judge.judge import build
from otel_judge.testing.model import (
    GENERATIONS,
    Reply,
    ScriptedModel,
    blocks,
    explorer,
    refusal,
    text,
    tool_use,
    verdict,
)
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of

TOOL = {"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {}}}
FUNCTION = {"name": "look", "parameters": {"type": "object", "properties": {}}}
BOTH = blocks(text("Let me look."), tool_use("look", deep=True))
DEPRECATED = pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")
ASKED: Any = [{"role": "user", "content": "What happened?"}]


def a_trace() -> Trace:
    build_trace = TraceBuilder(service="shop")
    root = build_trace.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    build_trace.tool("find_order", parent=root, arguments={"id": 7}, error="no such order")
    return build_trace.trace()


def judged(model: ScriptedModel, named: str, *, settings: dict[str, Any] | None = None, **options: Any) -> Feedback:
    async def grade() -> Feedback:
        given = {"name": "task", "instructions": "Was the {{ trace }} honest?", "model": "main", **options}
        headers = {"x-api-key": "scripted"}
        main = ModelConfig(model=named, base_url=model.base_url, headers=headers, settings=settings or {})
        (judge,) = build([JudgeConfig.model_validate(given)], {"main": main})
        trace = a_trace()
        try:
            return await judge.grade(trace, target_of(trace, trace.root))
        finally:
            await judge.aclose()

    return asyncio.run(grade())


@DEPRECATED
@pytest.mark.parametrize("name", GENERATIONS)
def test_a_judge_explores_with_every_generation(name: str) -> None:
    """Not one request is refused, thinking that is bound to the conversation included."""
    with ScriptedModel(explorer("pass")) as model:
        feedback = judged(model, f"anthropic:{name}", reading="explore")
    assert (feedback.error, feedback.label, feedback.model) == (None, "pass", name)
    assert len(model.requests) == 3


@DEPRECATED
@pytest.mark.parametrize("name", GENERATIONS)
def test_the_verdict_comes_at_the_ceiling_with_every_generation(name: str) -> None:
    """Forced where the generation takes that; with the tools unchanged in either case."""

    def script(request: Any) -> Reply:
        return verdict("fail") if "Reading is closed" in str(request.messages) else tool_use("list_spans")

    with ScriptedModel(script) as model:
        feedback = judged(model, f"anthropic:{name}", reading="explore", limits={"turns": 3})
    assert (feedback.error, feedback.label, feedback.forced) == (None, "fail", "turns")
    kinds = [request.body["tool_choice"]["type"] for request in model.requests]
    assert kinds == ["auto", "auto", "tool" if GENERATIONS[name].takes_forcing else "auto"]
    assert all(request.body["tools"] == model.requests[0].body["tools"] for request in model.requests)


def test_thinking_blocks_are_sent_back_as_they_came() -> None:
    with ScriptedModel(explorer()) as model:
        judged(model, "anthropic:claude-sonnet-5-5", reading="explore")
    kinds = [block["type"] for block in model.requests[-1].messages[1]["content"]]
    assert kinds == ["thinking", "tool_use", "tool_use"]


def test_a_second_judgement_of_a_trace_reads_the_prefix_from_the_cache() -> None:
    with ScriptedModel(lambda _: verdict("pass")) as model:
        first = judged(model, "anthropic:claude-sonnet-5-5")
        second = judged(model, "anthropic:claude-sonnet-5-5")
    assert first.usage is not None
    assert second.usage is not None
    assert first.usage.cached_tokens == 0
    assert second.usage.cached_tokens > 0.9 * second.usage.input_tokens


@pytest.mark.parametrize("name", GENERATIONS)
def test_sampling_settings_reach_only_the_generations_that_take_them(name: str) -> None:
    with warnings.catch_warnings(action="ignore"), ScriptedModel([verdict("pass")]) as model:
        feedback = judged(model, f"anthropic:{name}", settings={"temperature": 0})
    assert (feedback.error, feedback.label) == (None, "pass")
    assert ("temperature" in model.requests[0].body) is GENERATIONS[name].takes_sampling


@pytest.mark.parametrize("stop_reason", ["end_turn", "max_tokens"])
def test_the_anthropic_sdk_reads_the_stream(stop_reason: str) -> None:
    reply = Reply(BOTH.content, stop_reason)
    with (
        ScriptedModel([reply, reply]) as model,
        anthropic.Anthropic(base_url=model.base_url, api_key="scripted", max_retries=0) as client,
    ):
        asked: Any = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": ASKED, "tools": [TOOL]}
        with client.messages.stream(**asked) as stream:
            streamed = stream.get_final_message()
        plain = client.messages.create(**asked)
    assert [block.type for block in streamed.content] == ["thinking", "text", "tool_use"]
    assert _without_ids(streamed.to_dict()["content"]) == _without_ids(plain.to_dict()["content"])
    assert streamed.stop_reason == plain.stop_reason == stop_reason
    assert streamed.usage.output_tokens == plain.usage.output_tokens > 0


def test_the_anthropic_sdk_hears_why_a_request_is_refused() -> None:
    said = "`temperature` is not supported for this model."
    with (
        ScriptedModel([]) as model,
        anthropic.Anthropic(base_url=model.base_url, api_key="scripted", max_retries=0) as client,
        pytest.raises(anthropic.BadRequestError) as refused,
    ):
        client.messages.create(model="claude-opus-5-5", max_tokens=9, messages=ASKED, extra_body={"temperature": 1})
    assert refused.value.body == {"type": "error", "error": {"type": "invalid_request_error", "message": said}}


def test_the_openai_sdk_reads_the_chat_stream() -> None:
    with (
        ScriptedModel([BOTH, BOTH]) as model,
        openai.OpenAI(base_url=model.openai_url, api_key="scripted", max_retries=0) as client,
    ):
        asked: Any = {"model": "m", "messages": ASKED, "tools": [{"type": "function", "function": FUNCTION}]}
        with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
            streamed = stream.get_final_completion()
        plain = client.chat.completions.create(**asked)
    assert [call.function.arguments for call in streamed.choices[0].message.tool_calls or []] == ['{"deep": true}']
    assert streamed.choices[0].message.content == plain.choices[0].message.content == "Let me look."
    assert streamed.choices[0].finish_reason == plain.choices[0].finish_reason == "tool_calls"
    assert streamed.usage is not None
    assert plain.usage is not None
    assert plain.usage.prompt_tokens_details is not None
    assert plain.usage.prompt_tokens_details.cached_tokens == plain.usage.prompt_tokens == streamed.usage.prompt_tokens


@pytest.mark.parametrize("reply", [BOTH, refusal("I can"), text("Let me", stop_reason="max_tokens")])
def test_the_openai_sdk_reads_the_responses_stream(reply: Reply) -> None:
    with (
        ScriptedModel([reply, reply]) as model,
        openai.OpenAI(base_url=model.openai_url, api_key="scripted", max_retries=0) as client,
    ):
        asked: Any = {"model": "m", "input": ASKED, "tools": [{"type": "function", "strict": False, **FUNCTION}]}
        events = list(client.responses.create(**asked, stream=True))
        plain = client.responses.create(**asked)
    last: Any = events[-1]
    assert last.type == ("response.incomplete" if plain.incomplete_details else "response.completed")
    assert [item.type for item in last.response.output] == [item.type for item in plain.output]
    assert last.response.output_text == plain.output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_a_path_that_no_protocol_knows_is_not_found() -> None:
    with (
        ScriptedModel([]) as model,
        openai.OpenAI(base_url=model.openai_url, api_key="scripted", max_retries=0) as client,
        pytest.raises(openai.NotFoundError),
    ):
        client.embeddings.create(model="m", input="x")
    assert model.requests == []


def _without_ids(content: Any) -> list[dict[str, Any]]:
    return [{key: value for key, value in block.items() if key in ("type", "text", "input")} for block in content]
