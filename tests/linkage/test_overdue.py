"""Overdue stays without a record: rates, curves and probabilities against a simulation."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from biomatch.overstay.linkage.posteriors.overdue import OverdueStays

LAWFUL = 90.0


def border(seed, n, missed=0.01, late=0.02, over=0.01, back=0.3):
    """Admissions for 90 days over 500 days.

    Some exits are never recorded, some received an exponential time after the last lawful day; of those who
    stay on a third leave, on record, after 20 days on average.
    """
    rng = np.random.default_rng(seed)
    waited = rng.uniform(0, 500, n)
    fate = rng.random(n)
    stays_on = fate < over
    never = (fate >= over) & (fate < over + missed)
    is_late = (fate >= over + missed) & (fate < over + missed + late)
    leaves = np.where(stays_on, np.where(rng.random(n) < 1 / 3, LAWFUL + rng.exponential(20, n), np.inf), 0.0)
    leaves = np.where(stays_on, leaves, rng.uniform(1, 80, n))
    received = np.where(is_late, LAWFUL + rng.exponential(45, n), leaves)
    received = np.where(never, np.inf, received)
    gone = leaves <= waited
    recorded = gone & (received <= waited)
    returns = leaves + rng.exponential(100, n)
    again = gone & ~stays_on & (rng.random(n) < back) & (returns <= waited)
    away = 1.0 - back * (1.0 - np.exp(-np.maximum(waited - 40.0, 0.0) / 100.0))
    frame = pl.DataFrame(
        {
            "mode": np.where(rng.random(n) < 0.8, "air", "sea"),
            "class": np.where(rng.random(n) < 0.5, "B2", "WT"),
            "over": waited - LAWFUL,
            "exit_over": np.where(recorded, leaves - LAWFUL, np.nan),
            "received_over": np.where(recorded, received - LAWFUL, np.nan),
            "closed": recorded.astype(float),
            "again": again,
            "away": away,
        }
    ).with_columns(pl.col("exit_over", "received_over").fill_nan(None))
    return frame, gone


def doubtful(frame, gone):
    at = ((frame["over"] > 0) & (frame["closed"] < 0.5) & ~frame["again"]).to_numpy()
    part = frame.filter(pl.Series(at))
    return part, gone[at]


def test_rates_and_curves_are_found_again():
    frame, _ = border(1, 200_000)
    model = OverdueStays.fit(frame)
    missed, late, over = model.rates(pl.Series(["air"]), pl.Series(["B2"]))[:, 0]
    assert missed == pytest.approx(0.01, rel=0.15)
    assert late == pytest.approx(0.02, rel=0.15)
    assert over == pytest.approx(0.01 * 2 / 3, rel=0.2)
    for day in (20, 60, 120):
        assert model.under_way[day] == pytest.approx(np.exp(-day / 45), abs=0.06)
    assert model.under_way[0] == 1.0
    assert (np.diff(model.under_way) <= 1e-12).all()
    assert model.staying[0] == pytest.approx(1.5, abs=0.25)  # a third of those who stay on leave on record
    assert model.staying[-1] == 1.0


def test_probabilities_are_calibrated_in_time_and_over_many_borders():
    p, y, days = [], [], []
    for seed in range(12):
        frame, gone = border(100 + seed, 20_000)
        part, left = doubtful(frame, gone)
        model = OverdueStays.fit(frame)
        p.append(
            model.departed(part["mode"], part["class"], part["over"].to_numpy(), part["away"].to_numpy())
        )
        y.append(left)
        days.append(part["over"].to_numpy())
    p, y, days = np.concatenate(p), np.concatenate(y), np.concatenate(days)
    assert ((p > 0) & (p < 1)).all()
    assert p.mean() == pytest.approx(y.mean(), abs=0.03)
    for low, high in ((0, 15), (15, 45), (45, 120), (120, 410)):
        at = (days > low) & (days <= high)
        assert p[at].mean() == pytest.approx(y[at].mean(), abs=0.06)


def test_records_that_cannot_have_come_yet_are_counted_in():
    """Snapshots soon after the last lawful day would hide half of the late records without the correction."""
    frame, _ = border(2, 200_000, late=0.05)
    young = frame.filter(pl.col("over") < 60)
    assert OverdueStays.fit(young).rates(pl.Series(["air"]), pl.Series(["B2"]))[1, 0] > 0.03


def test_nothing_due_and_unknown_groups_give_the_guess():
    frame, _ = border(3, 500)
    none = OverdueStays.fit(frame.with_columns(over=pl.lit(-1.0)))
    p = none.departed(pl.Series(["air", "rail"]), pl.Series(["B2", "??"]), np.ones(2), np.ones(2))
    assert p[0] == pytest.approx(p[1])
    assert 0.3 < p[0] < 0.8
    model = OverdueStays.fit(frame)
    assert 0 < model.departed(pl.Series(["rail"]), pl.Series(["??"]), np.ones(1), np.ones(1))[0] < 1


def test_travellers_order_does_not_matter():
    frame, _ = border(4, 5_000)
    a, b = OverdueStays.fit(frame), OverdueStays.fit(frame.reverse())
    assert a.effects == pytest.approx(b.effects, abs=1e-9)


def test_many_open_stays_without_anybody_who_came_back_are_left_in_doubt():
    """Missed records or people who stay on: either explains them, and only returners could tell."""
    frame = pl.DataFrame(
        {
            "mode": ["air"] * 200,
            "class": ["B2"] * 200,
            "over": [60.0] * 200,
            "exit_over": [-30.0] * 160 + [None] * 40,
            "received_over": [-30.0] * 160 + [None] * 40,
            "closed": [1.0] * 160 + [0.0] * 40,
            "again": [False] * 200,
            "away": [1.0] * 200,
        }
    )
    model = OverdueStays.fit(frame)
    alone = model.departed(pl.Series(["air"]), pl.Series(["B2"]), np.array([60.0]), np.ones(1))[0]
    assert 0.2 < alone < 0.8
    assert 0.1 < model.weights[0] < 0.9
    missing = frame.with_columns(again=pl.Series([False] * 100 + [True] * 100))  # 40 of 100 came back unseen
    told = OverdueStays.fit(missing).departed(
        pl.Series(["air"]), pl.Series(["B2"]), np.array([60.0]), np.ones(1)
    )
    assert told[0] > 0.8
