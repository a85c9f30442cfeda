"""A gate: whether a scorer's pass rate is good enough to release."""

from __future__ import annotations

from dataclasses import dataclass

from .summary import Summary


@dataclass(frozen=True, slots=True)
class Gate:
    """Asks for a pass rate of at least `least`.

    Where over 5 % of the traces have no verdict, the worst case counts: the rate if all of those had failed.
    """

    name: str
    least: float
    """From 0 to 1."""

    def check(self, summary: Summary) -> str | None:
        """Why the gate is not met; None where it is. Raises `ValueError` where there is nothing to go by."""
        rate, worst = summary.pass_rate, summary.worst_case
        if rate is None or worst is None:
            if summary.judged:
                raise ValueError("its verdicts neither pass nor fail; set a threshold, or name the labels that pass")
            raise ValueError(
                f"there is no verdict at all ({summary.not_judgeable} not judgeable, {summary.failures} failed)"
            )
        if summary.too_few_verdicts:
            if worst >= self.least:
                return None
            return (
                f"{self.name}: the pass rate is {worst:.3f} in the worst case, and must be at least {self.least:g}: "
                f"{rate:.3f} of {summary.passed + summary.failed} with a verdict, and {summary.no_verdict} without"
            )
        if rate >= self.least:
            return None
        low, high = summary.interval.low, summary.interval.high
        return (
            f"{self.name}: the pass rate is {rate:.3f} (95 %: {low:.3f} to {high:.3f}), "
            f"and must be at least {self.least:g}"
        )
