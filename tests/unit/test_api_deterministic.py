"""The scorers in code, on what agents did, and the traces that do not tell."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from otel_judge import Feedback, Scorer, final_answer_matches, no_tool_errors, token_budget, tool_called
from otel_judge.feedback import NOT_JUDGEABLE
from otel_judge.testing.traces import TraceBuilder, answers, asks, text
from otel_judge.trace import Trace


def a_run(*results: str, tokens: tuple[int, int] | None = (100, 20)) -> Trace:
    """An agent that calls a tool for each result; one that starts with `!` is an error."""
    build = TraceBuilder()
    root = build.agent("shop", user="Where?", answer="On Monday.", end=9.0)
    build.chat("m-1", parent=root, output=[text("assistant", "On Monday.")], tokens=tokens)
    for number, result in enumerate(results):
        failed = result.startswith("!")
        build.tool(
            "find_order",
            parent=root,
            arguments={"id": number},
            result=None if failed else result,
            error=result[1:] if failed else None,
            start=1.0 + number,
        )
    return build.trace()


def messages_only() -> Trace:
    """No span ran the tool: only the conversation tells of it."""
    build = TraceBuilder()
    asked, call = text("user", "Where?"), asks("find_order", {"id": 7}, call_id="c1")
    build.chat("m-1", messages=[asked], output=[call], end=1.0)
    said = [asked, call, answers("Error: gone", call_id="c1")]
    build.chat("m-1", messages=said, output=[text("assistant", "Gone.")], start=2.0, end=3.0)
    return build.trace()


def plain() -> Trace:
    build = TraceBuilder()
    build.span("GET /")
    return build.trace()


def said(scorer: Scorer, trace: Trace | None, **given: Any) -> str:
    found = pickle.loads(pickle.dumps(scorer))(trace=trace, **given)
    assert isinstance(found, Feedback)
    assert found.name == scorer.name
    assert found.error is None
    assert found.rationale
    return found.label


@pytest.mark.parametrize(
    ("trace", "exactly", "label"),
    [
        (a_run("x"), None, "pass"),
        (a_run("x", "y"), 2, "pass"),
        (a_run("x", "y"), 1, "fail"),
        (a_run(), None, "fail"),
        (a_run(), 0, "pass"),
        (messages_only(), 1, "pass"),
        (plain(), None, NOT_JUDGEABLE),
        (None, None, NOT_JUDGEABLE),
    ],
)
def test_tool_called(trace: Trace | None, exactly: int | None, label: str) -> None:
    assert said(tool_called("find_order", exactly=exactly), trace) == label


def test_tool_called_is_named_by_its_tool() -> None:
    assert tool_called("find_order").name == "tool_called[find_order]"
    assert tool_called("find_order", key="looked").name == "looked"
    assert said(tool_called("refund"), a_run("x")) == "fail"
    with pytest.raises(ValueError, match="exactly=-1"):
        tool_called("x", exactly=-1)


@pytest.mark.parametrize(
    ("trace", "label"),
    [
        (a_run("x"), "pass"),
        (a_run(), "pass"),
        (a_run("!gone"), "fail"),
        (a_run("!gone", "x"), "fail"),
        (messages_only(), "fail"),
        (plain(), NOT_JUDGEABLE),
        (None, NOT_JUDGEABLE),
    ],
)
def test_no_tool_errors(trace: Trace | None, label: str) -> None:
    assert said(no_tool_errors(), trace) == label


def test_an_error_is_the_evidence() -> None:
    found = no_tool_errors()(trace=a_run("!gone"))
    assert isinstance(found, Feedback)
    assert [each.quote for each in found.evidence] == ["gone"]


@pytest.mark.parametrize(
    ("matcher", "answer", "expected", "label"),
    [
        ("casefold", "paris", "Paris", "pass"),
        ("casefold", "It is Paris", "Paris", "fail"),
        ("exact", "paris", "Paris", "fail"),
        ("exact", {"answer": 4}, 4, "pass"),
        ("contains", "It is Paris.", "Paris", "pass"),
        ("contains", {"body": "It is Paris."}, "Paris", "pass"),
        (lambda actual, expected: abs(actual - expected) < 1, {"answer": 4.2}, 4, "pass"),
        ("exact", None, "Paris", NOT_JUDGEABLE),
    ],
)
def test_final_answer_matches(matcher: Any, answer: object, expected: object, label: str) -> None:
    found = final_answer_matches("answer", matcher)(outputs=answer, reference_outputs={"answer": expected})
    assert isinstance(found, Feedback)
    assert found.label == label


def test_the_final_answer_is_that_of_the_trace() -> None:
    matches = final_answer_matches("when", matcher="contains")
    assert said(matches, a_run(), reference_outputs={"when": "Monday"}) == "pass"
    assert said(matches, a_run(), expectations={"when": "Friday"}) == "fail"
    assert said(matches, a_run()) == NOT_JUDGEABLE
    with pytest.raises(ValueError, match="matcher='regex'"):
        final_answer_matches(matcher="regex")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("trace", "most", "label"),
    [
        (a_run(), 120, "pass"),
        (a_run(), 119, "fail"),
        (a_run(tokens=None), 1000, NOT_JUDGEABLE),
        (None, 1000, NOT_JUDGEABLE),
    ],
)
def test_token_budget(trace: Trace | None, most: int, label: str) -> None:
    assert said(token_budget(most), trace) == label
