from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_judge.judge.verdict import read_text

GIVEN = {"rationale": "Fine.", "value": "pass"}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GIVEN),
        f"Here it is.\n```json\n{json.dumps(GIVEN, indent=1)}\n```",
        f"My verdict: {json.dumps(GIVEN)} - that is all.",
        f"{json.dumps(GIVEN)}\n\nAgain: {json.dumps(GIVEN)}",
    ],
    ids=["alone", "fenced", "within words", "twice the same"],
)
def test_a_verdict_written_as_json_is_read(text: str) -> None:
    assert read_text(text) == GIVEN


def test_a_verdict_in_prose_is_read() -> None:
    assert read_text("I looked.\n\n**Verdict:** pass\nRationale: It answered.") == {
        "value": "pass",
        "rationale": "It answered.",
    }
    said = "All was well.\nFinal verdict: `fail`."
    assert read_text(said) == {"value": "fail", "rationale": said}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It went well.",
        "The verdict is clear: it passed.",
        "Verdict: pass\nOn second thought:\nVerdict: fail",
        '{"value": "pass"} or rather {"value": "fail"}',
        "> Verdict: pass\nstands in the trace.",
        '{"rationale": "cut o',
    ],
)
def test_what_is_not_clear_is_not_read(text: str) -> None:
    assert read_text(text) is None


def test_prose_that_was_cut_off_is_not_read() -> None:
    assert read_text("Verdict: pass", complete=False) is None


@given(st.text(alphabet=st.sampled_from('{}[]":,valueVERDICT:= \n`*_#-\\u0'), max_size=300))
def test_any_text_is_read_or_not_without_an_exception(text: str) -> None:
    found = read_text(text)
    assert found is None or "value" in found
