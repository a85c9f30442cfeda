"""The statistics against scikit-learn and scipy, and what their intervals promise."""

from __future__ import annotations

import math
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix, recall_score

from otel_judge.agreement.statistics import Bootstrap, Measure, Table, correlation, measure

QUICK = Bootstrap(rounds=200)
WORDS = st.sampled_from(["good", "fair", "poor", "pass", "fail"])
PASSES = {"good": True, "fair": True, "poor": False, "pass": True, "fail": False}


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=60))
@settings(max_examples=60)
def test_the_measures_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    people, judge = zip(*pairs, strict=True)
    table = Table.of(pairs)
    found = measure(table, PASSES, QUICK)
    assert found.accuracy.value == pytest.approx(accuracy_score(people, judge))
    if len(table.classes) > 1:
        assert [list(row) for row in table.counts] == confusion_matrix(people, judge, labels=table.classes).tolist()
        assert found.kappa.value == pytest.approx(cohen_kappa_score(people, judge))
    else:
        assert found.kappa.value is None  # chance alone would agree as well
    recalls = recall_score(people, judge, labels=table.classes, average=None, zero_division=np.nan)
    for name, recall in zip(table.classes, recalls, strict=True):
        assert found.recall[name].value == (None if math.isnan(recall) else pytest.approx(recall))
        assert found.recall[name].n == people.count(name)
    both = [(PASSES[said], PASSES[judged]) for said, judged in pairs]
    for measured, passing in ((found.tpr, True), (found.tnr, False)):
        assert measured is not None
        of_class = [judged is passing for said, judged in both if said is passing]
        assert measured.n == len(of_class)
        assert measured.value == (pytest.approx(sum(of_class) / len(of_class)) if of_class else None)
    for each in (found.accuracy, found.kappa, *found.recall.values()):
        if each.value is not None:
            assert each.low is not None
            assert each.high is not None
            assert -1 <= each.low <= each.value <= each.high <= 1


def test_without_knowing_what_passes_there_is_no_tpr() -> None:
    found = measure(Table.of([("good", "odd"), ("good", "good")]), PASSES, QUICK)
    assert (found.tpr, found.tnr) == (None, None)
    assert set(found.named()) == {"accuracy", "kappa"}


def test_no_pairs_have_no_measures() -> None:
    found = measure(Table.of([]), {}, QUICK)
    assert found.accuracy == found.kappa == Measure(None, None, None, 0)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=40))
@settings(max_examples=40)
def test_the_correlation_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    left, right = zip(*pairs, strict=True)
    assume(len(set(left)) > 1 and len(set(right)) > 1)
    found = correlation([(float(one), float(other)) for one, other in pairs], QUICK)
    assert found.value == pytest.approx(spearmanr(left, right).statistic)


def test_scores_that_do_not_vary_correlate_with_nothing() -> None:
    assert correlation([(1.0, 0.5), (1.0, 0.7), (1.0, 0.1)], QUICK).value is None
    assert correlation([(1.0, 0.5)], QUICK) == Measure(None, None, None, 1)


def test_the_same_seed_gives_the_same_interval() -> None:
    table = pairs_of(40, 4, 3, 13)
    assert measure(table, PASSES, Bootstrap(seed=7)) == measure(table, PASSES, Bootstrap(seed=7))
    assert measure(table, PASSES, Bootstrap(seed=7)) != measure(table, PASSES, Bootstrap(seed=8))


def test_resampling_cells_is_resampling_pairs() -> None:
    """Of many pairs, where the two that are added weigh nothing: the interval of a bootstrap that draws each pair."""
    table = pairs_of(700, 60, 90, 350)
    found = measure(table, PASSES, Bootstrap(rounds=4000)).kappa
    pairs = [(said, judged) for said, row in zip(table.classes, table.counts, strict=True)
             for judged, n in zip(table.classes, row, strict=True) for _ in range(n)]  # fmt: skip
    draws = random.Random(1)
    kappas = sorted(
        measure(Table.of(draws.choices(pairs, k=len(pairs))), PASSES, Bootstrap(rounds=1)).kappa.value or 0.0
        for _ in range(1000)
    )
    assert found.low == pytest.approx(kappas[25], abs=0.015)
    assert found.high == pytest.approx(kappas[975], abs=0.015)


def test_perfect_agreement_on_few_labels_is_not_certain() -> None:
    found = measure(pairs_of(15, 0, 0, 5), PASSES, Bootstrap())
    assert (found.kappa.value, found.kappa.high) == (1.0, 1.0)
    assert found.kappa.low is not None
    assert found.kappa.low < 0.8


@pytest.mark.parametrize("shares", [(0.7, 0.04, 0.06, 0.2), (0.72, 0.02, 0.02, 0.24), (0.6, 0.13, 0.12, 0.15)])
@pytest.mark.parametrize("n", [20, 100])
def test_intervals_hold_the_truth_about_as_often_as_they_say(shares: tuple[float, ...], n: int) -> None:
    truth = measure(pairs_of(*(round(share * 1e6) for share in shares)), PASSES, Bootstrap(rounds=1))
    draws = np.random.default_rng(3)
    held = {name: [0, 0] for name in truth.named()}
    for _ in range(300):
        found = measure(pairs_of(*draws.multinomial(n, shares)), PASSES, Bootstrap(rounds=400)).named()
        for name, each in truth.named().items():
            low, high, value = found[name].low, found[name].high, each.value
            if low is not None and high is not None and value is not None:
                held[name][0] += low <= value <= high
                held[name][1] += 1
    for name, (hits, of) in held.items():
        assert hits / of > 0.9, name  # of a stated 0.95; a plain bootstrap falls to 0.35 here


def test_the_labels_still_needed_shrink_the_interval_as_said() -> None:
    small = measure(pairs_of(35, 4, 3, 8), PASSES, Bootstrap()).kappa
    more = small.needed(0.2)
    assert more is not None
    times = (small.n + more) / small.n
    large = measure(pairs_of(*(round(count * times) for count in (35, 4, 3, 8))), PASSES, Bootstrap()).kappa
    assert large.high is not None
    assert large.low is not None
    assert large.high - large.low == pytest.approx(0.2, abs=0.03)
    assert large.needed(0.5) == 0
    assert Measure(None, None, None, 3).needed(0.2) is None


def test_importing_agreement_imports_no_numpy() -> None:
    code = "import otel_judge.agreement, otel_judge.batch, sys; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def pairs_of(both_pass: int, only_people: int, only_judge: int, both_fail: int) -> Table:
    return Table(("fail", "pass"), ((int(both_fail), int(only_judge)), (int(only_people), int(both_pass))))
