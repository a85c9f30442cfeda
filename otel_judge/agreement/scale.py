"""A label beside a verdict: which two words, and which two numbers, are compared.

A judge's grades are compared as words where people use its own words, else as pass and fail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..feedback import NOT_JUDGEABLE, Feedback, Outcome
from ..label import Label

PASS, FAIL = "pass", "fail"
_WORDS = {"pass": True, "yes": True, "true": True, "fail": False, "no": False, "false": False}
NO_WORDS = frozenset({"text", "number", "none"})
"""Labels that say nothing: the grade is something else than a word."""


@dataclass(frozen=True, slots=True)
class Said:
    """What people said of one target, together."""

    word: str | None = None
    """None where they gave none that can be compared."""
    score: float | None = None
    """The mean of theirs."""
    split: bool = False
    """As many said one thing as another."""
    undecided: bool = False
    """They said `not_judgeable`."""


@dataclass(frozen=True)
class Scale:
    """The words in which one judge and its people are compared."""

    words: dict[str, str] = field(default_factory=dict[str, str])
    """The judge's words by their lower case; empty where grades are compared as pass and fail."""
    passes: dict[str, bool] = field(default_factory=dict[str, bool])
    """Whether a class passes, as far as the judge's verdicts show it."""
    threshold: float | None = None
    """Scores of people from here up pass."""

    @classmethod
    def of(cls, feedback: Iterable[Feedback], labels: Iterable[Label], threshold: float | None = None) -> Scale:
        """By what the judge said and what people said of the same."""
        graded = [each for each in feedback if each.outcome is Outcome.JUDGED]
        vocabulary = {each.label for each in graded} - NO_WORDS
        shown = {each.label: each.passed for each in graded if each.passed is not None}
        own = {word.casefold(): word for word in vocabulary}
        binary = vocabulary <= {PASS, FAIL}
        if not binary and any(label.label is not None and label.label.casefold() in own for label in labels):
            return cls(own, shown, threshold)
        return cls({}, {**shown, PASS: True, FAIL: False}, threshold)

    def said(self, labels: Sequence[Label]) -> Said:
        """What these labels of one target say together: the last word of each annotator, then the majority."""
        last = {(label.annotator, None if label.annotator else number): label for number, label in enumerate(labels)}
        labels = tuple(last.values())
        decided = [label for label in labels if (label.label or "").casefold() != NOT_JUDGEABLE]
        scores = [label.score for label in decided if label.score is not None]
        score = sum(scores) / len(scores) if scores else None
        words = Counter(word for label in decided if (word := self._word(label)) is not None)
        ranked = words.most_common(2)
        if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
            return Said(score=score, split=True)
        return Said(ranked[0][0] if ranked else None, score, undecided=not decided)

    def judged(self, feedback: Feedback) -> str | None:
        """The judge's word for the same; None where it has none."""
        if self.words:
            return feedback.label
        passed = feedback.passed
        if passed is None and self.threshold is not None and feedback.score is not None:
            passed = feedback.score >= self.threshold
        return None if passed is None else word_of(passed)

    def _word(self, label: Label) -> str | None:
        if label.label is not None:
            word = label.label.casefold()
            if self.words:
                return self.words.get(word, label.label)
            by_word = {name.casefold(): passes for name, passes in self.passes.items()}
            passed = by_word.get(word, _WORDS.get(word))
            if passed is not None:
                return word_of(passed)
        if self.words:
            return None
        if label.passed is not None:
            return word_of(label.passed)
        if label.score is not None and self.threshold is not None:
            return word_of(label.score >= self.threshold)
        return None


def word_of(passed: bool) -> str:  # noqa: FBT001 - a word for a truth
    return PASS if passed else FAIL
