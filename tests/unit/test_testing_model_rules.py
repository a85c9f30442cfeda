"""What the scripted model refuses, by protocol and by generation of model."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from anthropic.types.model_param import ModelParam
from pydantic_ai.profiles.anthropic import anthropic_model_profile

from otel_judge.testing.anthropic_models import GENERATIONS, UNKNOWN, generation_of
from otel_judge.testing.anthropic_rules import RULES
from otel_judge.testing.openai_rules import CHAT_RULES, RESPONSES_RULES
from otel_judge.testing.thinking import thinking_block

LISTED = [name for name in get_args(get_args(ModelParam)[0]) if name.startswith("claude-")]
TOOLS = [{"name": "look", "input_schema": {"type": "object"}}]
ASKED = {"role": "user", "content": "What happened?"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Nothing."}
CALLED = [ASKED, {"role": "assistant", "content": [CALL]}, {"role": "user", "content": [RESULT]}]
MARKED = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}


def refused(body: dict[str, Any]) -> str | None:
    return next((said for rule in RULES if (said := rule(body)) is not None), None)


def a_body(model: str = "claude-haiku-4-5", **fields: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 2048, "messages": [ASKED], "tools": TOOLS, **fields}


def models_that(**facts: Any) -> list[str]:
    return [
        name
        for name, generation in GENERATIONS.items()
        if all(getattr(generation, fact) == value for fact, value in facts.items())
    ]


def test_every_model_that_the_sdk_lists_has_a_generation() -> None:
    assert len(LISTED) > 10
    assert [name for name in LISTED if generation_of(name) is UNKNOWN] == []


@pytest.mark.parametrize("name", LISTED)
def test_generations_agree_with_what_the_client_knows_of_them(name: str) -> None:
    generation, profile = generation_of(name), anthropic_model_profile(name) or {}
    assert generation.takes_sampling is not profile["anthropic_disallows_sampling_settings"]
    assert generation.takes_forcing is profile["supports_forced_tool_choice"]
    assert generation.binds_thinking is profile["anthropic_binds_thinking_blocks"]
    assert generation.takes_adaptive is profile["anthropic_supports_adaptive_thinking"]
    assert generation.takes_budget is not profile["anthropic_disallows_budget_thinking"]
    assert (generation.thinks != "when asked") is profile["thinking_enabled_by_default"]
    assert (generation.thinks == "always") is profile["thinking_always_enabled"]
    assert (generation.off == "between_tools") is profile["anthropic_disables_thinking_with_between_tools"]
    assert generation.most_output == (profile["anthropic_max_output_tokens"] or generation.most_output)


@pytest.mark.parametrize("name", [*GENERATIONS, "another-model"])
def test_a_plain_request_with_tools_is_taken_by_all(name: str) -> None:
    assert refused(a_body(name, messages=CALLED, tool_choice={"type": "auto"})) is None


def test_blocks_of_tools_need_tools() -> None:
    said = refused(a_body(messages=CALLED, tools=[]))
    assert said == "Requests which include `tool_use` or `tool_result` blocks must define tools"


@pytest.mark.parametrize("answer", [[ASKED], [], [{"role": "user", "content": [{**RESULT, "tool_use_id": "other"}]}]])
def test_each_call_needs_its_answer_in_the_next_message(answer: list[Any]) -> None:
    said = refused(a_body(messages=[*CALLED[:2], *answer]))
    assert said == "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after"


def test_more_than_four_breakpoints_are_refused() -> None:
    assert refused(a_body(messages=[{"role": "user", "content": [MARKED] * 4}])) is None
    said = refused(a_body(messages=[{"role": "user", "content": [MARKED] * 4}], system=[MARKED]))
    assert said == "A maximum of 4 blocks with cache_control may be provided. Found 5."


@pytest.mark.parametrize("setting", [{"temperature": 0}, {"top_p": 0.5}, {"top_k": 3}])
@pytest.mark.parametrize("name", models_that(takes_sampling=False))
def test_sampling_settings_are_refused_where_the_generation_takes_none(name: str, setting: dict[str, Any]) -> None:
    assert refused(a_body(name, **setting)) == f"`{next(iter(setting))}` is not supported for this model."


@pytest.mark.parametrize("name", models_that(takes_sampling=True))
def test_sampling_settings_are_taken_elsewhere(name: str) -> None:
    assert refused(a_body(name, temperature=0)) is None


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "look"}])
@pytest.mark.parametrize("name", models_that(takes_forcing=False))
def test_forcing_a_tool_is_refused_where_the_generation_takes_none(name: str, choice: dict[str, Any]) -> None:
    said = refused(a_body(name, tool_choice=choice))
    assert said == f'tool_choice: type "{choice["type"]}" is not supported for this model.'


@pytest.mark.parametrize("name", models_that(takes_forcing=True))
def test_forcing_a_tool_is_taken_elsewhere(name: str) -> None:
    assert refused(a_body(name, tool_choice={"type": "tool", "name": "look"})) is None


def test_forcing_a_tool_that_is_not_declared_is_refused() -> None:
    said = refused(a_body(tool_choice={"type": "tool", "name": "verdict"}))
    assert said == "Tool 'verdict' not found in provided tools"


@pytest.mark.parametrize("name", models_that(takes_budget=True))
def test_thinking_by_budget_refuses_a_forced_tool(name: str) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    assert refused(a_body(name, thinking=thinking)) is None
    said = refused(a_body(name, thinking=thinking, tool_choice={"type": "any"}))
    assert said == "Thinking may not be enabled when tool_choice forces tool use."
    assert refused(a_body(name, thinking={**thinking, "budget_tokens": 2048})) == (
        "`max_tokens` must be greater than `thinking.budget_tokens`."
    )


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (models_that(takes_budget=False), "enabled"),
        (models_that(takes_adaptive=False), "adaptive"),
        (models_that(thinks="always"), "disabled"),
        (models_that(thinks="always"), "between_tools"),
        (models_that(off="between_tools"), "disabled"),
    ],
)
def test_kinds_of_thinking_are_refused_where_the_generation_takes_them_not(names: list[str], kind: str) -> None:
    assert names
    assert all(refused(a_body(name, thinking={"type": kind, "budget_tokens": 1})) for name in names)


@pytest.mark.parametrize("name", GENERATIONS)
def test_more_output_than_the_generation_can_write_is_refused(name: str) -> None:
    most = GENERATIONS[name].most_output
    assert refused(a_body(name, max_tokens=most)) is None
    said = f"max_tokens: {most + 1} > {most}, which is the maximum allowed number of output tokens for {name}"
    assert refused(a_body(name, max_tokens=most + 1)) == said


CHANGES = {
    "system": {"system": "Another."},
    "tools": {"tools": [*TOOLS, {"name": "more", "input_schema": {"type": "object"}}]},
    "an earlier message": {"messages": [{"role": "user", "content": "What else?"}]},
}


def after_a_thought(name: str) -> dict[str, Any]:
    body = a_body(name, thinking={"type": "adaptive"})
    thought = thinking_block(body)
    assert thought is not None
    said = {"role": "assistant", "content": [thought, CALL]}
    return {**body, "messages": [*body["messages"], said, CALLED[2]]}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", models_that(takes_adaptive=True))
def test_a_changed_prefix_is_refused_under_bound_thinking_and_only_there(name: str, change: str) -> None:
    body = after_a_thought(name)
    assert refused(body) is None
    changed = {**body, **CHANGES[change]}
    if change == "an earlier message":
        changed["messages"] = [*CHANGES[change]["messages"], *body["messages"][1:]]
    said = refused(changed)
    if not GENERATIONS[name].binds_thinking:
        assert said is None
        return
    assert said is not None
    assert said.startswith(
        "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a diff"
    )
    dropping = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
    assert refused({**changed, "thinking": dropping}) is None


def test_marks_of_the_cache_and_text_without_blocks_are_no_change() -> None:
    body = after_a_thought("claude-sonnet-5-5")
    marked = {"role": "user", "content": [{"type": "text", "text": ASKED["content"], "cache_control": {}}]}
    assert refused({**body, "messages": [marked, *body["messages"][1:]]}) is None


def test_a_thought_that_was_rewritten_is_refused_everywhere() -> None:
    body = after_a_thought("claude-opus-4-8")
    body["messages"][1]["content"][0] = {**body["messages"][1]["content"][0], "thinking": "Something else."}
    assert refused(body) == "messages.1.content.0: Invalid `signature` in `thinking` block"


@pytest.mark.parametrize("name", GENERATIONS)
def test_a_generation_thinks_as_it_is_known_to(name: str) -> None:
    generation = GENERATIONS[name]
    assert (thinking_block(a_body(name)) is not None) is (generation.thinks != "when asked")
    assert thinking_block(a_body(name, thinking={"type": generation.off})) is None
    assert thinking_block(a_body(name, tool_choice={"type": "any"})) is None


OPEN_VALUE = {"type": "object", "properties": {"value": {"description": "any"}}}
CHAT_CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CHAT_CALLED = [{"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]}]
CHAT_RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "Nothing."}
UNTYPED = "Invalid schema for function 'look': In context=('properties', 'value'), schema must have a 'type' key."


def chat(model: str = "gpt-4o", **fields: Any) -> str | None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    body = {"model": model, "messages": [ASKED], "tools": [tool], **fields}
    return next((said for rule in CHAT_RULES if (said := rule(body)) is not None), None)


def responses(model: str = "gpt-4o", **fields: Any) -> str | None:
    tool = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
    body = {"model": model, "input": [ASKED], "tools": [tool], **fields}
    return next((said for rule in RESPONSES_RULES if (said := rule(body)) is not None), None)


def test_a_strict_tool_whose_property_has_no_type_is_refused_by_chat() -> None:
    loose = {"name": "look", "parameters": OPEN_VALUE}
    assert chat(tools=[{"type": "function", "function": loose}]) is None
    assert chat(tools=[{"type": "function", "function": {**loose, "strict": True}}]) == UNTYPED


def test_responses_take_a_tool_for_strict_that_does_not_say_otherwise() -> None:
    loose = {"type": "function", "name": "look", "parameters": OPEN_VALUE}
    assert responses(tools=[{**loose, "strict": False}]) is None
    assert responses(tools=[loose]) == UNTYPED


def test_chat_calls_need_their_answers() -> None:
    assert chat(messages=[ASKED, *CHAT_CALLED, CHAT_RESULT]) is None
    for messages in ([ASKED, *CHAT_CALLED], [ASKED, *CHAT_CALLED, ASKED, CHAT_RESULT]):
        assert (chat(messages=messages) or "").startswith("An assistant message with 'tool_calls' must be followed")
    assert "must be a response to a preceeding message" in (chat(messages=[ASKED, CHAT_RESULT]) or "")


def test_responses_calls_need_their_answers() -> None:
    call = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "call_1", "output": "Nothing."}
    assert responses(input=[ASKED, call, output]) is None
    assert responses(input=[ASKED, call]) == "No tool output found for function call call_1."
    assert responses(input=[ASKED, output]) == "No tool call found for function call output with call_id call_1."


def test_a_choice_of_tool_needs_that_tool() -> None:
    assert "only allowed when 'tools'" in (chat(tools=[], tool_choice="auto") or "")
    assert chat(tool_choice={"type": "function", "function": {"name": "look"}}) is None
    assert "'verdict' not found" in (chat(tool_choice={"type": "function", "function": {"name": "verdict"}}) or "")
    assert "'verdict' not found" in (responses(tool_choice={"type": "function", "name": "verdict"}) or "")


@pytest.mark.parametrize("model", ["o3", "gpt-5", "gpt-5.6-mini"])
def test_models_that_reason_take_no_sampling_settings(model: str) -> None:
    expected = "Unsupported parameter: 'temperature' is not supported with this model."
    assert chat(model, temperature=0) == responses(model, temperature=0) == expected
    assert "Use 'max_completion_tokens' instead" in (chat(model, max_tokens=5) or "")
    assert chat(model, max_completion_tokens=5) is None
    assert chat(temperature=0, max_tokens=5) is None
