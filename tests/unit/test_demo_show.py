"""The demo's table, from score spans as they come by OTLP."""

from __future__ import annotations

import io
import re

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from rich.console import Console

from otel_judge import semconv
from otel_judge.attributes import encode_attributes
from otel_judge.demo.agent import Played
from otel_judge.demo.show import NEXT_STEPS, next_steps, read_verdicts, report

OURS = {semconv.EMITTER: True}
RUN = Played("a false claim", "ab" * 16, 6)
CHECKS = ("tool_errors", "repeated_calls", "answered", "latency", "tokens")


def score_span(
    scorer: str,
    label: str,
    *,
    score: float | None = None,
    why: str = "",
    quotes: tuple[tuple[str, bool], ...] = (),
    trace_id: str = RUN.trace_id,
    **more: object,
) -> tuple[Span, dict[str, object]]:
    attributes: dict[str, object] = {
        semconv.EVALUATION_NAME: scorer,
        semconv.EVALUATION_ID: f"{trace_id} {scorer}",
        semconv.SCORE_LABEL: label,
        semconv.EXPLANATION: why,
        semconv.SCORER_KIND: "check",
        **more,
    }
    if score is not None:
        attributes[semconv.SCORE_VALUE] = score
    span = Span(trace_id=bytes.fromhex(trace_id), span_id=b"12345678", attributes=encode_attributes(attributes))
    for quote, verified in quotes:
        evidence = {
            semconv.EVIDENCE_SPAN_ID: "12ab34cd56ef7890",
            semconv.EVIDENCE_QUOTE: quote,
            semconv.EVIDENCE_VERIFIED: verified,
        }
        span.events.add(name=semconv.EVIDENCE, attributes=encode_attributes(evidence))
    span.events.add(name=semconv.EVALUATION_RESULT)
    return span, OURS


def shown(*spans: tuple[Span, dict[str, object]], width: int = 120, runs: tuple[Played, ...] = (RUN,)) -> str:
    out = io.StringIO()
    report(Console(file=out, width=width), runs, read_verdicts(spans))
    return out.getvalue()


FAIL = score_span("tool_errors", "fail", score=0.25, why="1 of 4 failed", quotes=(("declined by the bank", True),))


def passes(*names: str) -> list[tuple[Span, dict[str, object]]]:
    return [score_span(name, "pass", score=1.0, why=f"{name} is fine") for name in names]


def test_a_failing_check_is_shown_with_score_reason_and_evidence():
    lines = shown(FAIL).splitlines()
    (line,) = [line for line in lines if "tool_errors" in line]
    assert re.search(r"a false claim +tool_errors +fail +0\.25 +1 of 4 failed +12ab34cd “declined by the bank”", line)
    assert any(line.strip() == "abababab" for line in lines)


def test_failures_come_first_and_passes_share_one_line():
    text = shown(*passes(*CHECKS[1:]), FAIL)
    assert text.index("tool_errors") < text.index("4 others")
    assert "repeated_calls, answered, latency, tokens" in text
    assert "is fine" not in text


def test_a_run_without_failures_is_one_row():
    text = shown(*passes(*CHECKS))
    assert "5 checks" in text
    assert "5 verdicts: 5 pass, 0 fail" in text


def test_a_judge_is_always_shown_in_full():
    judge = score_span("task_success", "pass", why="It did what was asked.", **{semconv.SCORER_KIND: "judge"})
    text = shown(judge, *passes(*CHECKS))
    assert "task_success" in text
    assert "It did what was asked." in text
    assert "5 others" in text


def test_a_judge_that_failed_is_shown_with_its_error_type_and_no_score():
    judge = score_span("task_success", "failed", why="no answer", **{semconv.ERROR_TYPE: "timeout"})
    text = shown(judge)
    assert re.search(r"task_success +failed +- +timeout: no answer", text)
    assert "0 pass, 0 fail, 1 other" in text


def test_evidence_that_does_not_stand_in_the_trace_is_marked():
    span = score_span("task_success", "fail", quotes=(("it never said so", False),))
    assert "12ab34cd not found “it never said so”" in shown(span, width=160)


def test_a_long_list_of_evidence_is_cut_and_says_so():
    span = score_span("repeated_calls", "fail", quotes=tuple((f"quote {number}", True) for number in range(7)))
    text = shown(span)
    assert "quote 1" in text
    assert "quote 2" not in text
    assert "and 5 more" in text


def test_what_the_trace_says_cannot_steer_the_terminal_or_the_markup():
    span = score_span("tool_errors", "fail", why="[red]a\x1b[2J\nb", quotes=(("[/]c\x07", True),))
    text = shown(span)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]a[2J b" in text
    assert "“[/]c”" in text


def test_nothing_is_wider_than_the_terminal():
    spans = [FAIL, *passes(*CHECKS[1:]), score_span("other", "fail", why="word " * 200, quotes=(("x" * 500, True),))]
    for width in (80, 100, 120):
        text = shown(*spans, width=width)
        assert max(len(line.rstrip()) for line in text.splitlines()) <= width
        assert "declined" in text


def test_a_run_without_verdicts_says_so():
    assert "no verdict" in shown()


def test_runs_keep_their_order_and_take_only_their_own_verdicts():
    other = Played("a loop", "cd" * 16, 16)
    text = shown(score_span("latency", "fail", trace_id=other.trace_id), FAIL, runs=(RUN, other))
    assert text.index("a false claim") < text.index("tool_errors") < text.index("a loop") < text.index("latency")
    assert "2 traces, 22 spans, 2 verdicts: 0 pass, 2 fail" in text


def test_a_resend_counts_once():
    assert len(read_verdicts([FAIL, FAIL])) == 1


def test_a_judges_own_spans_and_foreign_scores_are_passed_over():
    chat = Span(trace_id=b"a" * 16, span_id=b"b" * 8, name="chat m")
    foreign = score_span("tool_errors", "fail")[0]
    assert read_verdicts([(chat, OURS), (foreign, {"service.name": "app"})]) == []


def test_what_to_do_next_is_three_unbroken_lines():
    out = io.StringIO()
    next_steps(Console(file=out, width=80))
    lines = out.getvalue().strip().splitlines()
    assert len(lines) == len(NEXT_STEPS) == 3
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14317" in lines[0]
    assert "collector-config.yaml" in lines[1]
    assert "otel-judge run " in lines[2]
