"""Which label is compared with which verdict, and how."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from verdicts_and_labels import SPAN, failed, quote, said, trace_id, unjudgeable, verdict

from otel_judge.agreement import Agreement, JudgeAgreement, agreement
from otel_judge.feedback import Coverage, Scorer


def only(found: Agreement) -> JudgeAgreement:
    (judge,) = found.judges
    return judge


def test_verdicts_meet_labels_of_the_same_trace() -> None:
    feedback = [verdict(0), verdict(1, "fail"), verdict(2), verdict(9)]
    found = agreement(feedback, [said(0, "pass"), said(1, "fail"), said(2, "fail"), said(5, "pass")])
    judge = only(found)
    assert (judge.table.classes, judge.table.counts) == (("fail", "pass"), ((1, 1), (0, 1)))
    assert [(each.said, each.judged, each.feedback.trace_id) for each in judge.disagreements] == [
        ("fail", "pass", trace_id(2))
    ]
    assert (found.labels, [label.trace_id for label in found.unmatched]) == (4, [trace_id(5)])


def test_what_is_no_grade_stands_beside_the_table() -> None:
    feedback = [verdict(0), unjudgeable(1), failed(2), unjudgeable(3)]
    judge = only(agreement(feedback, [said(number, "pass" if number < 3 else "fail") for number in range(4)]))
    assert judge.table.n == 1
    assert judge.not_judgeable == {"pass": 1, "fail": 1}
    assert judge.failed == {"pass": 1}


def test_nothing_but_failures_has_no_measures() -> None:
    judge = only(agreement([failed(0)], [said(0, "pass")]))
    assert (judge.measures, judge.table.n, judge.model) == (None, 0, None)


@pytest.mark.parametrize("fields", [{"passed": True}, {"label": "Yes"}, {"label": "TRUE"}, {"label": "PASS"}])
def test_people_may_say_pass_in_their_own_way(fields: dict[str, object]) -> None:
    judge = only(agreement([verdict(0)], [said(0, **fields)]))
    assert judge.table.counts == ((1,),)


def test_words_of_the_judge_are_compared_as_words() -> None:
    feedback = [verdict(0, "good", passed=True), verdict(1, "fair", passed=True), verdict(2, "poor", passed=False)]
    labels = [said(0, "Good"), said(1, "good"), said(2, "poor"), said(2, passed=False, annotator="b")]
    judge = only(agreement(feedback, labels))
    assert judge.table.classes == ("fair", "good", "poor")
    assert judge.table.counts == ((0, 0, 0), (1, 1, 0), (0, 0, 1))
    assert judge.measures is not None
    assert judge.measures.recall["good"].value == 0.5
    assert judge.measures.tpr is not None
    assert judge.measures.tpr.value == 1.0  # good or fair: both pass


def test_passing_is_compared_where_people_say_no_more() -> None:
    feedback = [verdict(0, "good", passed=True), verdict(1, "poor", passed=False)]
    judge = only(agreement(feedback, [said(0, passed=True), said(1, passed=True)]))
    assert (judge.table.classes, judge.table.counts) == (("fail", "pass"), ((0, 0), (1, 1)))


def test_scores_correlate_and_pass_by_the_threshold() -> None:
    feedback = [verdict(n, "number", passed=None, score=score) for n, score in enumerate((0.2, 0.6, 0.9))]
    labels = [said(n, score=score) for n, score in enumerate((0.1, 0.5, 1.0))]
    judge = only(agreement(feedback, labels))
    assert (judge.table.n, judge.not_comparable) == (0, 0)
    assert judge.correlation is not None
    assert judge.correlation.value == pytest.approx(1.0)
    judge = only(agreement(feedback, labels, threshold=0.55))
    assert judge.table.counts == ((1, 1), (0, 1))


def test_a_score_beside_a_word_is_left_out_and_counted() -> None:
    judge = only(agreement([verdict(0), verdict(1)], [said(0, score=0.5), said(1, "odd")]))
    assert (judge.table.n, judge.not_comparable) == (0, 2)


def test_several_people_are_one_voice() -> None:
    labels = [
        *[said(0, word, annotator=who) for word, who in (("pass", "a"), ("fail", "b"), ("fail", "c"))],
        *[said(1, word, annotator=who) for word, who in (("pass", "a"), ("fail", "b"))],
        *[said(2, word, annotator="a") for word in ("pass", "fail")],  # thought better of it
        said(3, "not_judgeable"),
    ]
    judge = only(agreement([verdict(number) for number in range(4)], labels))
    assert {each.feedback.trace_id: each.said for each in judge.disagreements} == dict.fromkeys(
        [trace_id(0), trace_id(2)], "fail"
    )
    assert (judge.table.n, judge.split, judge.undecided) == (2, 1, 1)


def test_versions_and_models_are_never_summed() -> None:
    feedback = [verdict(0), verdict(1, version="v2"), verdict(2, model="m-2"), verdict(3), failed(4)]
    found = agreement(feedback, [said(number, "pass") for number in range(5)])
    assert [(judge.version, judge.model, judge.table.n, sum(judge.failed.values())) for judge in found.judges] == [
        ("v1", "m-1", 2, 1),
        ("v2", "m-1", 1, 0),
        ("v1", "m-2", 1, 0),
    ]


def test_names_and_spans_must_fit() -> None:
    feedback = [verdict(0), verdict(0, "fail", name="safety"), verdict(0, name="next", shadow_of="task")]
    labels = [said(0, "pass", name="task"), said(0, "fail", name="safety", span_id=SPAN)]
    found = agreement(feedback, labels)
    assert {judge.name: judge.table.classes for judge in found.judges} == {
        "task": ("pass",),
        "safety": ("fail",),
        "next": ("pass",),  # a shadow answers for its primary
    }
    found = agreement(feedback, [said(0, "pass", name="task", span_id="ab" * 8), said(0, "pass", name="tone")])
    assert (found.judges, len(found.unmatched)) == ((), 2)


def test_labels_without_a_name_need_one_judge() -> None:
    feedback = [verdict(0), verdict(0, "fail", name="safety")]
    with pytest.raises(ValueError, match="name no judge, and there are task, safety"):
        agreement(feedback, [said(0, "pass")])
    assert only(agreement(feedback, [said(0, "fail")], judge="safety")).table.classes == ("fail",)
    beside = [verdict(0), verdict(0, "fail", name="next", shadow_of="task")]
    found = agreement(beside, [said(0, "pass")]).judges
    assert [(judge.name, judge.shadow_of) for judge in found] == [("task", None), ("next", "task")]


def test_labels_without_a_name_are_about_no_check() -> None:
    check = replace(verdict(0), scorer=Scorer("answered", "check", "v1"))
    assert agreement([check], [said(0, "pass")]).judges == ()
    assert only(agreement([check], [said(0, "pass", name="answered")])).table.n == 1


def test_the_first_of_repeats_counts_and_the_rest_show_flips() -> None:
    feedback = [
        *[verdict(0, label) for label in ("pass", "fail", "fail")],
        *[verdict(1, "pass") for _ in range(3)],
        *[verdict(2), failed(2)],
    ]
    judge = only(agreement(feedback, [said(number, "pass") for number in range(3)]))
    assert judge.table.counts == ((3,),)
    assert judge.flips is not None
    assert (judge.flips.targets, judge.flips.flipped) == (2, 1)
    assert judge.flips.rate == pytest.approx((2 / 3 + 0) / 2)
    assert only(agreement([verdict(0)], [said(0, "pass")])).flips is None


def test_the_worst_disagreement_comes_first() -> None:
    full, none = Coverage(1.0, 1.0), Coverage(0.1, 0.1)
    feedback = [
        verdict(0, "fail", evidence=(quote(),), coverage=full),
        verdict(1, "pass", evidence=(quote(verified=False),), coverage=full),
        verdict(2, "pass", evidence=(quote(),), coverage=full),
        verdict(3, "pass", evidence=(quote(),), coverage=none, forced="turns"),
    ]
    judge = only(agreement(feedback, [said(0, "pass"), *(said(number, "fail") for number in (1, 2, 3))]))
    assert [each.feedback.trace_id for each in judge.disagreements] == [trace_id(number) for number in (2, 1, 3, 0)]


def test_the_calibration_remembers_the_measures() -> None:
    feedback = [verdict(number, "pass" if number % 3 else "fail") for number in range(30)]
    judge = only(agreement(feedback, [said(number, "pass" if number % 4 else "fail") for number in range(30)]))
    record = judge.calibration(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert judge.measures is not None
    assert (record.judge, record.version, record.model, record.labels) == ("task", "v1", "m-1", 30)
    assert (record.kappa, record.kappa_low) == (judge.measures.kappa.value, judge.measures.kappa.low)
    assert record.measured_at == "2026-01-02T03:04:05Z"


def test_picked_as_uncertain_is_told() -> None:
    labels = [said(0, "pass", picked="random"), said(1, "pass", picked="uncertain")]
    found = agreement([verdict(0), verdict(1)], labels)
    assert (found.uncertain, found.as_dict()["uncertain"]) == (1, 1)


def test_a_target_counts_once_however_often_it_was_labelled() -> None:
    found = agreement([verdict(0)], [said(0, "pass"), said(0, "pass")])
    assert (only(found).table.n, found.unmatched) == (1, ())
