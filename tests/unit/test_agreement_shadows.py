"""A shadow beside its primary."""

from __future__ import annotations

import pytest
from verdicts_and_labels import failed, unjudgeable, verdict

from otel_judge.agreement import shadow_reports
from otel_judge.agreement.shadows import same
from otel_judge.feedback import Feedback


@pytest.mark.parametrize(
    ("primary", "shadow", "expected"),
    [
        (verdict(0), verdict(0), True),
        (verdict(0), verdict(0, "fail"), False),
        (verdict(0), verdict(0, "yes", passed=True), True),
        (verdict(0, "good", passed=None), verdict(0, "poor", passed=None), False),
        (verdict(0, "number", passed=None), verdict(0, "number", passed=None), None),
        (verdict(0), failed(0), None),
        (unjudgeable(0), unjudgeable(0), None),
    ],
)
def test_whether_two_agree(primary: Feedback, shadow: Feedback, expected: bool | None) -> None:
    assert same(primary, shadow) is expected


def test_a_report_says_agreement_and_what_both_cost() -> None:
    def shadow(number: int, label: str, **fields: float) -> Feedback:
        return verdict(number, label, name="next", shadow_of="task", **fields)

    feedback = [
        *(verdict(number, "pass" if number else "fail", cost_usd=0.5) for number in range(4)),
        *(shadow(number, "fail" if number < 2 else "pass", cost_usd=0.1) for number in range(3)),
        failed(3, name="next", shadow_of="task"),
        shadow(9, "fail"),  # its primary gave nothing there
    ]
    (report,) = shadow_reports(feedback)
    assert (report.name, report.primary, report.table.n, report.ungraded) == ("next", "task", 3, 1)
    assert report.accuracy is not None
    assert report.accuracy.value == pytest.approx(2 / 3)
    assert report.kappa is not None
    assert report.kappa.value == pytest.approx(0.4)
    assert (report.cost_usd, report.primary_cost_usd) == (pytest.approx(0.3), pytest.approx(2.0))
    ((primary, shown),) = report.disagreements
    assert (primary.label, shown.label) == ("pass", "fail")
    assert shadow_reports([verdict(0)]) == ()
