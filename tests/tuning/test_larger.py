"""Carrying FPIR to a larger gallery: laws with known answers."""

import numpy as np
import pytest
from scipy.stats import norm

from biomatch.curves.build import identification_curve
from biomatch.errors import ResultsError
from biomatch.tuning.growth.methods import Gallery, fpir_at, grow, pareto_tail, shrink
from biomatch.tuning.tune import tune


def nested(rng, searches, sizes, spread):
    """Best scores of the same searches against growing galleries; probes differ by `spread`."""
    own = spread * rng.normal(size=searches)
    best, last, found = np.full(searches, -np.inf), 0, []
    for size in sizes:
        block = norm.isf(-np.expm1(np.log(rng.random(searches)) / (size - last)))
        best, last = np.maximum(best, own + block), size
        found.append(Gallery(size, best.copy()))
    return found


def truth(size, threshold, spread):
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    chance = norm.sf(threshold - spread * nodes)
    return float(weights @ -np.expm1(size * np.log1p(-chance)) / weights.sum())


def test_independent_comparisons_are_binomial():
    rng = np.random.default_rng(1)
    threshold = norm.isf(1e-5)
    found = {
        one.method: one for one in fpir_at(nested(rng, 20_000, (500, 1000, 2000), 0.0), 20_000, threshold)
    }
    exact = truth(20_000, threshold, 0.0)
    for method in ("binomial", "effective N", "tail"):
        assert found[method].interval[0] <= exact <= found[method].interval[1]


@pytest.mark.parametrize("spread", [0.3, 0.6])
def test_binomial_is_never_too_low(spread):
    """Jensen: with probes that differ, growth is slower than binomial."""
    for threshold in (3.5, 4.5):
        small = truth(2_000, threshold, spread)
        assert truth(200_000, threshold, spread) < grow(small, 100)
    rng = np.random.default_rng(2)
    found = {one.method: one for one in fpir_at(nested(rng, 20_000, (500, 1000, 2000), spread), 50_000, 4.5)}
    exact = truth(50_000, 4.5, spread)
    assert abs(found["effective N"].fpir - exact) < abs(found["binomial"].fpir - exact)


class Normal:
    def __init__(self, spread):
        self.spread = spread

    def fpir(self, gallery, threshold):
        return truth(gallery, threshold, self.spread)


def test_the_right_law_is_right():
    rng = np.random.default_rng(3)
    found = fpir_at(nested(rng, 20_000, (2000,), 0.6), 200_000, 4.8, law=Normal(0.6))
    law = next(one for one in found if one.method == "face model")
    assert law.interval[0] <= truth(200_000, 4.8, 0.6) <= law.interval[1]
    assert next(one for one in found if one.method == "effective N").fpir is None  # one size shows no slope


def test_pareto_tail_of_an_exponential():
    scores = np.random.default_rng(4).exponential(size=50_000)
    assert pareto_tail(scores, 8.0) == pytest.approx(np.exp(-8), rel=0.25)
    assert pareto_tail(scores, 1.0) == pytest.approx(np.exp(-1), rel=0.05)
    assert pareto_tail(scores[:100], 3.0) is None


def test_inverse_and_refusals():
    assert grow(shrink(0.01, 30), 30) == pytest.approx(0.01)
    with pytest.raises(ResultsError, match="at least the tested"):
        fpir_at([Gallery(10, np.zeros(5))], 5, 0.0)
    with pytest.raises(ResultsError, match="no gallery"):
        fpir_at([], 5, 0.0)


def test_tune_for_a_larger_gallery():
    """The threshold that is guaranteed at N = 500 holds at N = 5,000, whose rate is known."""
    rng = np.random.default_rng(7)
    over = 0
    for _ in range(20):
        tops = nested(rng, 20_000, (500,), 0.4)[0].top_scores
        curve = identification_curve([9.0], [1], tops, enrolled_count=500)
        point = tune(curve, max_fpir=0.01, gallery=5_000)
        over += truth(5_000, point.threshold, 0.4) > 0.01
    assert over <= 4
    assert point.guarantee["larger_gallery"]["gallery"] == 5_000
    assert point.guarantee["target"] == pytest.approx(0.001, rel=0.01)
    with pytest.raises(ResultsError, match="at least 500"):
        tune(curve, max_fpir=0.01, gallery=100)
