"""Labels as JSON and as they stand in OpenTelemetry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_judge.judge.blind import blind
from otel_judge.label import Label, labels_of, parse_label, without_labels
from otel_judge.otlp_json import encode_traces
from otel_judge.sources import read_traces
from otel_judge.testing.traces import TraceBuilder

TRACE = "0af7651916cd43dd8448eb211c80319c"
HUMAN = {
    "gen_ai.evaluation.name": "task_success",
    "gen_ai.evaluation.score.label": "fail",
    "gen_ai.evaluation.explanation": "The refund never came.",
    "gen_ai.evaluation.evaluator.type": "human",
    "gen_ai.evaluation.evaluator.id": "kim",
}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"label": "fail"}, {"label": "fail"}),
        ({"label": " fail "}, {"label": "fail"}),
        ({"value": "fail", "label": None}, {"label": "fail"}),
        ({"label": True}, {"passed": True}),
        ({"value": 0.25}, {"score": 0.25}),
        ({"score": 3}, {"score": 3.0}),
        ({"task_id": 2, "passed": False, "errors": [{"span_id": "x"}]}, {"passed": False}),
        (
            {"label": "ok", "name": "tone", "span_id": "B7AD6B7169203331", "rationale": "r", "annotator": "kim"},
            {"label": "ok", "name": "tone", "span_id": "b7ad6b7169203331", "rationale": "r", "annotator": "kim"},
        ),
        ({"label": "ok", "picked": "random"}, {"label": "ok", "picked": "random"}),
    ],
)
def test_a_label_is_read_as_people_write_it(entry: dict[str, Any], expected: dict[str, Any]) -> None:
    assert parse_label({"trace_id": TRACE.upper(), **entry}) == Label(TRACE, **expected)


@pytest.mark.parametrize("entry", [{}, {"label": None}, {"label": "", "score": None}, {"label": "  "}])
def test_what_nobody_has_filled_in_is_no_label(entry: dict[str, Any]) -> None:
    assert parse_label({"trace_id": TRACE, **entry}) is None


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ([1], "not a JSON object"),
        ({"label": "fail"}, "trace_id is missing"),
        ({"trace_id": "12", "label": "fail"}, "trace_id is not 32 hex digits"),
        ({"trace_id": "g" * 32, "label": "fail"}, "trace_id is not 32 hex digits"),
        ({"trace_id": TRACE, "span_id": 7, "label": "fail"}, "span_id is not 16 hex digits"),
        ({"trace_id": TRACE, "score": "high"}, "score is not a number"),
        ({"trace_id": TRACE, "score": True}, "score is not a number"),
        ({"trace_id": TRACE, "score": float("inf")}, "the score is not a finite number"),
        ({"trace_id": TRACE, "passed": "yes"}, "passed is neither true nor false"),
        ({"trace_id": TRACE, "label": ["fail"]}, "label is neither a word, a number nor true or false"),
    ],
)
def test_what_is_wrong_with_a_label_is_said(entry: object, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        parse_label(entry)


@given(
    st.dictionaries(
        st.sampled_from(["trace_id", "span_id", "name", "label", "value", "score", "passed", "rationale", "picked"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(TRACE), st.lists(st.none())),
    )
)
def test_any_object_is_a_label_or_says_why_not(entry: dict[str, Any]) -> None:
    try:
        label = parse_label(entry)
    except ValueError:
        return
    if label is not None:
        assert parse_label(json.loads(json.dumps(label.as_dict()))) == label


def test_an_event_of_a_person_is_about_its_span() -> None:
    build = TraceBuilder()
    root = build.agent("shop", user="?", answer="!", end=2.0)
    tool = build.tool("refund", parent=root)
    build.event(tool, "gen_ai.evaluation.result", attributes=HUMAN)
    build.event(root, "gen_ai.evaluation.result", attributes={"gen_ai.evaluation.name": "x"})
    (label,) = labels_of(build.trace())
    assert label == Label(
        build.trace_id, tool, "task_success", "fail", rationale="The refund never came.", annotator="kim"
    )


@pytest.mark.parametrize("below", [True, False])
def test_a_span_that_is_a_label_is_about_its_parent_or_the_trace(below: bool) -> None:
    build = TraceBuilder()
    root = build.span("root", end=2.0)
    attributes = {**HUMAN, "gen_ai.evaluation.score.value": 0.5, "gen_ai.evaluation.evaluator.type": "Human"}
    build.span("feedback", parent=root if below else None, attributes=attributes)
    (label,) = labels_of(build.trace())
    assert (label.span_id, label.label, label.score) == (root if below else None, "fail", 0.5)


SAID = {"name": "task_success", "label": "fail", "explanation": "No refund.", "identifier": "kim"}


def annotated(form: str, kind: str = "HUMAN", **fields: Any) -> dict[str, Any]:
    """Attributes of one annotation as OpenInference spreads it; a form such as `trace.evaluations.0.evaluation`."""
    return {f"{form}.{key}": value for key, value in {**SAID, "annotator_kind": kind, **fields}.items()}


@pytest.mark.parametrize("form", ["annotations.0.annotation", "evaluations.3.evaluation"])
@pytest.mark.parametrize("scope", ["", "trace."])
def test_an_annotation_of_a_person_is_about_its_span_or_trace(form: str, scope: str) -> None:
    build = TraceBuilder()
    root = build.agent("shop", user="?", answer="!", end=2.0, attributes=annotated(scope + form))
    about = None if scope else root
    assert list(labels_of(build.trace())) == [
        Label(build.trace_id, about, "task_success", "fail", rationale="No refund.", annotator="kim")
    ]
    assert without_labels(build.trace()).spans[0].span_id == root


def test_each_annotation_of_a_person_is_a_label_and_no_other_is() -> None:
    build = TraceBuilder()
    attributes = {
        **annotated("annotations.0.annotation", label="pass", score=1),
        **annotated("annotations.1.annotation", "LLM"),
        **annotated("annotations.2.annotation", identifier="ann"),
        **annotated("session.annotations.0.annotation"),
        **annotated("annotations.x.annotation"),
    }
    build.span("root", attributes=attributes)
    found = [(label.annotator, label.label, label.score) for label in labels_of(build.trace())]
    assert found == [("kim", "pass", 1.0), ("ann", "fail", None)]


@pytest.mark.parametrize("kind", [{}, {"openinference.span.kind": "EVALUATOR"}])
def test_a_carrier_is_about_what_it_links_to_and_no_part_of_what_is_judged(kind: dict[str, str]) -> None:
    build, other = TraceBuilder(seed=1), "ab" * 16
    root = build.span("root", end=2.0)
    here = build.span("thumbs", parent=root, attributes={**kind, **annotated("annotations.0.annotation")})
    build.link(here, build.trace_id, root)
    there = build.span("thumbs", attributes={**kind, **annotated("trace.annotations.0.annotation")})
    build.link(there, other, "cd" * 8)
    assert [(label.trace_id, label.span_id) for label in labels_of(build.trace())] == [
        (build.trace_id, root),
        (other, None),
    ]
    assert [span.name for span in without_labels(build.trace()).spans] == ["root"]


@pytest.mark.parametrize(
    ("attributes", "links"),
    [({"openinference.span.kind": "TOOL"}, 1), ({"gen_ai.operation.name": "execute_tool"}, 1), ({}, 2), ({}, 0)],
)
def test_a_span_with_work_of_its_own_is_no_carrier(attributes: dict[str, str], links: int) -> None:
    build = TraceBuilder()
    span = build.span("work", attributes={**attributes, **annotated("annotations.0.annotation")})
    for _ in range(links):
        build.link(span, "ab" * 16, "cd" * 8)
    assert [(label.trace_id, label.span_id) for label in labels_of(build.trace())] == [(build.trace_id, span)]
    assert without_labels(build.trace()).spans != ()


def test_judges_do_not_see_annotations_whoever_made_them() -> None:
    build = TraceBuilder()
    attributes = annotated("annotations.0.annotation") | annotated("trace.evaluations.0.evaluation", "LLM")
    root = build.span("root", end=2.0, attributes={"input.value": "?", **attributes})
    carrier = build.span("grade", parent=root, attributes=annotated("evaluations.0.evaluation", "CODE"))
    build.link(carrier, build.trace_id, root)
    seen = blind(build.trace())
    assert [(span.name, dict(span.attributes)) for span in seen.spans] == [("root", {"input.value": "?"})]


@pytest.mark.parametrize(
    "change",
    [
        {"gen_ai.evaluation.evaluator.type": "llm_judge"},
        {"gen_ai.evaluation.evaluator.type": True},
        {"gen_ai.evaluation.score.label": ""},
        {"gen_ai.evaluation.score.label": "fail", "gen_ai.evaluation.score.value": "high"},
    ],
)
def test_other_evaluations_are_no_labels(change: dict[str, Any]) -> None:
    build = TraceBuilder()
    build.span("feedback", attributes={**HUMAN, **change})
    assert list(labels_of(build.trace())) == []


def test_judges_do_not_see_labels() -> None:
    build = TraceBuilder()
    root = build.span("root", end=2.0)
    build.event(root, "gen_ai.evaluation.result", attributes=HUMAN)
    build.span("feedback", parent=root, attributes=HUMAN)
    seen = blind(build.trace())
    assert [(span.name, span.events) for span in seen.spans] == [("root", ())]


def test_a_label_is_no_part_of_what_is_judged() -> None:
    build = TraceBuilder()
    root = build.span("root", end=2.0)
    build.event(root, "gen_ai.evaluation.result", attributes=HUMAN)
    plain = build.trace()
    assert without_labels(plain).spans[0].events == plain.spans[0].events  # an event takes no span along
    build.span("feedback", start=1.0, end=3600.0, attributes=HUMAN)  # somebody took their time
    assert build.trace().root.name == "feedback"
    assert [span.name for span in without_labels(build.trace()).spans] == ["root"]


def test_a_trace_without_labels_stays_as_it_is_and_one_of_labels_alone_too() -> None:
    build = TraceBuilder()
    build.span("feedback", attributes=HUMAN)
    alone = build.trace()
    assert without_labels(alone) is alone
    build = TraceBuilder()
    build.span("root")
    trace = build.trace()
    assert without_labels(trace) is trace


def test_a_stored_trace_of_labels_alone_is_none(tmp_path: Path) -> None:
    judged, late = TraceBuilder(seed=1), TraceBuilder(seed=2)
    judged.span("feedback", parent=judged.span("root"), attributes=HUMAN)
    late.span("feedback", attributes=HUMAN)
    for number, build in enumerate((judged, late)):
        (tmp_path / f"{number}.json").write_bytes(encode_traces(build.trace().to_otlp()))
    said: list[Label] = []
    assert [trace.trace_id for trace in read_traces(tmp_path, said=said.append)] == [judged.trace_id]
    assert [label.trace_id for label in said] == [late.trace_id]
