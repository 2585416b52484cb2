"""The guarantee beside MAPIE's risk control: the same binomial test where searches are independent."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from biomatch.curves.build import verification_curve
from biomatch.tuning import guarantee
from biomatch.tuning.clusters import p_value

# MAPIE 1.6.0, `compute_hoeffding_bentkus_p_value(..., binary=True)`: trials, target, the most errors with a
# p-value of at most 0.05, that p-value and the next. All 16 digits are printed by MAPIE.
GOLDEN = [
    (299, 0.01, 0, 0.04953625663766152, 0.1991457590079759),
    (300, 0.01, 0, 0.049040894071284896, 0.19764966398427275),
    (1693, 0.01, 10, 0.04993752803751326, 0.08610599300269337),
    (3000, 0.01, 20, 0.03461489740314794, 0.05358095419196219),
    (4064, 0.01, 30, 0.04995242445834325, 0.07034472742204681),
    (2995, 0.001, 0, 0.04996170339734314, 0.19974679015920008),
    (40686, 0.001, 30, 0.049987019027531804, 0.0702980564750871),
]


@pytest.mark.parametrize(("trials", "target", "errors", "here", "next_one"), GOLDEN)
def test_the_same_p_values_and_the_same_errors(trials, target, errors, here, next_one):
    for count, theirs in ((errors, here), (errors + 1, next_one)):
        assert p_value(np.array([trials - count, count]), target, 1) == pytest.approx(theirs, rel=1e-9)
    scores = np.random.default_rng(6).permutation(trials).astype(float)
    assert guarantee(scores, None, target=target).realised.numerator == errors


@pytest.mark.slow
def test_mapie_itself_picks_the_threshold_that_we_pick():
    """Fixed sequence of tests over the observed scores, from the highest down."""
    control = pytest.importorskip("mapie.risk_control")
    target, rng = 0.01, np.random.default_rng(7)
    for trials in (473, 1693, 3000):
        for _ in range(20):
            scores = rng.normal(size=trials)
            ours = guarantee(scores, None, target=target).realised.numerator
            if not ours:  # MAPIE warns when no observed score is valid; we may reject everything
                continue
            grid = np.sort(scores)[-60:]
            found = control.BinaryClassificationController(
                lambda given: np.c_[1 - given, given], "fpr", target, confidence_level=0.95,
                list_predict_params=norm.cdf(grid), fwer_method="fixed_sequence",
            ).calibrate(norm.cdf(scores), np.zeros(trials, dtype=int))  # fmt: skip
            theirs = len(found.valid_predict_params)  # the k-th highest score accepts k
            # MAPIE takes the ceiling of n (k / n), which rounding lifts to k + 1 for some k: one error fewer.
            lifted = np.ceil(trials * (np.arange(ours + 1) / trials)) > np.arange(ours + 1)
            assert theirs == ours or (theirs < ours and lifted[theirs + 1])


def test_a_rule_for_the_mean_is_no_guarantee():
    """MAPIE's conformal risk control holds the mean of the rate: (k + 1) / (n + 1) at most the target."""
    trials, target = 3000, 0.01
    allowed = int(target * (trials + 1)) - 1  # 29
    # At a threshold with exactly the target's rate, so few errors come up nearly every second time.
    assert 0.47 < binom.cdf(allowed, trials, target) < 0.48
    scores = np.random.default_rng(8).permutation(trials).astype(float)
    assert guarantee(scores, None, target=target).realised.numerator == 20 < allowed
    assert verification_curve([9e9], scores).fmr(float(trials - allowed)).numerator == allowed
