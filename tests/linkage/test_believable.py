"""The share of linkable ends: against a grid, and doubted where no pair can be pointed at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.evidence.prior import pair_log_odds
from biomatch.overstay.linkage.posteriors.believable import FEW, RIVALS, SURE, linkable_share


def likelihood(shares, evidence, right, candidates, total):
    """Logarithm of the mixture's likelihood, with half a link and half a stranger more; shape of `shares`."""
    ends = sorted(set(right.tolist()))
    ratio = np.array([np.sum(np.exp(evidence[right == end]) / candidates[right == end]) for end in ends])
    inside = np.log(1 - shares[:, None] + shares[:, None] * ratio).sum(axis=1)
    return inside + (total - len(ends) + 0.5) * np.log(1 - shares) + 0.5 * np.log(shares)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(0, 2**31), st.floats(-3, 12))
def test_the_share_is_the_most_likely_one(ends, seed, strength):
    rng = np.random.default_rng(seed)
    right = np.repeat(np.arange(ends), 2)
    left = rng.permutation(len(right))
    evidence = rng.normal(strength, 2.0, len(right))
    candidates = np.full(len(right), 50)
    total = ends + int(rng.integers(0, 40))
    found = linkable_share(evidence, left, right, candidates, total)
    grid = 1 / (1 + np.exp(-np.linspace(-12, 12, 4_001)))
    best = grid[np.argmax(likelihood(grid, evidence, right, candidates, total))]
    assert found.estimate == pytest.approx(np.clip(best, 1e-6, 1 - 1e-6), rel=0.02, abs=2e-6)
    assert found.share <= found.estimate * (1 + 1e-9) + 1.0 / (total + 1)


def test_sure_links_are_believed():
    """100 of 400 ends have one partner each, beyond doubt."""
    left = right = np.arange(100)
    found = linkable_share(np.full(100, 20.0), left, right, np.full(100, 1_000), 400)
    assert found.doubts == ()
    assert found.share == pytest.approx(0.25, abs=0.01)
    assert found.discount == 0.0
    assert (found.probability > 0.99).all()


def test_many_weak_pairs_do_not_add_up_to_links():
    """Of 2,000 ends each shares a birth date with 60 open stays; none of these is likelier than others."""
    right = np.repeat(np.arange(2_000), 60)
    left = np.tile(np.arange(60), 2_000)
    evidence = np.full(len(right), 5.0)
    found = linkable_share(evidence, left, right, np.full(len(right), 4_000), 4_000)
    assert found.estimate > 0.05  # what feeds itself
    assert found.share < 1e-3
    assert len(found.doubts) == 1
    assert "only 0 are sure" in found.doubts[0]
    assert found.probability.sum() < FEW


def test_evidence_that_cannot_tell_people_apart_is_taken_down():
    """Thirty people of one name and birth date: each end has thirty sure partners, one at most is right."""
    right, left = np.repeat(np.arange(30), 30), np.tile(np.arange(30), 30)
    found = linkable_share(np.full(900, 25.0), left, right, np.full(900, 100), 30)
    assert found.discount > 10
    assert found.doubts
    odds = pair_log_odds(found.estimate, np.full(900, 100)) + 25.0 - found.discount
    sure = int(np.sum(odds > np.log(SURE / (1 - SURE))))
    assert sure <= RIVALS * 30 + FEW
    assert found.probability.max() < 0.5


def test_travellers_with_several_later_entries_are_no_reason_to_doubt():
    """One open stay, and its holder comes back ten times on another passport."""
    left, right = np.repeat(np.arange(20), 10), np.arange(200)
    found = linkable_share(np.full(200, 20.0), left, right, np.full(200, 1_000), 4_000)
    assert found.doubts == ()
    assert found.share == pytest.approx(0.05, abs=0.002)


def test_without_pairs_the_share_is_small():
    none = np.empty(0, dtype=np.int64)
    found = linkable_share(np.empty(0), none, none, none, 500)
    assert 0 < found.share < 0.005
    assert found.doubts == ()
