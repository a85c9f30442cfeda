from __future__ import annotations

import re
from unittest.mock import patch

import pytest
import re2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from otel_judge.judge import tools
from otel_judge.judge.text import all_fields, fields
from otel_judge.judge.tools import pattern as patterns
from otel_judge.judge.tools import search_trace_regex
from otel_judge.judge.trace_text import text_of
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace


def search(trace: Trace, pattern: str, **arguments: object) -> list[str]:
    return tools.call("search_trace_regex", trace, {"pattern": pattern, **arguments}).splitlines()


def places(trace: Trace, pattern: str) -> list[tuple[str, str, int]]:
    found, start = list[tuple[str, str, int]](), 0
    while True:
        lines = search(trace, pattern, start=start)
        for line in lines[1:]:
            if place := re.match(r"([0-9a-f]{16}) (.+?)\[(\d+)\]:", line):
                found.append((place[1], place[2], int(place[3])))
        following = re.search(r"next: start=(\d+)", "\n".join(lines))
        if following is None:
            return found
        start = int(following[1])


def expected(trace: Trace, pattern: str) -> list[tuple[str, str, int]]:
    found = list[tuple[str, str, int]]()
    for number, span in enumerate(trace.spans):
        here = 0
        for field in all_fields(span) if number == 0 else fields(span):
            match = re2.search(pattern, field.text)
            if match is not None and here < 3:
                found.append((span.span_id, field.path, match.start()))
            here += match is not None
    return found


ALPHABET = "ab é😀\n\t.0"
PIECES = st.sampled_from(
    ["", "a", "b", ".", "é", "😀", "|", "^", "$", "(a)", "(?:)", "[^a]", "[a-c]", "a*", "0{2,}", ".*?"]
)
TRICKY = st.sampled_from(
    [
        *(r"\s", r"\S", r"\n", r"\w", r"\W", r"\D", r"\b", r"\B", r"\A", r"\z", r"\C", r"\pL", r"\PL", r"\x{1F600}"),
        *("(?m)^", "(?m)$", "(?s:.)", "(?s:.*)", r"[^\n]", "(?:b|$)", "(?-m:^a)", "(?i:A)", "[[:^alpha:]]", r"\Qa.\E"),
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.lists(st.text(ALPHABET, min_size=1, max_size=6), min_size=1, max_size=4), min_size=1, max_size=3),
    st.lists(PIECES | TRICKY, min_size=1, max_size=4).map("".join).filter(bool),
    st.sampled_from([1, 8, 20, 100_000]),
)
@example([["a", "b"]], "a\\s*b", 8)
@example([["a", "b"]], "(?s)a.*b", 8)
@example([["a\n", "\nb"]], "^$", 8)
@example([["b", "ab"]], "^b|a$", 8)
@example([["b", "ab"]], "$^", 8)
@example([["b", "a\nb"], ["a", "a"], ["b"]], "^a$", 8)
@example([["a", "a"], ["b", "a"], ["a", "a"]], "a", 8)
@example([["a", "a"], ["b", "a"], ["a", "a"]], "a.|b*$", 8)
@example([["a", "b"]], "\\n", 8)
@example([["a", "b"]], "[^x]+b", 8)
def test_a_search_finds_what_re2_finds_value_by_value(values: list[list[str]], pattern: str, step: int) -> None:
    try:
        options = re2.Options()
        options.log_errors = False
        re2.compile(pattern, options)
    except re2.error:
        return
    build = TraceBuilder(service="a\nb")
    for number, texts in enumerate(values):
        build.span("ab", attributes={f"k{index}": text for index, text in enumerate(texts)}, start=number)
    trace = build.trace()
    with patch.multiple(patterns, _FIRST_STEP=step, _STEP=step):
        assert places(trace, pattern) == expected(trace, pattern)


def test_no_pattern_matches_over_two_values() -> None:
    build = TraceBuilder(service=None)
    build.span("first", attributes={"one": "start", "two": "end"})
    trace = build.trace()
    for between in (r"\s*", r"[^x]*", r"(?s).*", r"\C*", r"\W*", r"\n\n", r"\x{ff}", r"\PL*", r"\n.\n"):
        assert search(trace, f"start{between}end")[0].startswith("0 values match"), between


def test_each_value_counts_once_and_offsets_are_characters() -> None:
    build = TraceBuilder(service=None)
    span_id = build.span("n", attributes={"key": "é😀 needle needle"})
    assert search(build.trace(), "needle")[1] == f"{span_id} attributes.key[3]: é😀 needle needle"
    assert search(build.trace(), "needle")[0].startswith("1 values match, in 1 of 1 spans")


def test_the_number_of_values_is_a_lower_bound_once_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    build = TraceBuilder(service=None)
    for number in range(2_000):
        build.span("step", start=number)
    trace = build.trace()
    monkeypatch.setattr(search_trace_regex, "_LONGEST", -1.0)
    title, *_, last = search(trace, "step")
    assert title.startswith("at least ")
    assert "the time was up after" in last
    assert search(trace, "step")[0] == title  # its pages agree
    monkeypatch.setattr(search_trace_regex, "_LONGEST", 60.0)
    assert search(trace, "st.p")[0].startswith("2000 values match, in 2000 of 2000 spans")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=4), min_size=1, max_size=4))
def test_the_text_of_a_trace_is_that_of_its_spans(attributes: list[dict[str, str]]) -> None:
    build = TraceBuilder(service="shop")
    for number, each in enumerate(attributes):
        build.span(f"span {number}", attributes=each, start=number)
    trace = build.trace()
    text = text_of(trace)
    held = [(text.owners[value], text.path(value), text.data(value).decode()) for value in range(len(text))]
    wanted = [
        (number, field.path, field.text)
        for number, span in enumerate(trace.spans)
        for field in (all_fields(span) if number == 0 else fields(span))
    ]
    assert held == wanted
    assert list(text.characters) == [sum(len(field.text) for field in fields(span)) for span in trace.spans]
    for value in range(len(text)):
        for position in range(text.starts[value] - 1, text.starts[value + 1] - 1):
            assert text.at(position) == value
