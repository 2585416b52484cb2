"""The face calibrator against a law whose likelihood ratio is known in closed form."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from biomatch.errors import ModelError, TableError
from biomatch.evidence.face import FaceCalibrator

DEEP = {"mean": 0.6, "spread": 0.1, "quality": 0.3, "gap": 0.01, "noise": 0.08}


def sample(seed, mated, non_mated, contaminated=0.0):
    """Mated scores fall with poor quality and with years; non-mated ones do not depend on either."""
    rng = np.random.default_rng(seed)
    n = mated + non_mated
    y = np.arange(n) < mated
    quality, years = rng.beta(8, 2, n), rng.exponential(1.0, n)
    mean = DEEP["mean"] - DEEP["quality"] * (1 - quality) - DEEP["gap"] * years
    genuine = y & (rng.random(n) >= contaminated)
    s = np.where(genuine, rng.normal(mean, DEEP["spread"]), rng.normal(0, DEEP["noise"], n))
    return s, y, quality, years


def true_llr(s, quality, years):
    mean = DEEP["mean"] - DEEP["quality"] * (1 - quality) - DEEP["gap"] * years
    return norm.logpdf(s, mean, DEEP["spread"]) - norm.logpdf(s, 0, DEEP["noise"])


@pytest.fixture(scope="module")
def fitted():
    s, y, quality, years = sample(1, 8_000, 60_000)
    return FaceCalibrator.fit(s, y, quality=quality, years=years, lineages=(7,))


def test_near_the_truth_where_decisions_fall(fitted):
    for quality in (0.6, 0.9):
        s = np.array([0.15, 0.2, 0.25, 0.3, 0.35])
        # The index only approximates the exact ratio, and few strangers support a high one.
        assert np.abs(fitted.llr(s, quality, 1.0) - true_llr(s, quality, 1.0)).max() < 2.5
        assert np.abs(fitted.llr(s[:3], quality, 1.0) - true_llr(s[:3], quality, 1.0)).max() < 1.5


def test_calibrated_on_a_fresh_sample(fitted):
    """The log loss of the posterior is within 3 % of the true ratio's, at even odds."""
    s, y, quality, years = sample(2, 20_000, 20_000)

    def loss(ratio):
        return np.logaddexp(0, np.where(y, -ratio, ratio)).mean()

    truth = np.clip(true_llr(s, quality, years), -fitted.limit, fitted.limit)
    with_side, without = fitted.llr(s, quality, years), fitted.llr(s)
    assert loss(with_side) < loss(truth) + 0.03 * np.log(2)
    assert loss(with_side) < loss(without)  # quality and years say something


def test_a_contaminated_sample_tells_its_share():
    s, y, quality, years = sample(3, 10_000, 60_000, contaminated=0.01)
    found = FaceCalibrator.fit(s, y, quality=quality, years=years, contamination=None)
    assert found.contamination == pytest.approx(0.01, abs=0.003)
    naive = FaceCalibrator.fit(s, y, quality=quality, years=years)
    assert found.llr(0.0) < naive.llr(0.0) < 0  # sham exits no longer excuse strangers' scores


@settings(max_examples=50, deadline=None)
@given(
    score=st.floats(-1, 1),
    step=st.floats(0, 0.5),
    quality=st.floats(0, 1),
    years=st.floats(0, 30),
)
def test_monotone_and_bounded(fitted, score, step, quality, years):
    low, high = fitted.llr(score, quality, years), fitted.llr(score + step, quality, years)
    assert -fitted.limit <= low <= high <= fitted.limit
    assert fitted.llr(score, quality / 2, years) >= low
    assert fitted.llr(score, quality, years + 1) >= low


def test_weights_stand_for_comparisons_that_were_not_kept():
    """All non-mated scores above 0.2 and a hundredth of the others, weighted: as if all had been kept."""
    s, y, _, _ = sample(4, 5_000, 300_000)
    whole = FaceCalibrator.fit(s, y)
    rng = np.random.default_rng(0)
    kept = y | (s > 0.2) | (rng.random(len(s)) < 0.05)
    weight = np.where(y | (s > 0.2), 1.0, 20.0)
    thin = FaceCalibrator.fit(s[kept], y[kept], weight=weight[kept])
    at = np.linspace(0.15, 0.5, 8)
    assert np.abs(thin.llr(at) - whole.llr(at)).max() < 1.0
    assert thin.limit == pytest.approx(whole.limit, abs=0.01)


def test_no_comparison_is_no_evidence_and_json_keeps_everything(fitted):
    assert fitted.llr(np.nan) == 0.0
    assert np.isfinite(fitted.llr(0.4, np.nan, np.nan))
    again = FaceCalibrator.from_json(json.loads(json.dumps(fitted.to_json())))
    assert again == fitted
    assert again.lineages == (7,)
    with pytest.raises(ModelError, match="family"):
        FaceCalibrator.from_json({"family": "other"})


def test_refusals():
    with pytest.raises(ModelError, match="at least 50 of each"):
        FaceCalibrator.fit(np.zeros(100), np.arange(100) < 10)
    with pytest.raises(TableError, match="not finite"):
        FaceCalibrator.fit(np.r_[np.nan, np.zeros(199)], np.arange(200) < 100)
    with pytest.raises(TableError, match="equal lengths"):
        FaceCalibrator.fit(np.zeros(10), np.zeros(9, dtype=bool))
