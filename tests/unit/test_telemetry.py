from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import metrics as metrics_api
from prometheus_client.parser import text_string_to_metric_families

from otel_judge import metrics, telemetry
from otel_judge.decision import Decision
from otel_judge.feedback import Evidence, Feedback, JudgeFailure, Scorer, Target, Usage
from otel_judge.metrics import METRICS
from otel_judge.telemetry import MAX_LABEL_VALUES, Telemetry

TARGET = Target("0" * 31 + "1", "0" * 15 + "1", 1, 2, service="shop", agent="helper")
JUDGE = Scorer("task_success", "judge", "v1", owner="payments")
FEEDBACK = Feedback(
    target=TARGET,
    scorer=JUDGE,
    label="fail",
    score=0.25,
    model="m-1",
    rung="agent",
    evidence=(Evidence("a" * 16, "x"), Evidence("b" * 16, "y", verified=False)),
    usage=Usage(100, 40, 7),
    cost_usd=0.5,
    duration_s=3.0,
)


def samples(recorded: Telemetry) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    text = recorded.render()[0].decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found


def record_everything() -> Telemetry:
    recorded = Telemetry()
    recorded.feedback(FEEDBACK)
    recorded.feedback(replace(FEEDBACK, label="failed", score=None, error=JudgeFailure("timeout", "slow")))
    recorded.feedback(replace(FEEDBACK, shadow_of="task_success", agrees=False))
    recorded.labels(1, "kept")
    recorded.labels(2, "unknown_trace")
    recorded.labels(3, "dropped")
    recorded.decision(Decision(sampled=True, judges=("j",), policy="errors", reason="…", probability=1.0))
    recorded.decision(Decision(sampled=False, judges=(), policy="", reason="…", probability=0.1))
    recorded.completed("root")
    recorded.worker_ended()
    recorded.content("gen_ai", "read", 7)
    recorded.accepted(5, "grpc")
    recorded.refused(2, "http")
    recorded.late(3)
    recorded.accepted_log_records(3, "http")
    recorded.refused_log_records(1, "http")
    recorded.unused_log_records(2, "no_span")
    recorded.sent("traces", 4)
    recorded.retried("traces", 1)
    recorded.dropped("logs", 6, "queue_full")
    for metric in METRICS:
        if metric.kind == "gauge":
            recorded.observe(metric, lambda: 1.5, **dict.fromkeys(metric.labels, "x"))
    return recorded


def test_a_feedback_is_counted_with_its_instrument_score_evidence_tokens_and_cost() -> None:
    recorded = Telemetry()
    recorded.feedback(FEEDBACK)
    found = samples(recorded)
    instrument = {
        "judge": "task_success",
        "version": "v1",
        "model": "m-1",
        "rung": "agent",
        "owner": "payments",
    }
    subject = {"agent": "helper", "service": "shop"}
    assert found["otel_judge_feedback_total"] == [
        ({**instrument, **subject, "label": "fail", "outcome": "judged"}, 1.0)
    ]
    assert found["otel_judge_score_sum"] == [({**instrument, **subject}, 0.25)]
    assert found["otel_judge_judge_duration_seconds_sum"] == [({**instrument, "outcome": "judged"}, 3.0)]
    assert found["otel_judge_judge_cost_usd_total"] == [(instrument, 0.5)]
    tokens = {labels["type"]: value for labels, value in found["otel_judge_judge_tokens_total"]}
    assert tokens == {"input": 60, "cached": 40, "output": 7}
    evidence = {labels["verified"]: value for labels, value in found["otel_judge_evidence_total"]}
    assert evidence == {"true": 1, "false": 1}


def test_a_failure_is_counted_and_has_no_score() -> None:
    recorded = Telemetry()
    recorded.feedback(Feedback.failure(TARGET, JUDGE, JudgeFailure("timeout", "slow"), judged_at_ns=1))
    found = samples(recorded)
    assert found["otel_judge_feedback_total"][0][0]["outcome"] == "failed"
    assert "otel_judge_score_count" not in found


