"""Honesty of probabilities: against sums by hand and a simulation whose calibration is known."""

from __future__ import annotations

import numpy as np
import pytest

from biomatch.evaluation.probability_calibration import equal_mass, honesty, log_loss


def test_log_loss_by_hand():
    # Two cases, by hand: -(ln 0.8 + ln 0.7) / 2.
    assert log_loss([0.8, 0.3], [True, False]) == pytest.approx(-(np.log(0.8) + np.log(0.7)) / 2)
    assert log_loss([0.0], [True]) == pytest.approx(-np.log(1e-6))
    assert np.isnan(log_loss([], []))


def test_slopes_of_an_honest_and_of_a_boastful_forecaster():
    rng = np.random.default_rng(1)
    truth = rng.beta(1.5, 1.5, 60_000)
    happened = rng.random(60_000) < truth
    honest = honesty(truth, happened)
    assert honest.slope == pytest.approx(1.0, abs=0.03)
    assert honest.intercept == pytest.approx(0.0, abs=0.03)
    assert honest.bin_slope == pytest.approx(1.0, abs=0.03)
    odds = truth / (1 - truth)
    boastful = honesty(odds**2 / (1 + odds**2), happened)  # twice the log odds
    assert boastful.slope == pytest.approx(0.5, abs=0.02)
    assert boastful.bin_slope < 0.9
    assert honest.log_loss < boastful.log_loss
    assert honest.log_loss < honest.base_loss
    assert honest.base_loss == boastful.base_loss


def test_bins_hold_all_cases_in_order_and_ties_stay_together():
    rng = np.random.default_rng(2)
    p = rng.choice([0.1, 0.2, 0.5, 0.9], 1_000)
    happened = rng.random(1_000) < p
    table = equal_mass(p, happened)
    assert table["cases"].sum() == 1_000
    assert table["stated"].to_list() == pytest.approx([0.1, 0.2, 0.5, 0.9])
    assert table["happened"].to_list() == pytest.approx(
        [happened[p == q].mean() for q in (0.1, 0.2, 0.5, 0.9)]
    )


def test_too_few_cases_have_no_slope():
    few = honesty([0.2, 0.8, 0.6], [False, True, True])
    assert few.slope is None
    assert few.intercept is None
    assert few.cases == 3
    none = honesty([], [])
    assert none.log_loss is None
    assert none.cases == 0
    assert honesty([0.5] * 50, [True] * 25 + [False] * 25).bin_slope is None
