"""Portable arithmetic against SciPy and NumPy, and the properties that make it portable."""

import itertools
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest
import scipy.special as special
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from biomatch import portable

SMALL = st.floats(-30.0, 30.0)


def places(found, expected):
    """Largest difference in units of the last place."""
    return float(np.max(np.abs(found - expected) / np.spacing(np.abs(expected))))


@pytest.mark.parametrize(
    ("name", "low", "high"), [("exp", -700.0, 700.0), ("log", 1e-300, 1e300), ("log1p", -0.9, 1e3)]
)
def test_within_two_places_of_numpy(name, low, high):
    rng = np.random.default_rng(1)
    x = rng.uniform(low, high, 20_000)
    if name == "log":
        x = np.r_[x, rng.uniform(0.5, 2.0, 20_000)]
    assert places(getattr(portable, name)(x), getattr(np, name)(x)) <= 2.0


def test_angles_quantiles_and_the_normal_law():
    rng = np.random.default_rng(2)
    angle = rng.uniform(-1e4, 1e4, 20_000)
    assert np.abs(portable.cos(angle) - np.cos(angle)).max() < 3e-16
    assert np.abs(portable.sin(angle) - np.sin(angle)).max() < 3e-16
    p = np.r_[rng.random(20_000), 10.0 ** -rng.uniform(0.0, 300.0, 2_000)]
    assert np.abs(portable.ndtri(p) / special.ndtri(p) - 1.0).max() < 1e-13
    x = rng.uniform(-9.0, 9.0, 20_000)
    assert np.abs(portable.ndtr(x) - special.ndtr(x)).max() < 1e-14
    # AS 241 as the standard library spells it.
    assert portable.ndtri(0.975) == pytest.approx(NormalDist().inv_cdf(0.975), abs=1e-15)


def test_the_ends():
    assert portable.exp([-np.inf, np.inf, 0.0]).tolist() == [0.0, np.inf, 1.0]
    assert portable.log([0.0, np.inf, 1.0]).tolist() == [-np.inf, np.inf, 0.0]
    assert np.isnan([portable.log(-1.0), portable.exp(np.nan), portable.log(np.nan)]).all()
    assert portable.ndtri([0.0, 0.5, 1.0]).tolist() == [-np.inf, 0.0, np.inf]
    assert portable.power([0.0, 0.0, 2.0], [0.0, 2.0, 3.0]).tolist() == [1.0, 0.0, pytest.approx(8.0)]
    assert portable.logaddexp([-np.inf, 0.0], [-np.inf, -np.inf]).tolist() == [-np.inf, 0.0]
    with pytest.raises(ValueError, match="an angle of"):
        portable.cos(1e9)


@given(SMALL, SMALL)
def test_logaddexp_and_expm1(a, b):
    assert portable.logaddexp(a, b) == pytest.approx(np.logaddexp(a, b), rel=1e-14, abs=1e-14)
    assert portable.expm1(a) == pytest.approx(np.expm1(a), rel=1e-13, abs=1e-300)


@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 90)), elements=SMALL))
def test_fold_adds_each_row_for_itself(x):
    alone = [portable.fold(row[None].copy())[0] for row in x]
    assert portable.fold(x.copy()).tolist() == alone  # whatever stands in the other rows
    assert portable.fold(x.copy()) == pytest.approx(x.sum(axis=1), abs=1e-10)


def test_cosines_of_unit_rows_are_never_rounded():
    """The argument of `unit_products`: any sum of some of the products is a float64: order is nothing."""
    rng = np.random.default_rng(3)
    a, b = (rng.standard_normal((2, 40)).astype(np.float32) for _ in range(2))
    for rows in (a, b):
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = portable.unit_products(a, b)
    fine = [[[Fraction(round(float(v) * 2**26), 2**26) for v in row] for row in rows] for rows in (a, b)]
    for i, j in itertools.product(range(2), range(2)):
        assert Fraction(float(found[i, j])) == sum(x * y for x, y in zip(fine[0][i], fine[1][j], strict=True))
    assert found == pytest.approx(a.astype(float) @ b.astype(float).T, abs=1e-7)


@pytest.mark.parametrize("size", [1, 3, 14])
def test_the_symmetric_root_hangs_on_no_eigenvector(size):
    rng = np.random.default_rng(size)
    turn, _ = np.linalg.qr(rng.standard_normal((size, size)))
    values = np.maximum(np.round(rng.uniform(-0.5, 1.0, size), 1), -0.2)  # some equal, some negative
    matrix = (turn * values) @ turn.T
    matrix = (matrix + matrix.T) / 2
    root = portable.symmetric_root(matrix)
    assert root == pytest.approx((turn * np.sqrt(np.maximum(values, 0.0))) @ turn.T, abs=1e-7)
    assert np.array_equal(root, root.T) or np.abs(root - root.T).max() < 1e-15


def test_small_systems():
    rng = np.random.default_rng(5)
    a = rng.standard_normal((12, 12))
    b = rng.standard_normal((12, 3))
    assert portable.solve(a, b) == pytest.approx(np.linalg.solve(a, b), abs=1e-9)
    assert portable.solve(a, b[:, 0]) == pytest.approx(np.linalg.solve(a, b[:, 0]), abs=1e-9)
    assert portable.inverse(a) @ a == pytest.approx(np.eye(12), abs=1e-9)
    assert portable.log_determinant(a) == pytest.approx(np.linalg.slogdet(a)[1], abs=1e-10)
    assert portable.dot(a, b) == pytest.approx(a @ b, abs=1e-12)
    assert portable.dot(b[:, 0], a) == pytest.approx(b[:, 0] @ a, abs=1e-12)
    with pytest.raises(np.linalg.LinAlgError):
        portable.solve(np.zeros((2, 2)), np.ones(2))


@pytest.mark.parametrize("shape", [0.4, 1.3, 4.0])
def test_draws_have_their_laws(shape):
    rng = np.random.Generator(np.random.SFC64(7))
    count = 40_000
    gamma = portable.gammas(rng, shape, count)
    assert gamma.mean() == pytest.approx(shape, abs=5 * np.sqrt(shape / count))
    # P(X <= x) is uniform: the greatest distance of 40,000 draws from it exceeds 0.01 once in 1,400.
    place = np.sort(special.gammainc(shape, gamma))
    assert np.abs(place - np.arange(count) / count).max() < 0.01
    place = np.sort(1.0 - np.exp(-portable.exponentials(rng, count)))
    assert np.abs(place - np.arange(count) / count).max() < 0.01
    number = portable.poissons(rng, shape, count)
    assert number.mean() == pytest.approx(shape, abs=5 * np.sqrt(shape / count))


def test_longer_draws_begin_alike():
    def drawn(count):
        make = (lambda g: portable.gammas(g, 1.3, count), lambda g: portable.normals(g, count))
        return [one(np.random.Generator(np.random.SFC64(3)))[:10] for one in make]

    assert all(np.array_equal(a, b) for a, b in zip(drawn(10), drawn(500), strict=True))
