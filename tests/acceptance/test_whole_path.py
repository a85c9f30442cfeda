"""App -> Collector -> otel-judge -> Collector -> Jaeger: what somebody sees who knows Jaeger and not otel-judge."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import parts
import pytest
from jaeger_api import OtlpSpan, duration_ns
from processes import holds_for, wait_for
from stack import CHECKS, AppRun, Jaeger, WholePath, demo_app, otel_judge, telemetrygen

LABEL, NAME = "gen_ai.evaluation.score.label", "gen_ai.evaluation.name"
FAILS = {
    "a false claim": "tool_errors",
    "a loop": "repeated_calls",
    "a slow run": "latency",
    "cut off": "answered",
    "3,000 spans": "tool_errors",
}
"""What each of the demo's runs fails by; `a good run` fails by nothing."""


@pytest.fixture(scope="module")
def path(folder: Path, jaeger: Jaeger) -> Iterator[WholePath]:
    with WholePath.laid(folder, jaeger).running() as running:
        yield running


@pytest.fixture(scope="module")
def runs(path: WholePath) -> dict[str, AppRun]:
    """The demo's six runs, once all of their scores are in Jaeger."""
    runs = demo_app(path.collector.grpc)
    wanted = len(runs) * len(CHECKS)
    wait_for(lambda: len(scores(path.jaeger.api.search_v3("otel-judge"))) >= wanted, f"{wanted} scores in Jaeger")
    return runs


def scores(spans: list[OtlpSpan]) -> list[OtlpSpan]:
    return [span for span in spans if span.is_score]


def test_search_by_service_and_label_finds_the_traces_that_fail_and_no_other(
    path: WholePath, runs: dict[str, AppRun]
) -> None:
    found = path.jaeger.api.search("otel-judge", **{LABEL: "fail"})
    failing = {
        (trace_id, span.tags[NAME])
        for trace_id, spans in found.items()
        for span in spans
        if span.tags.get(LABEL) == "fail"
    }
    assert failing == {(runs[run].trace_id, check) for run, check in FAILS.items()}


def test_search_by_a_scorers_name_finds_its_failures(path: WholePath, runs: dict[str, AppRun]) -> None:
    found = path.jaeger.api.search("otel-judge", **{NAME: "latency", LABEL: "fail"})
    assert list(found) == [runs["a slow run"].trace_id]


def test_each_trace_has_all_of_its_own_spans_and_one_score_of_each_scorer(
    path: WholePath, runs: dict[str, AppRun]
) -> None:
    for run in runs.values():
        spans = path.jaeger.api.trace_v3(run.trace_id)
        assert sorted(score.attributes[NAME] for score in scores(spans)) == sorted(CHECKS), run
        assert len({span.span_id for span in spans}) == len(spans) == run.spans + len(CHECKS), run


def test_scores_stand_first_under_the_judged_root(path: WholePath, runs: dict[str, AppRun]) -> None:
    for run in runs.values():
        spans = path.jaeger.api.trace(run.trace_id)
        (root,) = (span for span in spans if not span.references)
        assert root.name.startswith("invoke_agent ")
        children = [span for span in spans if span.parent == root.span_id]
        under = [span for span in children if span.service == "otel-judge"]
        assert len(under) == len(CHECKS)
        assert {span.start_us for span in under} == {root.start_us}
        assert all(span.start_us > root.start_us for span in children if span not in under)
        assert {span.duration_us for span in under} == {0}


def test_a_scores_first_reference_is_to_its_parent_and_the_others_to_what_it_cites(
    path: WholePath, runs: dict[str, AppRun]
) -> None:
    trace_id = runs["a false claim"].trace_id
    spans = path.jaeger.api.trace(trace_id)
    by_name = {span.name: span for span in spans}
    root, failed_call = by_name["invoke_agent support"], by_name["execute_tool issue_refund"]
    assert by_name["evaluate tool_errors fail"].references == [
        ("CHILD_OF", trace_id, root.span_id),
        ("FOLLOWS_FROM", trace_id, failed_call.span_id),
    ]


def test_a_score_links_the_judged_span_and_the_evidence(path: WholePath, runs: dict[str, AppRun]) -> None:
    spans = path.jaeger.api.trace_v3(runs["a false claim"].trace_id)
    by_name = {span.name: span for span in spans}
    score = by_name["evaluate tool_errors fail"]
    assert score.parent_span_id == by_name["invoke_agent support"].span_id
    assert [link["span_id"] for link in score.linked("target")] == [score.parent_span_id]
    assert [link["span_id"] for link in score.linked("evidence")] == [by_name["execute_tool issue_refund"].span_id]
    assert {link["trace_id"] for link in score.links} == {score.trace_id}


def test_a_score_carries_the_standard_event_and_its_evidence(path: WholePath, runs: dict[str, AppRun]) -> None:
    spans = path.jaeger.api.trace_v3(runs["a false claim"].trace_id)
    by_name = {span.name: span for span in spans}
    result, evidence = by_name["evaluate tool_errors fail"].events
    assert result["name"] == "gen_ai.evaluation.result"
    assert result["attributes"][LABEL] == "fail"
    assert result["attributes"]["gen_ai.evaluation.score.value"] == 0
    assert "issue_refund" in result["attributes"]["gen_ai.evaluation.explanation"]
    assert evidence["name"] == "otel_judge.evidence"
    assert evidence["attributes"]["otel_judge.evidence.verified"] is True
    assert evidence["attributes"]["otel_judge.evidence.span_id"] == by_name["execute_tool issue_refund"].span_id
    assert "declined by the bank" in evidence["attributes"]["otel_judge.evidence.quote"]


