from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from otel_judge.config import JudgeConfig, ModelConfig
from otel_judge.config_egress import RedactConfig
from otel_judge.errors import InstructionsError, ModelUnavailable
from otel_judge.judge import build, check_model, prompt
from otel_judge.judge.faults import scrub
from otel_judge.judge.models import split
from otel_judge.judge.tools import TOOLS
from otel_judge.redact import Redactor


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_PROFILE", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANTHROPIC_CONFIG_DIR", str(tmp_path))


def a_judge(**options: Any) -> JudgeConfig:
    given = {"name": "honest", "instructions": "Is {{ trace }} honest?", "model": "anthropic:m-1", **options}
    return JudgeConfig.model_validate(given)


@pytest.mark.parametrize("spec", ["anthropic:m-1", "anthropic:/m-1"])
def test_both_spellings_name_the_same_model(spec: str) -> None:
    assert split(spec) == ("anthropic", "m-1")


def test_a_missing_key_is_said_with_the_line_that_mends_it() -> None:
    with pytest.raises(ModelUnavailable) as refused:
        check_model("anthropic:m-1")
    assert str(refused.value) == "anthropic:m-1: ANTHROPIC_API_KEY is not set; export ANTHROPIC_API_KEY=…"


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"])
def test_a_key_in_the_environment_will_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "some-key")
    check_model("anthropic:m-1")


def test_a_key_in_the_headers_will_do() -> None:
    check_model(ModelConfig(model="anthropic:m-1", headers={"Authorization": "Bearer x"}))


@pytest.mark.parametrize(
    ("spec", "mend"),
    [
        ("openai:m-1", "pip install 'otel-judge[openai]'"),
        ("openai-chat:m-1", "pip install 'otel-judge[openai]'"),
        ("groq:m-1", "pip install 'pydantic-ai-slim[groq]'"),
        ("nobody:m-1", "write provider:model"),
    ],
)
def test_a_missing_extra_or_provider_is_said_with_what_mends_it(spec: str, mend: str) -> None:
    try:
        check_model(spec)
    except ModelUnavailable as refused:
        said = str(refused)
    else:
        pytest.fail("the model passed for usable")
    if "_API_KEY is not set" in said:
        pytest.skip("the extra is installed here")
    assert said.startswith(f"{spec}: ")
    assert mend in said


def test_a_judge_whose_model_cannot_be_asked_is_refused_at_start() -> None:
    with pytest.raises(ModelUnavailable):
        build([a_judge()], {})


def test_a_judge_that_cannot_work_is_refused_before_its_model() -> None:
    with pytest.raises(InstructionsError, match="judge 'honest'"):
        build([a_judge(instructions="Is it honest?")], {})


def test_the_version_changes_with_what_decides_the_verdict_and_with_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "some-key")

    def version(models: dict[str, ModelConfig] | None = None, redactor: Redactor | None = None, **options: Any) -> str:
        (judge,) = build([a_judge(**options)], models or {}, redactor=redactor)
        return judge.version

    same = version()
    assert len(same) == 12
    assert version(redactor=Redactor()) == same
    assert version(name="other", owner="payments", shadow_of="honest", model="anthropic:/m-1") == same
    main = ModelConfig(model="anthropic:m-1", concurrency=3, headers={"x-team": "a"})
    assert version({"main": main}, model="main") == same
    others = [
        version(instructions="Is {{ trace }} kind?"),
        version(values=["yes", "no"]),
        version(scale=[0, 1]),
        version(reading="whole"),
        version(limits={"turns": 3}),
        version(model="anthropic:m-2"),
        version({"other": ModelConfig(model="anthropic:m-1", fallback=("anthropic:m-2",))}, model="other"),
        version(type="str", values=None),
        version(optional=True),
        version(sweep=True),
        version(retries=2),
        version(evidence="span_id"),
        version(redactor=Redactor(None)),
        version(redactor=Redactor(RedactConfig(patterns=("email",)))),
        version({"main": main.model_copy(update={"settings": {"temperature": 0}})}, model="main"),
    ]
    assert len({same, *others}) == len(others) + 1


@pytest.mark.parametrize(
    "name",
    ["SYSTEM_TRACE", "SYSTEM_PROMPT", "REMIND", "CUT_OFF", "CLOSED", "TURN_FULL", "ENDED", "ONE_VERDICT"],
)
def test_every_word_of_ours_is_in_the_prompts_version(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = prompt.version()
    monkeypatch.setattr(prompt, name, "other words")
    assert prompt.version() != before


@pytest.mark.parametrize("name", ["task", "whole", "overview", "condensed", "repair", "unverified", "unread"])
def test_every_sentence_of_ours_is_in_the_prompts_version(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, told = prompt.version(), getattr(prompt, name)
    monkeypatch.setattr(prompt, name, lambda *given: "Well: " + told(*given))
    assert prompt.version() != before


def test_the_span_tools_are_in_the_prompts_version(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {prompt.version()}
    tool = TOOLS["get_span"]
    for change in ({"description": "Reads."}, {"name": "read_span"}, {"parameters": ()}):
        monkeypatch.setattr(prompt, "TOOLS", {**TOOLS, "get_span": replace(tool, **change)})
        versions.add(prompt.version())
    monkeypatch.setattr(prompt, "TOOLS", {name: each for name, each in TOOLS.items() if name != "get_span"})
    versions.add(prompt.version())
    assert len(versions) == 5


def test_the_version_is_the_same_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "some-key")
    code = (
        "from otel_judge.judge import build; from otel_judge.config import JudgeConfig;"
        "config = JudgeConfig(name='j', instructions='{{ trace }}', model='anthropic:m', values=('a', 'pass', 'yes'));"
        "print(build([config], {})[0].version)"
    )
    versions = {
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    }
    assert len(versions) == 1


def test_importing_judges_imports_no_sdk() -> None:
    code = "import otel_judge.judge, sys; print({'anthropic', 'pydantic_ai', 'openai'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_secrets_are_taken_out_of_what_a_provider_says() -> None:
    assert scrub("wrong key abc-123 and sk-ant-12345678", ("abc-123",)) == "wrong key *** and ***"


def test_a_value_too_short_to_be_a_secret_is_left_in_the_text() -> None:
    assert scrub("1 of 10 calls; the key abcdef-1 is wrong", ("1", "abcdef", "abcdef-1")) == (
        "1 of 10 calls; the key *** is wrong"
    )
