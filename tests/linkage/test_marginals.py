"""Edge probabilities against a sum over all sets of edges."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.errors import TableError
from biomatch.overstay.linkage.posteriors import marginals
from biomatch.overstay.linkage.posteriors.marginals import edge_probabilities


def brute(a, b, w):
    total, hits = 0.0, np.zeros(len(w))
    for size in range(len(w) + 1):
        for edges in combinations(range(len(w)), size):
            chosen = list(edges)
            if len(set(a[chosen])) == size == len(set(b[chosen])):
                weight = np.exp(w[chosen].sum())
                total += weight
                hits[chosen] += weight
    return hits / total


def graph(seed, size, edges, spread):
    rng = np.random.default_rng(seed)
    pairs = rng.permutation(size * size)[:edges]
    return pairs // size, pairs % size + 100, rng.normal(0, spread, len(pairs))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), edges=st.integers(0, 10), spread=st.sampled_from([0.5, 3.0, 10.0]))
def test_equals_the_sum_over_all_sets(seed, edges, spread):
    a, b, w = graph(seed, 5, edges, spread)
    assert edge_probabilities(a, b, w) == pytest.approx(brute(a, b, w), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), spread=st.sampled_from([1.0, 4.0]))
def test_trees_are_exact_by_messages_alone(seed, spread):
    """A random tree: each new end hangs on an old one. No set is summed."""
    rng = np.random.default_rng(seed)
    sides, a, b = [0], [], []
    for node in range(1, 12):
        parent = int(rng.integers(node))
        sides.append(1 - sides[parent])
        left, right = (parent, node) if sides[parent] == 0 else (node, parent)
        a.append(left)
        b.append(right)
    a, b, w = np.array(a), np.array(b), rng.normal(0, spread, 11)
    assert edge_probabilities(a, b, w) == pytest.approx(brute(a, b, w), abs=1e-6)


def test_large_components_with_cycles_are_near_the_exact_sums(monkeypatch):
    """Force the messages onto graphs that can still be summed: mean error under 0.02, worst under 0.15."""
    errors = []
    for seed in range(25):
        a, b, w = graph(seed, 6, 12, 3.0)
        exact = edge_probabilities(a, b, w)
        with monkeypatch.context() as patch:
            patch.setattr(marginals, "MAX_EXACT_EDGES", 0)
            errors.append(np.abs(edge_probabilities(a, b, w) - exact))
    errors = np.concatenate(errors)
    assert errors.mean() < 0.02
    assert errors.max() < 0.15


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_order_and_other_components_change_nothing(seed):
    a, b, w = graph(seed, 30, 60, 4.0)
    whole = edge_probabilities(a, b, w)
    order = np.random.default_rng(seed).permutation(len(w))
    assert edge_probabilities(a[order], b[order], w[order]) == pytest.approx(whole[order], abs=1e-6)
    c, d, v = graph(seed + 1, 30, 60, 4.0)
    both = edge_probabilities(np.r_[a, c + 1000], np.r_[b, d + 1000], np.r_[w, v])
    assert both[: len(w)] == pytest.approx(whole, abs=1e-6)
    for end in (a, b):
        assert np.bincount(end, whole).max() <= 1 + 1e-6


def test_strong_odds_and_refusals():
    # Two exits claim one stay with odds e^30 and e^29: shares 0.73 and 0.27, nothing overflows.
    found = edge_probabilities([1, 1], [2, 3], [30.0, 29.0])
    assert found == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))], abs=1e-9)
    assert edge_probabilities([1], [2], [-np.inf])[0] == pytest.approx(0.0, abs=1e-9)
    assert len(edge_probabilities([], [], [])) == 0
    with pytest.raises(TableError, match="not finite"):
        edge_probabilities([1], [2], [np.inf])
    with pytest.raises(TableError, match="three equal lengths"):
        edge_probabilities([1, 2], [2], [0.0])