def test_the_ui_shows_events_of_a_score_as_its_logs(path: WholePath, runs: dict[str, AppRun]) -> None:
    spans = path.jaeger.api.trace(runs["a loop"].trace_id)
    (score,) = (span for span in spans if span.name == "evaluate repeated_calls fail")
    first, *others = (log["event"] for log in score.logs)
    assert first == "gen_ai.evaluation.result"
    assert set(others) == {"otel_judge.evidence"}


def test_scores_do_not_make_a_trace_longer(path: WholePath, runs: dict[str, AppRun]) -> None:
    for run in runs.values():
        spans = path.jaeger.api.trace_v3(run.trace_id)
        assert duration_ns(spans) == duration_ns([span for span in spans if not span.is_score]), run


def test_a_bad_score_is_no_error_and_the_emitter_names_itself(path: WholePath, runs: dict[str, AppRun]) -> None:
    found = scores(path.jaeger.api.search_v3("otel-judge"))
    assert {(score.service, score.resource["otel_judge.emitter"]) for score in found} == {("otel-judge", True)}
    assert {score.status for score in found} == {0}
    assert path.jaeger.api.search("otel-judge", error="true") == {}


def test_jaeger_finds_no_fault_with_the_apps_spans_nor_with_a_scores_place(
    path: WholePath, runs: dict[str, AppRun]
) -> None:
    for run in runs.values():
        warnings = Counter(
            warning.partition(" detected")[0]
            for span in path.jaeger.api.trace(run.trace_id)
            for warning in span.warnings
        )
        # It gives every span without length one nanosecond, and says so.
        assert warnings.keys() <= {"Negative duration"}
        assert warnings.total() <= len(CHECKS)


def test_telemetrygens_traces_are_judged(path: WholePath) -> None:
    for http in (False, True):
        service = f"telemetrygen-{'http' if http else 'grpc'}"
        endpoint = path.collector.http if http else path.collector.grpc
        telemetrygen(endpoint, service, traces=5, http=http)
        found = wait_for(
            lambda service=service: _if_all_scored(path.jaeger.api.search_v3(service), 5), f"verdicts for {service}"
        )
        assert Counter(score.attributes[NAME] for score in scores(found)) == dict.fromkeys(CHECKS, 5)
        assert {score.attributes["otel_judge.target.service"] for score in scores(found)} == {service}
        labels = {score.attributes[NAME]: score.attributes[LABEL] for score in scores(found)}
        assert labels["answered"] == "not_judgeable"
        assert labels["latency"] == "pass"


def _if_all_scored(spans: list[OtlpSpan], traces: int) -> list[OtlpSpan]:
    by_trace = Counter(span.trace_id for span in scores(spans))
    return spans if len(by_trace) == traces and min(by_trace.values()) >= len(CHECKS) else []


def test_promtool_accepts_the_metrics(path: WholePath, runs: dict[str, AppRun]) -> None:
    metrics = path.judge.metrics()
    assert "otel_judge_feedback_total{" in metrics
    done = subprocess.run(
        [parts.find("promtool"), "check", "metrics"], input=metrics, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("call", [("get_trace_info",), ("search_trace_regex", "pattern=declined|refund")])
def test_a_span_tool_shows_a_retained_trace_as_it_shows_a_file_of_it(
    path: WholePath, runs: dict[str, AppRun], tmp_path: Path, call: tuple[str, ...]
) -> None:
    trace_id = runs["a false claim"].trace_id
    file = tmp_path / "trace.json"
    file.write_bytes(httpx.get(f"http://{path.judge.admin}/traces/{trace_id}").raise_for_status().content)
    name, *arguments = call
    live = otel_judge("tool", name, f"live:http://{path.judge.admin}", *arguments, "--trace-id", trace_id)
    assert live == otel_judge("tool", name, str(file), *arguments)
    assert "issue_refund" in live


def test_a_retained_trace_is_what_the_app_sent(path: WholePath, runs: dict[str, AppRun]) -> None:
    run = runs["3,000 spans"]
    answer = httpx.get(f"http://{path.judge.admin}/traces/{run.trace_id}").raise_for_status()
    sent = {
        span["spanId"]
        for group in json.loads(answer.content)["resourceSpans"]
        for scoped in group["scopeSpans"]
        for span in scoped["spans"]
    }
    assert sent == {span.span_id for span in path.jaeger.api.trace_v3(run.trace_id) if not span.is_score}


def test_nothing_loops_and_nothing_is_lost(path: WholePath, runs: dict[str, AppRun]) -> None:
    """The last test here: whatever came before, the judge was sent the apps' spans alone, and said each thing once."""
    api, collector, judge = path.jaeger.api, path.collector, path.judge
    spans = api.search_v3("otel-judge")
    found = scores(spans)
    assert len(found) == len({span.trace_id for span in spans}) * len(CHECKS)

    def unchanged() -> None:
        assert len(api.search_v3("otel-judge")) == len(spans)

    holds_for(5.0, unchanged)
    apps_spans = len(spans) - len(found)
    assert collector.count("otelcol_exporter_sent_spans_total", exporter="otlp_grpc/judge") == apps_spans
    assert collector.count("otelcol_receiver_accepted_spans_total", receiver="otlp/feedback") == len(found)
    assert collector.count("otelcol_exporter_sent_spans_total", exporter="otlp_grpc/backend") == len(spans)
    assert judge.count("otel_judge_receiver_accepted_spans_total") == apps_spans
    assert judge.count("otel_judge_feedback_total") == len(found)
    assert judge.count("otel_judge_emit_sent_total", signal="traces") == len(found)
    for never in ("emit_dropped_total", "emit_retried_total", "receiver_refused_spans_total", "index_late_spans_total"):
        assert judge.count(f"otel_judge_{never}") == 0, never
