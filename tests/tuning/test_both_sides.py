"""Comparisons that depend through the subjects on either side: guarantee and interval heed both."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from biomatch.curves.build import verification_curve
from biomatch.errors import ResultsError
from biomatch.rates import clustered_rate, paired_rate, rate
from biomatch.tuning.curve_guarantee import guarantee_of
from biomatch.tuning.guarantee import guarantee

TOTAL = float(np.sqrt(2 * 0.6**2 + 1.0))


def pairs(people: int, random: np.random.Generator, sd: float = 0.6):
    one, two = np.triu_indices(people, 1)
    effect = random.normal(0, sd, people)
    return effect[one] + effect[two] + random.normal(0, 1, one.size), one, two


def test_sixty_people_are_refused_and_four_hundred_are_not():
    """Without ids 60 people pass for 1,770 subjects (1,000 sets: benchmarks/studies/independence.py)."""
    random = np.random.default_rng(4)
    scores, one, two = pairs(60, random)
    assert guarantee(scores, None, target=0.02, measure="FMR").named is False
    with pytest.raises(ResultsError, match=r"between 60 subjects.*--cap"):
        guarantee(scores, one, references=two, target=0.02, measure="FMR")
    scores, one, two = pairs(400, random)
    held = guarantee(scores, one, references=two, target=0.02, measure="FMR")
    assert held.both_sides
    assert (held.subjects, held.effective) == (400, pytest.approx(400))
    assert norm.sf(held.threshold / TOTAL) <= 0.02


def test_the_guarantee_is_not_broken_too_often():
    random = np.random.default_rng(5)
    sets, broken = 150, 0
    for _ in range(sets):
        scores, one, two = pairs(90, random)
        held = guarantee(scores, one, references=two, target=0.1, measure="FMR")
        broken += norm.sf(held.threshold / TOTAL) > 0.1
    assert broken <= binom.ppf(0.99, sets, 0.05)


def test_the_interval_covers_and_one_side_alone_does_not():
    """All pairs of 40 people, a strong effect: the probe's side alone is too narrow."""
    random = np.random.default_rng(6)
    sets, truth = 300, float(norm.sf(1.0 / np.sqrt(3.0)))
    held = {"both": 0, "one": 0}
    for _ in range(sets):
        scores, one, two = pairs(40, random, sd=1.0)
        both = verification_curve([9.0], scores, mated_subjects=[0], non_mated_subjects=one,
                                  non_mated_references=two)  # fmt: skip
        single = verification_curve([9.0], scores, mated_subjects=[0], non_mated_subjects=one)
        for name, curve in (("both", both), ("one", single)):
            low, high = curve.fmr(1.0).interval
            held[name] += low <= truth <= high
    assert held["both"] >= binom.ppf(0.01, sets, 0.95)
    assert held["one"] < binom.ppf(0.01, sets, 0.95)


def test_people_who_are_compared_once_are_independent():
    errors = np.array([1, 1, 0, 0, 0, 0, 0, 0])
    assert paired_rate(errors, np.ones(8, dtype=int)).interval == rate(1, 4).interval
    curve = verification_curve(
        [9.0], [1.0, 0.0, 0.2], mated_subjects=["x"], non_mated_subjects=list("abc"),
        non_mated_references=list("def"),
    )  # fmt: skip
    assert curve.fmr(0.5).interval == rate(1, 3).interval


def test_the_slow_walk_finds_the_same_threshold():
    random = np.random.default_rng(7)
    scores, one, two = pairs(60, random)
    scores = np.round(scores, 1)
    held = guarantee(scores, one, references=two, target=0.15, measure="FMR")
    trials = np.bincount(np.r_[one, two])
    last = None
    for threshold in np.unique(scores)[::-1]:
        events = scores >= threshold
        errors = np.bincount(np.r_[one[events], two[events]], minlength=trials.size)
        if paired_rate(errors, trials, 0.90, largest=int(max(trials.max(), errors.max()))).interval[1] > 0.15:
            break
        last = int(events.sum())
    assert held.realised.numerator == last


def test_pairs_that_are_no_pairs_are_refused():
    with pytest.raises(ResultsError, match="no pairs"):
        paired_rate([1, 0], [1, 2])
    with pytest.raises(ResultsError, match="one subject on both sides"):
        verification_curve([1.0], [0.1], non_mated_subjects=["a"], non_mated_references=["a"])
    with pytest.raises(ResultsError, match="give non_mated_subjects"):
        verification_curve([1.0], [0.1], non_mated_references=["a"])


def test_a_cap_that_is_raised_says_so():
    scores = np.r_[np.full(3, 9.0), np.random.default_rng(8).normal(0, 1, 3000)]
    who = np.r_[np.zeros(3, dtype=int), np.arange(3000) // 2 + 1]
    held = guarantee(scores, who, target=0.05, cap=1)
    assert held.cap_asked == 1
    assert held.cap >= 3
    assert "cap 1 raised to" in str(held)
    assert held.to_json()["errors_a_subject_at_most_asked"] == 1


def test_a_curve_says_what_its_subjects_are():
    curve = verification_curve(np.full(20, 9.0), np.random.default_rng(9).normal(0, 1, 500))
    held = guarantee_of(curve, max_fmr=0.05)
    assert held.to_json()["independence_assumed"] is True
    assert "taken as its own subject" in str(held)
    assert clustered_rate([0, 1], [1, 1]).denominator == 2
