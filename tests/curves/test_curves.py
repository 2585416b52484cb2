"""Curves against their slow twin, and the tie rule against `policy.accept`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.curves import counting
from biomatch.curves.build import identification_curve, verification_curve
from biomatch.errors import ResultsError
from biomatch.policy import accept

# A coarse grid makes ties common; float32 and float64 both.
scores = st.lists(st.sampled_from([-np.inf, -0.5, 0.0, 0.1, 0.2, 0.25, 0.3, 0.9]), min_size=1, max_size=30)


@given(
    scores, st.sampled_from([np.float32, np.float64]), st.sampled_from([-np.inf, -1, 0.1, 0.2, 0.3, 0.9, 2.0])
)
@settings(deadline=None, max_examples=200)
def test_counting_is_accept(values, kind, threshold):
    array = np.array(values, dtype=kind)
    assert counting.accepted(np.sort(array), threshold) == accept(array, threshold).sum()


def slow_fnir(mated, ranks, threshold, rank):
    misses = 0
    for score, place in zip(mated, ranks, strict=True):
        hit = score != -np.inf and score >= threshold and (rank is None or 1 <= place <= rank)
        misses += not hit
    return misses


@given(scores, scores, st.data())
@settings(deadline=None, max_examples=100)
def test_identification_against_the_slow_twin(mated, tops, data):
    ranks = [0 if s == -np.inf else data.draw(st.integers(0, 4)) for s in mated]
    curve = identification_curve(mated, ranks, tops, enrolled_count=100, list_length=4)
    for rank in (None, 1, 4):
        points = curve.points(rank)
        for i, threshold in enumerate(points.thresholds):
            assert points.misses[i] == slow_fnir(mated, ranks, threshold, rank)
            assert points.false_positives[i] == sum(t != -np.inf and t >= threshold for t in tops)
            assert curve.fnir(float(threshold), rank).numerator == points.misses[i]
            assert curve.fpir(float(threshold)).numerator == points.false_positives[i]
        assert points.false_positives[-1] == 0
        assert points.misses[-1] == len(mated)


@given(
    scores,
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([0, 0.01, 0.1, 1 / 3, 0.29, 0.5, 0.999, 1]),
)
@settings(deadline=None, max_examples=200)
def test_point_estimate_is_the_lowest_allowed(tops, kind, target):
    tops = np.array(tops, dtype=kind)
    curve = identification_curve([0.95], [1], tops, enrolled_count=9)
    threshold = curve.threshold(max_fpir=target)
    assert curve.fpir(threshold).value <= target
    low, high = curve.threshold_interval(max_fpir=target)
    assert threshold <= high
    if low > -np.inf:  # one step lower is one too many
        assert curve.fpir(low).value > target
        assert low < threshold


def test_large_selection_equals_partition():
    rng = np.random.default_rng(5)
    n = counting.SMALL + 12_345
    for values in (
        rng.normal(size=n),
        np.sort(rng.normal(size=n)).astype(np.float32),
        np.round(rng.normal(size=n), 2),
    ):
        for target in (0.0, 1e-6, 1e-4, 0.02, 0.5, 0.999):
            allowed = counting.most_events(target, n)
            low, high = counting.threshold_interval(values, target)
            ordered = np.sort(values)
            assert low == ordered[n - 1 - allowed]
            above = ordered[ordered > low]
            assert high == (above[0] if above.size else np.inf)


def test_most_events_divides():
    assert counting.most_events(0.29, 100) == 29  # 0.29 * 100 is 28.999999999999996
    assert counting.most_events(0.0, 10) == 0
    assert counting.most_events(1.0, 10) == 10


def test_failures_are_no_search_but_system_misses():
    curve = identification_curve(
        [0.9, 0.2], [1, 1], [0.1], enrolled_count=5, mated_failures=2, non_mated_failures=1
    )
    assert (curve.fnir(0.5).numerator, curve.fnir(0.5).denominator) == (1, 2)
    assert (curve.system_miss_rate(0.5).numerator, curve.system_miss_rate(0.5).denominator) == (3, 4)
    assert (curve.failure_to_acquire().numerator, curve.failure_to_acquire().denominator) == (3, 6)
    same = identification_curve(
        [0.9, 0.2],
        [1, 1],
        [0.1],
        enrolled_count=5,
        mated_failures=2,
        mated_subjects=[7, 7],
        non_mated_subjects=[1],
    )
    assert (same.system_miss_rate(0.5).numerator, same.system_miss_rate(0.5).denominator) == (3, 4)


def test_no_trial_no_number():
    curve = identification_curve([], [], [], enrolled_count=5)
    assert curve.fpir(0.5).value is None
    assert curve.fnir(0.5).value is None
    with pytest.raises(ResultsError, match="no non-mated search"):
        curve.threshold(max_fpir=0.1)


def test_unlimited_rank_only_where_known():
    curve = identification_curve(
        [0.9, -np.inf], [1, 0], [0.1], enrolled_count=5, list_length=2, mates_known_above=0.4
    )
    assert curve.fnir(0.41).numerator == 1
    with pytest.raises(ResultsError, match=r"above 0\.4"):
        curve.fnir(0.4)
    assert curve.fnir(0.4, rank=2).numerator == 1
    assert curve.points().thresholds.min() > 0.4


def test_breakdown_carries_failures_or_says_unknown():
    curve = identification_curve(
        [0.9, 0.2, 0.8], [1, 1, 1], [0.1, 0.6], enrolled_count=5, mated_failures=1,
        mated_strata={"mode": ["air", "sea", "air"]}, non_mated_strata={"mode": ["air", "sea"]},
    )  # fmt: skip
    parts = curve.by("mode")
    assert list(parts) == ["air", "sea"]
    assert (parts["air"].mated, parts["sea"].fpir(0.5).numerator) == (2, 1)
    with pytest.raises(ResultsError, match="carry no labels"):
        parts["air"].system_miss_rate(0.5)
    with pytest.raises(ResultsError, match="allowed: mode"):
        curve.by("port")


@pytest.mark.parametrize(
    ("mated", "ranks", "tops", "message"),
    [
        ([0.1, np.nan], [1, 1], [0.1], "position 1"),
        ([0.1, np.inf], [1, 1], [0.1], "inf at position 1"),
        ([0.1], [1, 2], [0.1], "one rank a score"),
        ([0.1], [1.0], [0.1], "whole numbers"),
        ([0.1], [-1], [0.1], "whole numbers"),
        (["a"], [1], [0.1], "allowed: numbers"),
        ([[0.1]], [[1]], [0.1], "one dimension"),
        ([-np.inf], [1], [0.1], "no score"),
    ],
)
def test_bad_input_is_named(mated, ranks, tops, message):
    with pytest.raises(ResultsError, match=message):
        identification_curve(mated, ranks, tops, enrolled_count=10)


def test_percentages_are_refused():
    with pytest.raises(ResultsError, match=r"1% is 0\.01"):
        verification_curve([1.0], [0.0]).threshold(max_fmr=5)


# Values from running pyeer 0.5.6, bob.measure 6.1.1, scikit-learn 1.9.1.
GOLDEN = {
    "A": ([0.5, 0.6, 0.7, 0.3], [0.1, 0.2, 0.3, 0.5], 0.25),
    "B": ([0.5] * 4, [0.5] * 4, 0.5),  # pyeer says 1.0: it offers no threshold that rejects everything
    "C": ([0.6, 0.7, 0.8, 0.9], [0.1, 0.2, 0.3, 0.4], 0.0),
    "D": ([0.1, 0.2, 0.3], [0.05, 0.9], 5 / 12),  # Bob says 7/12: the last of two equal differences
    "E": ([0.1, 0.2], [0.8, 0.9], 1.0),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_equal_error(name):
    mated, other, value = GOLDEN[name]
    assert verification_curve(mated, other).eer().value == pytest.approx(value, abs=1e-15)


def test_golden_thresholds_of_case_a():
    mated, other, _ = GOLDEN["A"]
    curve = verification_curve(mated, other)
    assert (curve.fmr(0.5).value, curve.fnmr(0.5).value) == (0.25, 0.25)
    # bob.measure far_threshold(0) = far_threshold(0.24) = 0.5000000000000001; ours decides the same, and
    # is the shortest decimal up to the next score.
    assert curve.threshold(max_fmr=0.0) == 0.6
    assert curve.threshold(max_fmr=0.24) == 0.6
    # Bob gives the upper end (0.5, 0.3) of the half-open interval; the shortest decimal is that end too.
    assert curve.threshold_interval(max_fmr=0.25) == (0.3, 0.5)
    assert curve.threshold(max_fmr=0.25) == 0.5
    assert curve.threshold_interval(max_fmr=0.5) == (0.2, 0.3)
    assert curve.threshold(max_fmr=1.0) == 0.1


def test_case_d_zero_fmr_is_zero():
    mated, other, _ = GOLDEN["D"]  # pyeer reports ZeroFMR = 0 at 0.1, where FMR is 0.5
    curve = verification_curve(mated, other)
    threshold = curve.threshold(max_fmr=0.0)
    assert threshold > 0.9
    assert curve.fmr(threshold).numerator == 0


def test_agrees_with_scikit_learn_at_every_point():
    from sklearn.metrics import roc_curve

    rng = np.random.default_rng(8)
    mated, other = np.round(rng.normal(1, 1, 300), 1), np.round(rng.normal(0, 1, 900), 1)
    fpr, tpr, thresholds = roc_curve(
        np.r_[np.ones(300), np.zeros(900)], np.r_[mated, other], drop_intermediate=False
    )
    points = verification_curve(mated, other).points()
    ours = points.thresholds[:-1][::-1]  # ours: ascending, reject-all last; theirs: descending, inf first
    assert np.array_equal(ours, thresholds[1:])
    assert np.array_equal(points.false_positives[::-1], np.round(fpr * 900).astype(int))
    assert np.array_equal(points.misses[::-1], 300 - np.round(tpr * 300).astype(int))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_large_array_is_sorted_as_numpy_sorts_it(dtype):
    rng = np.random.default_rng(3)
    scores = np.round(rng.normal(size=counting.SMALL + 5), 3).astype(dtype)
    scores[rng.integers(scores.size, size=100)] = -np.inf
    ours = counting.in_order(scores)
    assert ours.dtype == dtype
    np.testing.assert_array_equal(ours, np.sort(scores))
