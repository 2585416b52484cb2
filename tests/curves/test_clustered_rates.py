"""Intervals of rates with clustered subjects: exact corners, and coverage."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from biomatch.errors import ResultsError
from biomatch.rates import clustered_rate, rate


@pytest.fixture(scope="module")
def intervals():
    place = Path(__file__).parents[2] / "benchmarks" / "studies" / "clustered_intervals.py"
    spec = importlib.util.spec_from_file_location("clustered_intervals_study", place)
    module = importlib.util.module_from_spec(spec)
    sys.modules["clustered_intervals_study"] = module
    spec.loader.exec_module(module)
    return module


@given(st.integers(1, 300), st.data())
@settings(deadline=None, max_examples=80)
def test_one_trial_each_is_clopper_pearson(n, data):
    k = data.draw(st.integers(0, n))
    errors = np.r_[np.ones(k, dtype=int), np.zeros(n - k, dtype=int)]
    exact = rate(k, n).interval
    assert clustered_rate(errors, np.ones(n, dtype=int)).interval == exact
    assert clustered_rate(errors, np.ones(n, dtype=int), largest=1).interval == pytest.approx(exact, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=40))
@settings(deadline=None, max_examples=100)
def test_the_interval_holds_the_value_and_mirrors(pairs):
    errors = np.array([min(s, m) for s, m in pairs])
    trials = np.array([m for _, m in pairs])
    found = clustered_rate(errors, trials)
    assert found.interval[0] <= found.value <= found.interval[1]
    other = clustered_rate(trials - errors, trials)
    assert other.interval == pytest.approx((1 - found.interval[1], 1 - found.interval[0]), abs=1e-9)


def test_no_trials_and_bad_counts():
    assert clustered_rate([], []).value is None
    assert clustered_rate([0, 1], [0, 2]).denominator == 2
    with pytest.raises(ResultsError, match="more errors than trials"):
        clustered_rate([3], [2])
    with pytest.raises(ResultsError, match="one number of each"):
        clustered_rate([3], [2, 3])


@pytest.mark.parametrize("name", ["3 each, r 0.3", "10 each, r 0.5", "1 to 20, r 0.5"])
def test_coverage_quickly(intervals, name):
    sets = 250
    rules = {"biomatch": intervals.ours, "ignoring clusters": intervals.ignoring}
    found = intervals.study(intervals.DESIGNS[name], 0.03, 30, sets, rules)
    held, width = found["biomatch"]
    assert held >= binom.ppf(0.001, sets, 0.95)
    assert width <= 1.45  # 1.3 in 2,000 sets (slow); the ideal itself is estimated here
    if name != "3 each, r 0.3":  # the check has power: what ignores clusters fails it
        assert found["ignoring clusters"][0] < binom.ppf(0.001, sets, 0.95)


@pytest.mark.slow
@pytest.mark.parametrize("p", [0.003, 0.03, 0.3])
@pytest.mark.parametrize("expected", [5, 30, 100])
def test_coverage_in_two_thousand_sets(intervals, p, expected):
    for name, design in intervals.DESIGNS.items():
        held, width = intervals.study(design, p, expected, 2000, {"biomatch": intervals.ours}, seed=2)[
            "biomatch"
        ]
        assert held >= binom.ppf(0.001, 2000, 0.95), name  # 54 rows: a level that holds for all of them
        if expected >= 30:
            assert width <= 1.32, name  # 1.3, and the error of the estimated ideal
