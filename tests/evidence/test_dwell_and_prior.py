"""Dwell densities integrate to one; prior odds reproduce their arithmetic."""

from __future__ import annotations

import json

import numpy as np
import pytest

from biomatch.errors import SettingsError, TableError
from biomatch.evidence.dwell import EDGES, DwellDensity
from biomatch.evidence.prior import pair_log_odds, same_document_log_odds


def test_densities_integrate_to_one_and_shrink_small_classes():
    rng = np.random.default_rng(1)
    days = np.r_[rng.gamma(2, 9, 5_000), rng.gamma(2, 60, 3)]
    classes = np.array(["B2"] * 5_000 + ["F1"] * 3)
    fitted = DwellDensity.fit(days, classes)
    for density in fitted.densities.values():
        assert np.dot(density, np.diff(EDGES)) == pytest.approx(1.0)
        assert min(density) > 0
    assert fitted.llr(np.array([18.0]), np.array(["B2"]), 365)[0] > 2
    assert fitted.llr(np.array([900.0]), np.array(["B2"]), 365)[0] < -2
    assert fitted.llr(np.array([-1.0]), np.array(["B2"]), 365)[0] == -np.inf
    unknown = fitted.llr(np.array([18.0]), np.array(["J1"]), 365)
    assert unknown == pytest.approx(np.log(fitted.densities[""][7] * 365))
    assert DwellDensity.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted


def test_a_window_doubled_is_a_bit_more():
    fitted = DwellDensity.fit(np.array([5.0]), np.array(["B2"]))
    one, two = (fitted.llr(np.array([5.0]), np.array(["B2"]), w)[0] for w in (100.0, 200.0))
    assert two - one == pytest.approx(np.log(2))


def test_prior_odds():
    # 2.4 million open stays are prior log10 odds of -6.4.
    assert float(pair_log_odds(0.5, 2.4e6)) / np.log(10) == pytest.approx(-6.4, abs=0.03)
    assert same_document_log_odds(0.5) == pytest.approx(0.0)
    with pytest.raises(SettingsError, match="between 0 and 1"):
        pair_log_odds(1.0, 10)
    with pytest.raises(TableError, match="equal lengths"):
        DwellDensity.fit(np.zeros(2), np.array(["B2"]))


def test_the_share_of_short_stays_is_the_integral_of_the_density():
    rng = np.random.default_rng(5)
    days = rng.gamma(2, 8, 4_000)
    classes = np.where(rng.random(4_000) < 0.5, "B2", "F1")
    model = DwellDensity.fit(days, classes)
    for name in ("B2", "F1"):
        asked = np.array([-1.0, 0.0, 1.0, 7.0, 30.0, 1e6])
        found = model.within(asked, np.full(6, name))
        counted = [(days[classes == name] <= day).mean() for day in asked]
        assert found == pytest.approx(counted, abs=0.02)
        assert found[0] == found[1] == 0.0
        assert found[-1] == pytest.approx(1.0)
    assert model.within(np.array([7.0]), np.array(["??"])) == pytest.approx((days <= 7).mean(), abs=0.02)
