"""How large a conversation with a model may grow, and what is left of it when it is condensed."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from scripted_judges import MODEL, judging

from otel_judge.testing.model import Reply, Request, tool_use, verdict
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace

pytestmark = pytest.mark.usefixtures("anthropic_key")
LIMITS = {"turns": 40, "tokens": 10**6}


def a_huge_trace(spans: int = 3_000) -> Trace:
    build = TraceBuilder(service="shop")
    root = build.agent("shop", user="Where is my order?", answer="It ships today.", end=2.0)
    for number in range(spans):
        build.tool("find_order", parent=root, arguments={"id": number}, result=f"order {number} " + "word " * 1_600)
    return build.trace()


HUGE = a_huge_trace()


def reads_on(request: Request) -> Reply:
    """Reads one span after another until reading is closed."""
    if "Reading is closed" in request.prompt:
        return verdict("pass", "Nothing was wrong.")
    return tool_use("get_span", span_id=HUGE.spans[1 + request.turn].span_id)


def tokens(request: Request) -> int:
    return len(json.dumps(request.body)) // 4


def test_no_request_of_an_exploring_judge_grows_past_what_it_may_hold() -> None:
    with judging(reads_on, reading="explore", limits=LIMITS) as (model, grade):
        feedback = grade(HUGE)
    assert (feedback.label, feedback.forced) == ("pass", "tokens")
    assert max(tokens(request) for request in model.requests) <= 25_000
    assert len(model.requests) > 8, "condensing must have left room to read on"


def test_old_answers_are_condensed_once_to_what_was_read_and_where() -> None:
    with judging(reads_on, reading="explore", limits=LIMITS) as (model, grade):
        grade(HUGE)
    sizes = [tokens(request) for request in model.requests]
    shrunk = [place for place, (one, next_one) in enumerate(pairwise(sizes)) if next_one < one]
    assert len(shrunk) == 1
    before, after = (model.requests[shrunk[0] + more].messages for more in (0, 1))
    assert _plain(after[0]) == _plain(before[0]), "what judges share stays as it was"
    assert len(after) == len(before) + 2, "no turn is lost"
    first = HUGE.spans[1].span_id
    told = json.dumps(after[2])
    assert f'[Condensed: get_span({{\\"span_id\\": \\"{first}\\"}}) was answered with' in told
    assert f"It showed of spans: {first} (" in told
    assert "tool.result" in told
    assert "word word" in json.dumps(after[-1]), "the last turn stays whole"


def test_a_model_that_thinks_is_not_sent_thoughts_bound_to_what_was_changed() -> None:
    with judging(reads_on, model=MODEL, reading="explore", limits=LIMITS) as (model, grade):
        feedback = grade(HUGE)
    assert (feedback.label, feedback.error) == ("pass", None)
    condensed = next(request for request in model.requests if "[Condensed" in json.dumps(request.body))
    assert '"thinking"' in json.dumps(model.requests[condensed.number - 1].messages)
    assert '"thinking"' not in json.dumps(condensed.messages)


def _plain(message: object) -> str:
    return json.dumps(message).replace(', "cache_control": {"type": "ephemeral", "ttl": "5m"}', "")