def test_a_shadow_is_counted_as_a_shadow_alone() -> None:
    recorded = Telemetry()
    recorded.feedback(replace(FEEDBACK, shadow_of="other", agrees=False))
    recorded.feedback(replace(FEEDBACK, shadow_of="other", agrees=None))
    found = samples(recorded)
    shadow = {"judge": "task_success", "shadow_of": "other", "version": "v1", "model": "m-1"}
    counted = {labels["agrees"]: value for labels, value in found["otel_judge_shadow_feedback_total"]}
    assert counted == {"false": 1, "unknown": 1}
    assert found["otel_judge_shadow_cost_usd_total"] == [(shadow, 1.0)]
    tokens = {labels["type"]: value for labels, value in found["otel_judge_shadow_tokens_total"]}
    assert tokens == {"input": 120, "cached": 80, "output": 14}
    assert {name for name in found if name.startswith("otel_judge_")} == {
        f"otel_judge_shadow_{name}_total" for name in ("feedback", "cost_usd", "tokens")
    }


def test_labels_are_counted_by_whether_their_trace_is_here() -> None:
    recorded = Telemetry()
    recorded.labels(2, "kept")
    recorded.labels(1, "unknown_trace")
    counted = {labels["outcome"]: value for labels, value in samples(recorded)["otel_judge_labels_total"]}
    assert counted == {"kept": 2, "unknown_trace": 1}


def test_a_score_that_is_not_a_number_does_not_poison_the_sum() -> None:
    recorded = Telemetry()
    recorded.feedback(replace(FEEDBACK, score=float("nan")))
    recorded.feedback(FEEDBACK)
    assert samples(recorded)["otel_judge_score_sum"][0][1] == 0.25


def test_every_metric_of_the_table_appears_and_none_else() -> None:
    recorded = record_everything()
    data = recorded.collect()
    assert data is not None
    (resource,) = data.resource_metrics
    assert {metric.name for metric in resource.scope_metrics[0].metrics} == {metric.name for metric in METRICS}
    assert resource.resource.attributes["otel_judge.emitter"] is True
    names = set(samples(recorded))
    for metric in METRICS:
        expected = metric.name.replace(".", "_") + {"s": "_seconds", "usd": "_usd"}.get(metric.unit, "")
        suffix = {"counter": "_total", "histogram": "_count", "gauge": ""}[metric.kind]
        assert expected + suffix in names


def test_a_label_only_carries_what_the_table_names() -> None:
    allowed = {metric.name.replace(".", "_"): set(metric.labels) for metric in METRICS}
    for name, found in samples(record_everything()).items():
        metric = max((known for known in allowed if name.startswith(known)), key=len)
        for labels, _ in found:
            assert set(labels) - {"le"} <= allowed[metric], name


def test_label_values_from_traffic_are_capped_in_number_and_length() -> None:
    recorded = Telemetry()
    for n in range(MAX_LABEL_VALUES + 20):
        recorded.feedback(replace(FEEDBACK, target=replace(TARGET, agent=f"agent-{n}" + "x" * 5_000)))
    agents = {labels["agent"]: value for labels, value in samples(recorded)["otel_judge_feedback_total"]}
    assert len(agents) == MAX_LABEL_VALUES + 1
    assert agents["other"] == 20
    assert max(map(len, agents)) <= telemetry.MAX_LABEL_LENGTH


def test_a_gauge_is_read_when_asked_for() -> None:
    recorded = Telemetry()
    waiting: list[Any] = []
    recorded.observe(metrics.QUEUE_SIZE, lambda: len(waiting), queue="judge")
    waiting += [1, 2]
    assert samples(recorded)["otel_judge_queue_size"] == [({"queue": "judge"}, 2.0)]


def test_only_gauges_are_observed_and_only_with_their_labels() -> None:
    with pytest.raises(ValueError, match="counter"):
        Telemetry().observe(metrics.FEEDBACK, lambda: 1)
    with pytest.raises(ValueError, match="colour"):
        Telemetry().observe(metrics.QUEUE_SIZE, lambda: 1, colour="red")


def test_the_global_meter_provider_is_left_alone() -> None:
    before = metrics_api.get_meter_provider()
    Telemetry()
    assert metrics_api.get_meter_provider() is before


def test_importing_it_does_not_import_the_sdk() -> None:
    code = "import sys, otel_judge.telemetry; sys.exit(any(m.startswith('opentelemetry.sdk') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_promtool_accepts_the_text() -> None:
    cached = Path("~/.cache/otel-judge/parts/promtool").expanduser()
    promtool = str(cached) if os.access(cached, os.X_OK) else shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is neither in ~/.cache/otel-judge/parts nor on PATH: apt-get install prometheus")
    text, content_type = record_everything().render()
    assert content_type.startswith("text/plain; version=0.0.4")
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
