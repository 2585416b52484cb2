"""Departures without a record: miss rates and shares against a simulation."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from biomatch.overstay.linkage.posteriors.departures import UnrecordedDepartures


def simulate(seed, n, miss, stays_on):
    """Entries over a year, a gamma dwell time; some exits unrecorded, some never; four in ten come back."""
    rng = np.random.default_rng(seed)
    waited = rng.uniform(20, 400, n)
    dwell = rng.gamma(2, 12, n)
    never = rng.random(n) < stays_on
    dwell[never] = np.inf
    gone = dwell < waited
    recorded = gone & (rng.random(n) > miss)
    home = rng.exponential(80, n)
    again = gone & (rng.random(n) < 0.4) & (dwell + home < waited)
    after = np.where(again, home, waited - dwell)
    frame = pl.DataFrame(
        {
            "group": ["air B2"] * n,
            "days": np.where(recorded, dwell, waited),
            "closed": recorded.astype(float),
            "again": again,
            "after": [float(a) if r else None for a, r in zip(after, recorded, strict=True)],
        }
    )
    return frame, gone, recorded, again, waited


def test_miss_rate_and_share_of_the_departed():
    frame, gone, recorded, again, waited = simulate(1, 60_000, miss=0.05, stays_on=0.02)
    model = UnrecordedDepartures.fit(frame)
    assert model.miss_rate[model.groups["air B2"]] == pytest.approx(0.05, abs=0.004)
    p = model.departed(frame["group"], waited)
    assert ((p >= 0) & (p <= 0.999)).all()
    doubtful = ~recorded & ~again
    for low, high in ((20, 60), (60, 120), (120, 200), (200, 300), (300, 400)):
        at = doubtful & (waited >= low) & (waited < high)
        assert p[at].mean() == pytest.approx(gone[at].mean(), abs=0.06)


def test_small_numbers_never_make_sure():
    """Ten borders of 300 stays, whose miss rate is a guess: no worse than little more than a coin."""
    p, y = [], []
    for seed in range(10):
        frame, gone, recorded, again, waited = simulate(seed, 300, miss=0.05, stays_on=0.02)
        at = ~recorded & ~again
        p.append(UnrecordedDepartures.fit(frame).departed(frame["group"], waited)[at])
        y.append(gone[at])
    p, y = np.concatenate(p), np.concatenate(y)
    assert abs(p.mean() - y.mean()) < 0.1
    assert -np.log(np.where(y, p, 1 - p).clip(1e-6)).mean() < 0.75  # a coin's is 0.69


def test_time_and_lawful_days():
    frame, *_ = simulate(2, 20_000, miss=0.05, stays_on=0.02)
    model = UnrecordedDepartures.fit(frame)
    group = pl.Series(["air B2"] * 4)
    days = np.array([1.0, 10.0, 30.0, 90.0])
    p = model.departed(group, days)
    assert (np.diff(p) > 0).all()
    share = model.in_time(group, np.full(4, 90.0), days)
    assert (np.diff(share) > 0).all()
    assert share[-1] == pytest.approx(1.0)
    assert model.in_time(group, days, np.full(4, 5_000.0)) == pytest.approx(np.ones(4))
    assert model.within(group, np.full(4, -1.0)) == pytest.approx(np.zeros(4))


def test_an_unknown_group_counts_as_all_groups_together():
    frame, *_ = simulate(3, 5_000, miss=0.05, stays_on=0.02)
    model = UnrecordedDepartures.fit(frame)
    known, unknown = pl.Series(["air B2"]), pl.Series(["land J1"])
    day = np.array([60.0])
    assert model.departed(unknown, day)[0] == pytest.approx(model.departed(known, day)[0], abs=0.02)
