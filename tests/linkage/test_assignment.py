"""Exact solvers against each other and brute force; what may not change the answer."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.errors import SettingsError, TableError
from biomatch.overstay.linkage.assignment import assign

EXACT = ("optimum", "flow", "components", "sparse")


def graph(seed, lefts, rights, density, *, coarse=False):
    """Random edges without repeats; coarse weights make many ties."""
    rng = np.random.default_rng(seed)
    a, b = np.nonzero(rng.random((lefts, rights)) < density)
    w = rng.integers(1, 4, len(a)).astype(float) if coarse else rng.gamma(1.0, 4.0, len(a)) + 1e-3
    names = rng.permutation(10_000)
    return names[a], names[5_000 + b], w


def is_matching(a, b, edges):
    return len(set(a[edges])) == len(edges) == len(set(b[edges]))


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    lefts=st.integers(1, 40),
    rights=st.integers(1, 40),
    density=st.floats(0.01, 0.5),
    coarse=st.booleans(),
)
def test_exact_solvers_agree_and_beat_the_shortcuts(seed, lefts, rights, density, coarse):
    a, b, w = graph(seed, lefts, rights, density, coarse=coarse)
    found = {method: assign(a, b, w, method) for method in (*EXACT, "greedy", "mutual")}
    for result in found.values():
        assert is_matching(a, b, result.edges)
        assert result.weight == pytest.approx(w[result.edges].sum())
    assert len({found[method].objective for method in EXACT}) == 1
    best = found["optimum"]
    assert found["mutual"].objective <= found["greedy"].objective <= best.objective
    assert 2 * found["greedy"].objective >= best.objective  # the textbook bound of greedy matching


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), coarse=st.booleans())
def test_equals_brute_force_on_tiny_graphs(seed, coarse):
    a, b, w = graph(seed, 4, 4, 0.55, coarse=coarse)
    a, b, w = a[:9], b[:9], w[:9]
    best = 0.0
    for size in range(1, min(4, len(w)) + 1):
        for edges in combinations(range(len(w)), size):
            chosen = np.array(edges)
            if is_matching(a, b, chosen):
                best = max(best, w[chosen].sum())
    assert assign(a, b, w).weight == pytest.approx(best, abs=1e-3)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), method=st.sampled_from([*EXACT, "greedy", "mutual"]), coarse=st.booleans())
def test_row_order_and_other_components_change_nothing(seed, method, coarse):
    a, b, w = graph(seed, 25, 25, 0.08, coarse=coarse)
    if not len(w):
        return
    order = np.random.default_rng(seed).permutation(len(w))
    whole = assign(a, b, w, method)
    mixed = assign(a[order], b[order], w[order], method)
    assert np.array_equal(np.sort(order[mixed.edges]), whole.edges)
    # A second country beside the first: nothing of the first changes.
    c, d, v = graph(seed + 1, 25, 25, 0.08, coarse=coarse)
    both = assign(np.r_[a, c + 20_000], np.r_[b, d + 20_000], np.r_[w, v], method)
    assert np.array_equal(both.edges[both.edges < len(w)], whole.edges)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), coarse=st.booleans())
def test_removing_an_edge_never_raises_the_objective(seed, coarse):
    a, b, w = graph(seed, 12, 12, 0.2, coarse=coarse)
    whole = assign(a, b, w)
    for row in range(len(w)):
        less = assign(np.delete(a, row), np.delete(b, row), np.delete(w, row))
        assert less.objective <= whole.objective
        if row not in whole.edges:
            assert less.objective == whole.objective


def test_a_dense_crowd_goes_through_the_flow():
    """Every edge nearly equal: nothing dominates, so the remainder is the whole graph."""
    rng = np.random.default_rng(8)
    a, b = np.repeat(np.arange(60), 60), np.tile(np.arange(60), 60)
    w = 5 + 1e-2 * rng.random(3600)
    assert assign(a, b, w).objective == assign(a, b, w, "components").objective
    assert len(assign(a, b, w).edges) == 60


def test_nothing_and_refusals():
    empty = assign([], [], [])
    assert (len(empty.edges), empty.weight, empty.objective) == (0, 0.0, 0)
    with pytest.raises(TableError, match=r"edge 1 \(1, 3\) weighs 0.0"):
        assign([1, 1], [2, 3], [1.0, 0.0])
    with pytest.raises(TableError, match="weighs nan"):
        assign([1], [2], [np.nan])
    with pytest.raises(TableError, match="at most 1024"):
        assign([1], [2], [np.inf])
    with pytest.raises(TableError, match=r"\(1, 2\) occurs twice"):
        assign([1, 1], [2, 2], [1.0, 2.0])
    with pytest.raises(TableError, match="three equal lengths"):
        assign([1, 1], [2], [1.0])
    with pytest.raises(SettingsError, match="best"):
        assign([1], [2], [1.0], "best")
