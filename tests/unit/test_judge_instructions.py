from __future__ import annotations

import pytest

from otel_judge.errors import InstructionsError
from otel_judge.judge.instructions import Instructions


def test_variables_are_found_and_become_references() -> None:
    parsed = Instructions.parse("Read {{trace}}, then {{ outputs }} and {{  inputs }}; {{ outputs }} again.", "j")
    assert parsed.variables == ("trace", "inputs", "outputs")
    assert parsed.filled == ("inputs", "outputs")
    assert parsed.explores
    assert parsed.text == "Read [trace], then [outputs] and [inputs]; [outputs] again."


def test_without_trace_it_does_not_explore() -> None:
    assert not Instructions.parse("Is {{ conversation }} polite, by {{ expectations }}?", "j").explores


@pytest.mark.parametrize("source", ["{{ traces }}", "{{ trace }} {{ }}", "{{ trace.root }}", "{{ trace }} {{\nx\n}}"])
def test_an_unknown_variable_is_an_error_that_names_the_allowed_ones(source: str) -> None:
    with pytest.raises(InstructionsError) as refused:
        Instructions.parse(source, "honest")
    for name in ("trace", "inputs", "outputs", "expectations", "conversation"):
        assert f"{{{{ {name} }}}}" in str(refused.value)
    assert str(refused.value).startswith("judge 'honest': ")


def test_no_variable_at_all_is_an_error() -> None:
    with pytest.raises(InstructionsError, match="use no variable"):
        Instructions.parse("Is it {trace} good?", "j")
