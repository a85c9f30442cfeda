from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_judge.feedback import Evidence
from otel_judge.judge import evidence, verdict
from otel_judge.testing.traces import TraceBuilder

BUILD = TraceBuilder(service="shop")
ROOT = BUILD.agent("shop", user="Where is my order?", answer="It ships\n  today,   surely.")
TRACE = BUILD.trace()


@pytest.mark.parametrize(
    ("quote", "path", "found"),
    [
        ("It ships today, surely.", "output", "output"),
        ("  It ships\ttoday, ", None, "output"),
        ("Where is my order?", "output", "input"),
        ("shop", "resource.service.name", "resource.service.name"),
    ],
)
def test_a_quote_that_stands_in_the_span_is_verified_at_its_path(quote: str, path: str | None, found: str) -> None:
    assert evidence.check(TRACE, f" {ROOT.upper()} ", quote, path) == Evidence(ROOT, quote, found, verified=True)


@pytest.mark.parametrize("quote", ["It shipped", "it ships today", "It ships … surely.", "", "  "])
def test_what_does_not_stand_there_word_for_word_is_not(quote: str) -> None:
    checked = evidence.check(TRACE, ROOT, quote, "output")
    assert checked == Evidence(ROOT, quote, "output", verified=False)
    assert "does not stand in span" in evidence.reason(TRACE, checked)


def test_a_quote_of_a_span_that_is_not_in_the_trace_is_not_verified() -> None:
    checked = evidence.check(TRACE, "0" * 16, "It ships", None)
    assert not checked.verified
    assert evidence.reason(TRACE, checked) == f"no span has the id '{'0' * 16}'"


def test_a_verdict_is_read_from_a_call() -> None:
    given_arguments = {
        "rationale": " Fine. ",
        "value": {"any": ["json"]},
        "evidence": [{"span_id": ROOT, "quote": "It ships", "path": ""}],
    }
    expected = verdict.Verdict("Fine.", {"any": ["json"]}, (verdict.Quote(ROOT, "It ships", None),))
    assert verdict.read(given_arguments) == expected
    assert verdict.read(json.dumps(given_arguments)) == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"rationale": "x", "val', "not valid JSON, or were cut off"),
        ("[" * 100_000, "not valid JSON"),
        ("[1]", "must be an object"),
        (None, "must be an object"),
        ({"rationale": "x"}, "value is missing"),
        ({"value": 1}, "rationale is missing"),
        ({"value": 1, "rationale": " "}, "rationale is missing"),
        ({"value": 1, "rationale": "x", "evidence": "it"}, "evidence must be a list"),
        ({"value": 1, "rationale": "x", "evidence": ["it"]}, "needs span_id and quote"),
        ({"value": 1, "rationale": "x", "evidence": [{"span_id": ROOT}]}, "needs span_id and quote"),
    ],
)
def test_a_verdict_of_another_shape_says_what_to_mend(arguments: object, said: str) -> None:
    with pytest.raises(verdict.InvalidVerdict, match="(?s).*") as refused:
        verdict.read(arguments)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('{"rationale": "x", "value": "pass"}', "pass"),
        ('So:\n```json\n{"rationale": "x", "value": 3}\n```\nDone.', 3),
        ('```\n{"value": true}\n```', True),
        ('```json\n{"code": 1}\n```\n```json\n{"value": "b"}\n```', "b"),
    ],
)
def test_a_verdict_in_text_is_read_where_it_is_clear(written: str, value: object) -> None:
    read = verdict.read_text(written)
    assert read is not None
    assert read["value"] == value


@pytest.mark.parametrize(
    "written",
    ["", "pass", '"value": 1', "I would say {value: pass}", '```\n{"value": 1}\n```\n```\n{"value": 2}\n```'],
)
def test_a_verdict_in_text_that_is_not_clear_is_none(written: str) -> None:
    assert verdict.read_text(written) is None


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_nothing_that_a_model_says_raises_anything_else(said: object) -> None:
    try:
        verdict.read(said)
        verdict.read({"rationale": "x", "value": said, "evidence": said})
    except verdict.InvalidVerdict:
        pass
    if isinstance(said, str):
        verdict.read_text(said)
        evidence.check(TRACE, said, said, said)


def test_a_quote_of_another_span_is_told_where_it_stands() -> None:
    build = TraceBuilder(service=None)
    first = build.span("first", attributes={"note": "(a) the  order\nis late"})
    second = build.span("second", start=1.0)
    trace = build.trace()
    missed = evidence.check(trace, second, "(a) the order is late", None)
    assert evidence.reason(trace, missed).endswith(f"span {second}, but in span {first} at attributes.note")


def test_a_quote_over_a_cut_is_told_why_it_fails() -> None:
    missed = evidence.check(TRACE, ROOT, "It ships … surely.", "output")
    assert "quote one piece of it" in evidence.reason(TRACE, missed)


def test_a_quote_too_long_to_look_for_elsewhere_is_still_answered() -> None:
    missed = evidence.check(TRACE, ROOT, "x " * 1_000, None)
    assert evidence.reason(TRACE, missed).endswith(f"does not stand in span {ROOT}")
