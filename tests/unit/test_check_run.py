import logging
from typing import ClassVar

import pytest

from otel_judge.check import Grade, build, run
from otel_judge.config import CHECK_TYPES, Config, LatencyCheck, ToolErrorsCheck
from otel_judge.feedback import NOT_JUDGEABLE, Outcome
from otel_judge.testing.traces import TraceBuilder
from otel_judge.trace import Trace
from otel_judge.trajectory import target_of


def a_trace() -> Trace:
    traced = TraceBuilder()
    traced.span("root")
    return traced.trace()


class Raises:
    name: ClassVar[str] = "raises"
    version = "1"

    def grade(self, trace: Trace) -> Grade:
        raise KeyError("a secret of the trace")


class Says:
    name: ClassVar[str] = "says"
    version = "1"

    def __init__(self, passed: bool | None) -> None:
        self._passed = passed

    def grade(self, trace: Trace) -> Grade:
        return Grade(self._passed, "because", detail={"n": 1})


def test_config_builds_every_check_in_its_order():
    checks = build(Config().checks)
    assert [check.name for check in checks] == list(CHECK_TYPES)


def test_version_is_stable_and_changes_with_the_settings():
    one, same, other = build([LatencyCheck(), LatencyCheck(), LatencyCheck.model_validate({"max": "5s"})])
    assert one.version == same.version
    assert one.version != other.version
    assert len(one.version) == 8


@pytest.mark.parametrize(("passed", "label", "score"), [(True, "pass", 1.0), (False, "fail", 0.0)])
def test_grade_becomes_feedback(passed, label, score):
    trace = a_trace()
    target = target_of(trace, trace.root)
    feedback = run(Says(passed), trace, target, now_ns=lambda: 42)
    assert (feedback.label, feedback.score, feedback.value, feedback.passed) == (label, score, passed, passed)
    assert (feedback.outcome, feedback.rationale, feedback.judged_at_ns) == (Outcome.JUDGED, "because", 42)
    assert (feedback.scorer.kind, feedback.target, feedback.detail) == ("check", target, {"n": 1})
    assert feedback.duration_s > 0


def test_not_judgeable_has_neither_score_nor_value():
    trace = a_trace()
    feedback = run(Says(None), trace, target_of(trace, trace.root))
    assert (feedback.label, feedback.outcome) == (NOT_JUDGEABLE, Outcome.NOT_JUDGEABLE)
    assert (feedback.score, feedback.value, feedback.passed) == (None, None, None)


def test_check_that_raises_is_a_failure_logged_once_without_content(caplog):
    trace = a_trace()
    with caplog.at_level(logging.DEBUG, "otel_judge"):
        feedback = run(Raises(), trace, target_of(trace, trace.root), now_ns=lambda: 42)
    assert feedback.outcome is Outcome.FAILED
    assert feedback.error is not None
    assert (feedback.error.type, feedback.score, feedback.judged_at_ns) == ("KeyError", None, 42)
    assert len(caplog.records) == 1
    assert "raises failed with KeyError in grade" in caplog.text
    assert "secret" not in caplog.text


def test_names_from_a_trace_bring_no_escapes_into_the_rationale() -> None:
    traced = TraceBuilder()
    traced.tool("pay\x1b[2J\u202e", error="declined")
    trace = traced.trace()
    (check,) = build([ToolErrorsCheck()])
    feedback = run(check, trace, target_of(trace, trace.root))
    assert feedback.label == "fail"
    assert feedback.rationale.isprintable()
    assert "pay\ufffd[2J\ufffd" in feedback.rationale
