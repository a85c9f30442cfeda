"""The ready-made judges: their texts, what a config makes of `use`, and the command that lists them."""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path

import pytest
from typer.testing import CliRunner

from otel_judge import ready
from otel_judge.cli import app
from otel_judge.cli.scorers import CHECKS
from otel_judge.config import CHECK_TYPES, JudgeConfig
from otel_judge.config_file import parse
from otel_judge.errors import ConfigError
from otel_judge.handbooks import HANDBOOKS
from otel_judge.judge.instructions import Instructions
from otel_judge.judge.values import value_type_of

DOCS = Path(__file__).parents[2] / "docs/ready-made-judges.md"
EDITIONS = {
    "task_success": "1 6fbb2566",
    "failure_attribution": "1 70f0dc5b",
    "tool_use": "1 059a34e6",
    "groundedness": "1 7948eeb7",
    "instruction_following": "1 fedc7a6c",
    "efficiency": "1 55521504",
    "safety": "1 36ac82a9",
    "user_frustration": "1 7bb428c4",
    "guidelines": "1 f76eeda4",
}
"""Edition and hash of each."""


def a_config(name: str, **overrides: object) -> JudgeConfig:
    return ready.config(name, model="anthropic:m", guidelines=ready.EXAMPLES[name].guidelines, **overrides)


def digest(name: str) -> str:
    handbook = HANDBOOKS[name]
    decides = json.dumps([handbook.instructions, dict(handbook.options)], sort_keys=True)
    return blake2b(decides.encode(), digest_size=4).hexdigest()


def test_a_text_that_changes_is_a_new_edition() -> None:
    known = {name: f"{handbook.edition} {digest(name)}" for name, handbook in HANDBOOKS.items()}
    assert known == EDITIONS, "raise the edition of what was changed"


@pytest.mark.parametrize("name", HANDBOOKS)
def test_each_reads_the_trace_is_compact_and_says_when_it_cannot_judge(name: str) -> None:
    config = a_config(name)
    assert Instructions.parse(config.instructions, name).variables == ("trace",)
    assert 250 <= len(config.instructions.split()) <= 600
    assert "not_judgeable" in config.instructions
    assert "quote" in config.instructions.casefold()
    assert "not_judgeable" not in value_type_of(config).describe()
    assert config.passing or "pass" in (config.values or ())


def test_every_category_of_a_failure_is_explained() -> None:
    handbook = HANDBOOKS["failure_attribution"]
    config = a_config("failure_attribution")
    assert config.fields is not None
    assert [each for each in config.fields["category"] if f"{each}:" not in handbook.instructions] == ["none"]
    assert "category none" in handbook.instructions


def test_use_takes_name_owner_limits_reading_and_sweep_from_the_config() -> None:
    text = """
judges:
  - {use: safety, model: "anthropic:m"}
  - use: safety
    model: "anthropic:m"
    name: leaks
    owner: security
    reading: explore
    sweep: false
    limits: {turns: 3}
"""
    plain, own = parse(text).judges
    assert (plain.name, plain.sweep, plain.reading, plain.owner) == ("safety", True, "auto", None)
    assert (own.name, own.sweep, own.reading, own.owner, own.limits.turns) == ("leaks", False, "explore", "security", 3)
    assert plain.instructions == own.instructions == HANDBOOKS["safety"].instructions


def test_guidelines_are_numbered_after_the_text() -> None:
    config = ready.config("guidelines", model="anthropic:m", guidelines=["Be kind.", " Be brief. "])
    assert config.instructions.endswith("\nGuidelines\n1. Be kind.\n2. Be brief.")


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        ("{use: task_sucess}", "did you mean 'task_success'?"),
        ("{use: zzz}", "there are task_success, failure_attribution,"),
        ("{use: safety, instructions: 'Is {{ trace }} safe?'}", "`instructions` stands beside `use: safety`"),
        ("{use: safety, values: [good, bad]}", "`values` stands beside `use: safety`"),
        ("{use: safety, pass: [fail]}", "`pass` stands beside `use: safety`"),
        ("{use: guidelines}", "`use: guidelines` needs `guidelines`"),
        ("{use: guidelines, guidelines: []}", "a list of sentences"),
        ("{use: guidelines, guidelines: Be kind.}", "a list of sentences"),
        ("{use: safety, guidelines: [Be kind.]}", "`use: safety` takes no `guidelines`"),
        ("{name: own, instructions: 'Is {{ trace }} safe?', guidelines: [Be kind.]}", "without `use: guidelines`"),
    ],
)
def test_what_does_not_go_with_use_is_an_error_that_says_how_to_mend_it(judge: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(f"judges:\n  - {judge[:-1]}, model: 'anthropic:m'}}")
    assert said in str(refused.value)
    assert str(refused.value).startswith("otel-judge.yaml:2: judges[0]")


def test_in_python_the_same_mistakes_are_config_errors() -> None:
    with pytest.raises(ConfigError, match="judge 'safty': no ready-made judge .* did you mean 'safety'"):
        ready.config("safty", model="anthropic:m")
    with pytest.raises(ConfigError, match="judge 'safety': `values` stands beside"):
        ready.config("safety", model="anthropic:m", values=("a",))
    with pytest.raises(ConfigError, match="judge 'safety': owners"):
        ready.config("safety", model="anthropic:m", owners="x")


def test_scorers_lists_every_check_and_ready_made_judge() -> None:
    listed = CliRunner().invoke(app, ["scorers"]).output
    assert list(CHECKS) == list(CHECK_TYPES)
    assert [name for name in (*CHECK_TYPES, *HANDBOOKS) if f"\n  {name} " not in listed] == []


@pytest.mark.parametrize("name", HANDBOOKS)
def test_scorers_shows_one_whole(name: str) -> None:
    shown = CliRunner().invoke(app, ["scorers", name]).output
    example = ready.EXAMPLES[name]
    value = f"value: {json.dumps(example.value)}"
    for part in (HANDBOOKS[name].instructions, example.rationale, example.evidence[0][1], value):
        assert part in shown


@pytest.mark.parametrize("name", HANDBOOKS)
def test_the_docs_tell_of_each(name: str) -> None:
    assert f"## {name}\n" in DOCS.read_text()
