"""The report as a file: closed to what a trace says, the same for the same rows, bounded, true to what was judged."""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_rows import CHECK, cite, data_of, marked, report, row, text_of, verdict

from otel_judge.feedback import Evidence, JudgeFailure
from otel_judge.judge.text import clean
from otel_judge.report import Report
from otel_judge.report.quotes import find, mark
from otel_judge.report.timeline import MOST_BARS
from otel_judge.report.trajectory import STEPS_BYTES
from otel_judge.results import Results, Row
from otel_judge.testing.traces import TraceBuilder
from otel_judge.testing.traces import text as message
from otel_judge.trace import Trace

HOSTILE = [
    "</script>",
    "<!--",
    "<script>",
    "]]>",
    "<img src=x onerror=alert(1)>",
    "\u2028",
    "$data",
    "&lt;",
    "</style>",
    "\\u003c",
]
TEXT = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=20), min_size=1, max_size=4).map("".join)


class Elements(HTMLParser):
    """The elements of a page, in order, and what stands in its data."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.found.append("/" + tag)

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")


EMPTY = Elements(report([])).found


def a_trace(
    seed: int = 0, *, said: str = "Where is my order?", told: str = "It ships today.", name: str = "shop"
) -> Trace:
    build = TraceBuilder(service="shop", seed=seed)
    root = build.agent(name, user=said, answer=told, end=2.0)
    build.tool("find_order", parent=root, arguments={"id": 7}, result=f"found: {said}")
    return build.trace()


@given(TEXT, TEXT, TEXT)
@settings(max_examples=60, deadline=None)
def test_whatever_a_trace_or_a_judge_says_is_text_and_closes_nothing(said: str, told: str, why: str) -> None:
    trace = a_trace(said=said, told=told, name=said)
    quoted = Evidence(trace.root.span_id, told, "output")
    page = report([(trace, row(trace, verdict(trace, rationale=why, label=told, evidence=(quoted,))))], sources=[said])
    assert Elements(page).found == EMPTY
    data = data_of(page)
    (entry,) = data["traces"]
    assert entry["feedback"][0]["rationale"] == clean(why)
    steps = "\n".join(text_of(step, data["strings"]) for step in entry["steps"]["shown"])
    for text in (said, told):
        assert " ".join(clean(text).split()) in " ".join(steps.split())


def test_the_policy_lets_this_script_and_this_style_run_and_nothing_else() -> None:
    page = report([])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert policy is not None
    assert script is not None
    assert style is not None
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    hashes = {
        name: base64.b64encode(sha256(text.encode()).digest()).decode()
        for name, text in (("script", script[1]), ("style", style[1]))
    }
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{hashes['script']}'"
    assert rules["style-src"] == f"'sha256-{hashes['style']}'"
    assert "innerHTML" not in script[1]
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)


@given(st.permutations(range(4)))
@settings(deadline=None)
def test_the_order_in_which_rows_end_is_not_seen(order: list[int]) -> None:
    traces = [a_trace(seed) for seed in range(4)]
    rows = [row(trace, verdict(trace, trace is not traces[1])) for trace in traces]
    made = Report()
    assert list(made.watch(traces)) == traces
    for number in order:
        made.add(rows[number])
    assert made.html() == report(zip(traces, rows, strict=True))


def test_a_quote_is_marked_where_it_stands_however_it_is_spaced() -> None:
    trace = a_trace(told="It ships\n  today, by  courier.")
    quotes = (
        cite(trace, trace.root.span_id, "ships today, by courier", "output"),
        cite(trace, trace.spans[1].span_id, "find_order"),
    )
    data = data_of(report([(trace, row(trace, verdict(trace, evidence=quotes)))]))
    (entry,) = data["traces"]
    assert [" ".join(text.split()) for text in marked(entry)] == ["find_order", "ships today, by courier"]
    found = {each["quote"]: each for each in entry["feedback"][0]["evidence"]}
    shown = {step["n"]: text_of(step, data["strings"]) for step in entry["steps"]["shown"]}
    assert "courier" in shown[found["ships today, by courier"]["step"]]


def test_a_quote_is_marked_where_the_trace_says_it_first_but_no_word_by_chance() -> None:
    build = TraceBuilder(service="shop")
    user = message("user", "Please send the grey one to my sister.")
    root = build.agent("shop", user="Please send the grey one to my sister.", answer="Done.", end=5.0)
    build.chat("m-1", parent=root, messages=[user], output=[message("assistant", "It is grey.")])
    said = [user, message("assistant", "It is grey."), message("user", "Thank you.")]
    later = build.chat("m-1", parent=root, messages=said, output=[message("assistant", "Done.")], start=3.0)
    trace = build.trace()
    quotes = (cite(trace, later, "send the grey one to my sister", "input"), cite(trace, later, "grey", "input"))
    assert all(each.verified for each in quotes)
    (entry,) = data_of(report([(trace, row(trace, verdict(trace, evidence=quotes)))]))["traces"]
    assert marked(entry) == ["send the grey one to my sister"]
    long, word = entry["feedback"][0]["evidence"]
    assert long["step"] < word["step"]
    assert word["mark"] is None


def test_a_quote_that_does_not_stand_there_is_never_marked() -> None:
    trace = a_trace()
    false = cite(trace, trace.spans[1].span_id, "It ships today.", "tool.result")
    assert not false.verified
    (entry,) = data_of(report([(trace, row(trace, verdict(trace, evidence=(false,))))]))["traces"]
    assert marked(entry) == []
    assert entry["feedback"][0]["evidence"][0]["mark"] is None


def test_quotes_that_overlap_share_a_mark_and_none_is_lost() -> None:
    trace = a_trace(told="The order ships today by courier.")
    root = trace.root.span_id
    quotes = [cite(trace, root, quote, "output") for quote in ("order ships", "by courier", "ships today", "today by")]
    (entry,) = data_of(report([(trace, row(trace, verdict(trace, evidence=tuple(quotes))))]))["traces"]
    numbers = {piece[1] for step in entry["steps"]["shown"] for piece in step["text"] if isinstance(piece, list)}
    assert {each["mark"] for each in entry["feedback"][0]["evidence"]} <= numbers
    assert {"order ships today", "by courier"} <= set(marked(entry))


@given(st.text("ab \n]"), st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5)), max_size=4))
def test_pieces_are_the_text(text: str, wanted: list[tuple[int, int]]) -> None:
    stretches, at = [], 0
    for number, (skip, length) in enumerate(wanted):
        start = at + skip
        if start + length <= len(text):
            stretches.append((start, start + length, number))
            at = start + length
    pieces = mark(text, stretches)
    assert "".join(str(piece[0]) if isinstance(piece, list) else piece for piece in pieces) == text
    assert [piece[0] for piece in pieces if isinstance(piece, list)] == [text[start:end] for start, end, _ in stretches]


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("a b", "a  b"),
        ("a.b", None),
        ("[x]", "[x]"),
        ("", None),
        ("\ufffd", None),
        ("a\ufffdb", "a  b"),
        ("tool", None),
    ],
)
def test_find(quote: str, found: str | None) -> None:
    text = "1. tool t [0011223344556677]\n    result: a  b [x] a b"
    place = find(quote, "tool.result", text)
    assert found == (None if place is None else text[slice(*place)])


def a_long_trace(steps: int = 600) -> tuple[Trace, str]:
    """A trace with far more text than a report has room for, and the span of its step that is cited."""
    build = TraceBuilder(service="shop")
    root = build.agent("shop", user="Look everywhere.", answer="It is nowhere.", end=steps + 1.0)
    ids = [
        build.tool(
            "look",
            parent=root,
            arguments={"at": n},
            result=f"place {n}: " + "nothing " * 300,
            start=float(n),
            error="broken" if n == 450 else None,
        )
        for n in range(steps)
    ]
    return build.trace(), ids[300]


def test_a_long_trace_is_bounded_and_keeps_what_matters() -> None:
    trace, cited = a_long_trace()
    quotes = (cite(trace, cited, "place 300: nothing", "tool.result"),)
    page = report([(trace, row(trace, verdict(trace, evidence=quotes)))])
    assert len(page) < len(report([])) + 2 * STEPS_BYTES
    data = data_of(page)
    (entry,) = data["traces"]
    assert marked(entry) == ["place 300: nothing"]
    assert any(step["failed"] for step in entry["steps"]["shown"])
    numbers = [step["n"] for step in entry["steps"]["shown"]]
    assert numbers == sorted(numbers)
    assert 1 in numbers
    assert entry["steps"]["total"] in numbers
    assert entry["steps"]["total"] > len(numbers)
    bars = entry["timeline"]["bars"]
    assert len(bars) == MOST_BARS < entry["timeline"]["total"] == len(trace)
    assert any(failed for *_, failed, _ in bars)


def test_a_quote_in_what_was_cut_is_told_beside_its_step() -> None:
    trace = a_trace(told="x " * 2_000 + "a needle " + "y " * 2_000)
    quotes = (cite(trace, trace.root.span_id, "a needle", "output"),)
    (entry,) = data_of(report([(trace, row(trace, verdict(trace, evidence=quotes)))]))["traces"]
    (told,) = entry["feedback"][0]["evidence"]
    assert told["verified"]
    assert told["mark"] is None
    assert told["step"] in [step["n"] for step in entry["steps"]["shown"]]


def test_where_room_is_short_traces_that_passed_go_without_steps_first() -> None:
    traces = [a_trace(seed) for seed in range(3)]
    pairs = [(trace, row(trace, verdict(trace, trace is not traces[2]))) for trace in traces]
    entries = data_of(report(pairs))["traces"]
    one = len("".join(text_of(step, []) for step in entries[2]["steps"]["shown"]))
    short = data_of(report(pairs, most_bytes=one + 10))["traces"]
    assert [bool(entry["steps"]["shown"]) for entry in short] == [False, False, True]
    assert [entry["steps"]["total"] for entry in short] == [entry["steps"]["total"] for entry in entries]


def test_what_stands_in_many_traces_stands_in_the_file_once() -> None:
    instructions = "Be kind to the user and never promise what no tool has said. " * 5 + "\nAnd be short."
    pairs = [(trace, row(trace, verdict(trace))) for trace in (a_trace(seed, said=instructions) for seed in range(20))]
    page = report(pairs)
    assert page.count("And be short.") <= 4
    data = data_of(page)
    for entry in data["traces"]:
        text = "\n".join(text_of(step, data["strings"]) for step in entry["steps"]["shown"])
        assert "And be short." in text


def test_two_models_are_two_instruments_and_early_failures_belong_to_the_only_one() -> None:
    traces = [a_trace(seed) for seed in range(5)]
    failure = verdict(traces[4], None, label="failed", error=JudgeFailure("timeout", "too late"), model=None, rung=None)

    def scorers(second: str) -> list[dict[str, object]]:
        models = ["m-1", second, "m-1"]
        rows = [
            row(trace, verdict(trace, model != "m-2", model=model))
            for trace, model in zip(traces, models, strict=False)
        ]
        checked = row(traces[3], verdict(traces[3], scorer=CHECK, model=None, usage=None, cost_usd=None))
        pairs = zip(traces, [*rows, checked, row(traces[4], failure)], strict=True)
        return data_of(report(pairs, scorers=["tool_errors", "honest"]))["scorers"]

    one, check = scorers("m-1")
    assert (one["judged"], one["failures"], one["passed"], check["name"]) == (3, 1, 3, "tool_errors")
    assert one["rate"] == pytest.approx([1.0, 0.4385, 1.0], abs=1e-4)
    assert one["cost_usd"] == pytest.approx(0.04)
    several = scorers("m-2")
    assert [(each["model"], each["judged"], each["failures"]) for each in several[:3]] == [
        (None, 0, 1),
        ("m-1", 2, 0),
        ("m-2", 1, 0),
    ]


def test_scores_that_say_more_than_labels_have_a_histogram() -> None:
    traces = [a_trace(seed) for seed in range(4)]
    pairs = [
        (trace, row(trace, verdict(trace, score=score)))
        for trace, score in zip(traces, (0.0, 0.55, 1.0, 0.5), strict=True)
    ]
    (scorer,) = data_of(report(pairs))["scorers"]
    assert scorer["scores"]["bins"] == [1, 0, 0, 0, 0, 2, 0, 0, 0, 1]
    assert scorer["scores"]["mean"] == pytest.approx(0.5125)
    plain = [(trace, row(trace, verdict(trace, score=1.0))) for trace in traces]
    assert data_of(report(plain))["scorers"][0]["scores"] is None


def test_a_trace_is_shown_as_its_judges_saw_it() -> None:
    build = TraceBuilder(service="shop")
    scored = {"gen_ai.evaluation.name": "tone", "gen_ai.evaluation.explanation": "an earlier opinion"}
    root = build.agent("shop", user="Hello?", answer="Hello.", attributes=scored)
    build.span("evaluate tone", parent=root, attributes={**scored, "gen_ai.evaluation.score.label": "rude"})
    trace = build.trace()
    page = report([(trace, row(trace, verdict(trace)))])
    assert "an earlier opinion" not in page
    assert "evaluate tone" not in page


def test_a_row_whose_trace_was_not_watched_has_its_verdicts() -> None:
    trace = a_trace()
    made = Report()
    made.add(row(trace, verdict(trace)))
    made.add(Row("f" * 32, "", 0))
    first, second = data_of(made.html())["traces"]
    assert (first["timeline"], first["feedback"][0]["label"]) == (None, "pass")
    assert (second["root"], second["feedback"]) == ("(no name)", [])


def test_only_what_judges_may_see_is_shown() -> None:
    secret, open_ = a_trace(1, said="my card is 4111", name="card-4111"), a_trace(2)
    pairs = [(trace, row(trace, verdict(trace))) for trace in (secret, open_)]
    page = report(pairs, seen=lambda trace: None if trace is secret else trace)
    assert "4111" not in page
    hidden, shown = data_of(page)["traces"]
    assert (hidden["timeline"], hidden["steps"]["shown"], hidden["feedback"][0]["label"]) == (None, [], "pass")
    assert shown["steps"]["shown"]


def test_the_password_of_a_source_is_not_shown() -> None:
    page = report([], sources=["jaeger:https://me:hunter2@jaeger.example?service=shop", "traces/a@b.json"])
    assert data_of(page)["sources"] == ["jaeger:https://jaeger.example?service=shop", "traces/a@b.json"]


def test_the_report_and_the_summary_count_the_same() -> None:
    """Also a verdict that is missing where its scorer lets that fail."""
    traces = [a_trace(seed) for seed in range(4)]
    missing = JudgeFailure("timeout", "too late")
    given = [
        verdict(traces[0], score=1.0, cost_usd=0.1),
        verdict(traces[1], False, score=0.0, cost_usd=0.2),
        verdict(traces[2], False, error=missing, cost_usd=0.3),
        verdict(traces[3], None, label="not_judgeable", not_judgeable=True),
    ]
    pairs = [(trace, row(trace, each)) for trace, each in zip(traces, given, strict=True)]
    (scorer,) = data_of(report(pairs))["scorers"]
    summary = Results.of(each for _, each in pairs).summaries["honest"]
    assert (scorer["passed"], scorer["failed"]) == (summary.passed, summary.failed) == (1, 2)
    assert (scorer["not_judgeable"], scorer["failures"]) == (summary.not_judgeable, summary.failures) == (1, 1)
    assert scorer["rate"] == [summary.interval.value, summary.interval.low, summary.interval.high]
    assert (scorer["cost_usd"], scorer["tokens"]) == (summary.cost_usd, summary.tokens)
