"""Cllr, its minimum and reliability: against the definition, and on ratios that are right by construction."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from biomatch.evaluation.llr_calibration import calibration, reliability


def drawn(shift=0.0, scale=1.0, n=40_000, seed=0):
    """Scores N(+m, 1) and N(-m, 1): the ratio is 2 m x exactly."""
    random = np.random.default_rng(seed)
    m = 1.0
    x = np.r_[random.standard_normal(n) + m, random.standard_normal(n) - m]
    return scale * 2 * m * x + shift, np.r_[np.ones(n, bool), np.zeros(n, bool)]


def test_cllr_by_its_definition():
    r, y = np.array([1.5, -0.5, 0.2, -2.0]), np.array([True, True, False, False])
    by_hand = 0.5 * (np.log2(1 + np.exp(-r[y])).mean() + np.log2(1 + np.exp(r[~y])).mean())
    assert calibration(r, y).cllr == pytest.approx(by_hand, rel=1e-12)


def test_right_ratios_lose_nothing_and_wrong_ones_do():
    right = calibration(*drawn())
    assert 0 <= right.loss < 0.002
    for wrong in (drawn(shift=2.0), drawn(scale=3.0)):
        found = calibration(*wrong)
        assert found.minimum == pytest.approx(right.minimum, abs=1e-12)  # order alone counts
        assert found.loss > 0.05


def test_the_minimum_is_never_above_and_perfect_separation_costs_nothing():
    random = np.random.default_rng(1)
    for _ in range(20):
        r, y = random.standard_normal(30), random.random(30) < 0.5
        if y.any() and not y.all():
            found = calibration(r, y)
            assert found.minimum <= found.cllr + 1e-12
    assert calibration([5.0, 6.0, -5.0], [True, True, False]).minimum == 0.0


def test_one_kind_alone_has_no_cost():
    assert calibration([1.0], [True]).cllr is None
    assert reliability([1.0], [True]).is_empty()


def test_reliability_of_right_ratios_is_the_diagonal():
    table = reliability(*drawn(n=200_000), bins=8)
    assert table["events"].sum() == 200_000
    assert table["others"].sum() == 200_000
    ends = table["realised"].is_not_null() & (table["others"] > 200)
    assert (table.filter(ends)["stated"] - table.filter(ends)["realised"]).abs().max() < 0.12
    off = reliability(*drawn(n=200_000, shift=1.0), bins=8).filter(ends)
    assert ((off["stated"] - off["realised"]) > 0.8).all()


def test_a_bin_of_rare_low_events_does_not_hide_a_calibrated_model():
    """Far apart, N(+4, 1) and N(-4, 1), the ratio being 8 x: hardly an event shows where the others lie."""
    random = np.random.default_rng(3)
    x = np.r_[random.standard_normal(1_000) + 4, random.standard_normal(20_000) - 4]
    table = reliability(8 * x, np.r_[np.ones(1_000, bool), np.zeros(20_000, bool)])
    for row in table.iter_rows(named=True):
        if row["realised_high"] is not None:
            assert row["realised_low"] <= row["stated"] <= row["realised_high"]
    floor = np.maximum(8 * x, -3.0)  # honest pairs that may not speak as much against fraud as they do
    found = calibration(floor, np.r_[np.ones(1_000, bool), np.zeros(20_000, bool)])
    assert found.loss == pytest.approx(np.log2(1 + np.exp(-3.0)) / 2, rel=0.05)


def test_the_interval_of_what_was_realised_covers():
    low, high = [], []
    for seed in range(60):
        table = reliability(*drawn(n=400, seed=seed), bins=4)
        inside = table.filter(pl.col("realised").is_not_null())
        low.append((inside["realised_low"] <= inside["stated"]).mean())
        high.append((inside["realised_high"] >= inside["stated"]).mean())
    assert min(np.mean(low), np.mean(high)) > 0.95
    off = reliability(*drawn(n=4_000, shift=1.0), bins=4)
    assert (off["stated"] > off["realised_high"]).sum() >= 2  # and it is no interval that says nothing


def test_a_penalty_that_is_too_strong_shows_as_a_loss():
    """Few events among many others: a strong penalty keeps the ratio of a perfect agreement too near to 0."""
    from biomatch.training.fusion import RIDGE, fit

    random = np.random.default_rng(2)
    conflict = np.r_[np.abs(random.normal(0.5, 0.15, 300)), np.maximum(random.normal(-0.1, 0.08, 6_000), 0)]
    event = np.r_[np.ones(300, bool), np.zeros(6_000, bool)]
    values = np.stack([np.maximum(conflict - k, 0) for k in (0.0, 0.1, 0.2, 0.3)], axis=1).astype(np.float32)
    loss = {c: calibration(fit(values, event, c).decision_function(values), event).loss for c in (0.1, 100.0)}
    assert loss[100.0] < 0.5 * loss[0.1]
    assert RIDGE["entry"] >= 10.0
