"""A test of a rate whose errors come in clusters: whether the data exclude a true rate above the target.

A look-alike makes many correlated errors, so the subject is the unit. Nothing is assumed about how a
subject's errors hang together, only that one subject makes at most ``cap`` of them.

The test: under the null hypothesis the mean number of errors a subject is at least ``target`` times the
mean number of trials. Among all laws on 0..cap that obey it, the most likely one given the data
(Owen, "Empirical likelihood ratio confidence intervals", Biometrika 75, 1988; the cap is the imaginary
worst subject that makes the bound honest where no error was seen) gives each error count a price. The
p-value is the probability, under that law, of a total price as low as the one observed; it is computed
exactly, by the characteristic function of a multinomial sum on a lattice of prices. With one trial a
subject it is the binomial test, hence the Clopper-Pearson bound to the last digit. That evaluating at
the most likely law keeps the level is shown by Monte Carlo (tests/tuning, benchmarks/results/guarantee.md),
not proved.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import bdtr

from biomatch import checks, portable

Counts = NDArray[np.int64]
PLUG_IN = 0.85
"""The p-value is divided by this where errors were seen in clusters, because the least favourable law is
estimated: without it 33 to 57 of 1,000 sets of 28 laws passed at level 0.05 (standard error 3.4), with it 30
to 46. Where no error was seen, or with one trial a subject, the p-value is exact and stays as it is."""
LATTICE = 16  # lattice steps in the cheapest price, at most
LONGEST = 1 << 20  # length of the longest transform


def p_value(subjects_with: Counts, mean_under_null: float, cap: int) -> float:
    """Give the p-value of "the mean number of errors a subject is ``mean_under_null`` or more".

    Parameters
    ----------
    subjects_with : ndarray of int64
        Shape (s,); entry e is the number of subjects with e errors, for e = 0, 1, ...
    mean_under_null : float
        Target rate times mean number of trials a subject, above 0.
    cap : int
        The most errors that one subject can make; raised to the most that one subject did make.

    Returns
    -------
    float
        In [0, 1]; 1 where the data do not even lie on the safe side.

    Examples
    --------
    >>> round(p_value(np.array([299, 0]), 0.01, 1), 4)  # 0.99**299: the rule of 299
    0.0495
    >>> p_value(np.array([299, 0]), 0.01, 5) > 0.05  # each may be a fifth of a cluster
    True
    """
    filled = np.flatnonzero(subjects_with)
    number = int(subjects_with.sum())
    most = int(filled[-1]) if filled.size else 0
    # A cap at or below the null's mean would make the null impossible and every claim true.
    cap = max(cap, most, int(np.floor(mean_under_null)) + 1)
    errors = filled.astype(np.float64)
    count = subjects_with[filled].astype(np.float64)
    if number == 0 or float(portable.dot(count, errors)) >= mean_under_null * number:
        return 1.0
    if cap == 1:
        return float(bdtr(number - subjects_with[0], number, mean_under_null))
    weight, unseen = _least_favourable(errors, count, mean_under_null, cap, seen=most == cap)
    chance = count / (number * (1.0 + weight * (mean_under_null - errors)))
    # At the boundary the rest of the mass sits on subjects with `cap` errors, none of which was seen.
    chance /= chance.sum() if not unseen else 1.0
    zero = float(chance[0]) if filled[0] == 0 else 0.0
    with_errors = errors > 0
    if not with_errors.any():
        return zero**number
    price = portable.log1p(weight * mean_under_null) - portable.log1p(
        weight * (mean_under_null - errors[with_errors])
    )
    found = _chance_of_as_cheap(count[with_errors], chance[with_errors], price, zero, number)
    return min(1.0, found / PLUG_IN)


def upper_bound(subjects_with: Counts, trials: int, cap: int, confidence: float) -> float:
    """Give the one-sided upper bound of a rate: the largest target that the test does not exclude.

    Parameters
    ----------
    subjects_with : ndarray of int64
        Shape (s,); entry e is the number of subjects with e errors.
    trials : int
        Trials of all subjects.
    cap : int
        The most errors that one subject can make.
    confidence : float
        One-sided.

    Returns
    -------
    float
        In [0, 1]; 1 for no trials.
    """
    checks.confidence(confidence)
    number = int(subjects_with.sum())
    if not trials or not number:
        return 1.0
    errors = int(subjects_with @ np.arange(subjects_with.size))
    # Just below 1, where a mean of m errors a subject is still below the cap.
    low, high = errors / trials, 1.0 - 1e-9

    def doubt(rate: float) -> float:
        found = p_value(subjects_with, rate * trials / number, cap)
        return float(portable.log(max(found, 1e-300)) - portable.log1p(-confidence))

    # Between the realised rate and 1 the doubt falls; doubling steps, then Brent's method.
    near = min(high, max(1.5 * low, cap / trials))
    while doubt(near) > 0:
        if near >= high:
            return 1.0
        low, near = near, min(high, 1.5 * near)
    return float(brentq(doubt, max(low, 1e-15), near, xtol=1e-12, rtol=1e-7))


def subjects_needed(mean_under_null: float, cap: int, confidence: float) -> int:
    """Give the least number of subjects, all without an error, that exclude the null.

    Examples
    --------
    >>> [subjects_needed(target, 1, 0.95) for target in (1e-2, 1e-3, 1e-4)]
    [299, 2995, 29956]
    """
    checks.confidence(confidence)
    cap = max(cap, int(np.floor(mean_under_null)) + 1)
    return int(np.ceil(portable.log1p(-confidence) / portable.log1p(-mean_under_null / cap) - 1e-12))


def _least_favourable(
    errors: NDArray[np.float64],
    count: NDArray[np.float64],
    mean: float,
    cap: int,
    *,
    seen: bool,
) -> tuple[float, bool]:
    """Solve for the Lagrange multiplier of the most likely law with the null's mean.

    Returns the multiplier and whether mass stays over for subjects with `cap` errors, none seen.
    """
    gap = mean - errors

    def slope(weight: float) -> float:
        return float((count * gap / (1.0 + weight * gap)).sum())

    limit = 1.0 / (cap - mean)
    if not seen and slope(limit) >= 0:
        return limit, True
    low, high = 0.0, limit * (1.0 - 1e-12)
    for _ in range(70):
        middle = 0.5 * (low + high)
        if slope(middle) > 0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high), False


def _chance_of_as_cheap(
    count: NDArray[np.float64],
    chance: NDArray[np.float64],
    price: NDArray[np.float64],
    zero: float,
    number: int,
) -> float:
    """Give the chance that the priced errors of `number` subjects cost at most what was observed.

    `zero` and `chance` may sum to less than 1: what is missing costs infinitely much.
    """
    cheapest = float(price.min())
    observed = float(portable.dot(count, price)) / cheapest
    steps = int(np.clip(LONGEST / 16 / observed, 1, LATTICE))
    # Prices rounded to a lattice are prices too: the test stays a test, and this sum is exact for it.
    lattice = np.maximum(1, np.rint(price / cheapest * steps)).astype(np.int64)
    target = int(count @ lattice)
    mean = number * float(portable.dot(chance, lattice))
    spread = np.sqrt(number * float(portable.dot(chance, lattice.astype(np.float64) ** 2)))
    reach = max(2 * target, mean + 12.0 * spread) + 4.0 * float(lattice.max())
    length = 1 << (int(np.ceil(max(64.0, reach))) - 1).bit_length()
    roots, places = _roots_of_unity(length), np.arange(length // 2 + 1)
    one = np.full(places.size, zero, dtype=np.complex128)
    for share, step in zip(chance, lattice, strict=True):
        one += share * roots[places * step % length]
    law = np.fft.irfft(one**number, length)
    return float(np.clip(law[: target + 1].sum(), 0.0, 1.0))


@lru_cache(maxsize=4)
def _roots_of_unity(length: int) -> NDArray[np.complex128]:
    angle = -2.0 * np.pi / length * np.arange(length)
    found: NDArray[np.complex128] = portable.cos(angle) + 1j * portable.sin(angle)
    return found
