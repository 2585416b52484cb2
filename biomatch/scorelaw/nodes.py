"""Quadrature nodes shared by the score laws; everything here is deterministic."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from biomatch.portable.types import Floats


def normal_nodes(count: int, reach: float) -> tuple[Floats, Floats]:
    """Give equally spaced nodes of the standard normal law.

    The trapezoidal rule converges faster than any power of the spacing for smooth integrands, and
    unlike Gauss-Hermite it stays exact to many digits for the steep steps that thresholds make.

    Parameters
    ----------
    count : int
        Number of nodes, at least 2.
    reach : float
        The nodes span [-reach, reach].

    Returns
    -------
    nodes, weights : ndarray
        Shape (count,), float64; the weights add to 1.
    """
    nodes = np.linspace(-reach, reach, count)
    weights = np.exp(-(nodes**2) / 2.0)
    return nodes, weights / weights.sum()


def chi_nodes(degrees: int, count: int, upper_sd: float = 6.5) -> tuple[Floats, Floats]:
    """Give equally spaced nodes of the chi law (length of a normal vector), from near 0 up.

    Nodes start near 0 because a look-alike is a person whose latent is *close*: far out in the lower tail.
    """
    top = np.sqrt(degrees) + upper_sd / np.sqrt(2.0) + 1.0
    nodes = (np.arange(count) + 0.5) * top / count
    log_density = (degrees - 1) * np.log(nodes) - nodes**2 / 2.0
    log_density -= (degrees / 2.0 - 1.0) * np.log(2.0) + gammaln(degrees / 2.0)
    weights = np.exp(log_density)
    return nodes, weights / weights.sum()


def deposit(values: Floats, weights: Floats, grid: Floats) -> Floats:
    """Spread weighted values over the two nearest points of an equally spaced grid each.

    Returns
    -------
    ndarray
        Shape of `grid`; total and mean are kept. Values beyond the grid fall on its ends.
    """
    step = grid[1] - grid[0]
    place = np.clip((values - grid[0]) / step, 0.0, len(grid) - 1.000001)
    low = place.astype(np.int64)
    part = place - low
    size = len(grid)
    lower = np.bincount(low, weights * (1.0 - part), size)
    return np.asarray(lower + np.bincount(low + 1, weights * part, size))


def monotone_cubic(x: Floats, y: Floats, at: Floats) -> Floats:
    """Interpolate by cubics that are monotone wherever the values are.

    Fritsch and Butland (SIAM J. Sci. Stat. Comput. 5, 1984): the slope at a node is the weighted harmonic
    mean of its neighbours' secants, 0 at a turn; ``scipy.interpolate.PchipInterpolator`` is the slow twin in
    the tests, and takes longer to import than a score law to compute.

    Parameters
    ----------
    x, y : ndarray
        Shape (n,), n at least 3; `x` rises, equally spaced.
    at : ndarray
        Any shape, inside ``x[0]`` to ``x[-1]``.
    """
    step = float(x[1] - x[0])
    secant = np.diff(y) / step
    before, after = secant[:-1], secant[1:]
    slope = np.zeros_like(y)
    same = before * after > 0.0
    slope[1:-1][same] = 2.0 * before[same] * after[same] / (before[same] + after[same])
    for end, first, second in ((0, secant[0], secant[1]), (-1, secant[-1], secant[-2])):
        edge = (3.0 * first - second) / 2.0
        if edge * first <= 0.0:
            edge = 0.0
        elif first * second <= 0.0 and abs(edge) > 3.0 * abs(first):
            edge = 3.0 * first
        slope[end] = edge
    place = np.clip(((at - x[0]) / step).astype(np.int64), 0, len(x) - 2)
    u = (at - x[place]) / step
    low, high = y[place], y[place + 1]
    rise, other = slope[place] * step, slope[place + 1] * step
    # Hermite's form about the left node.
    cubic = rise + other - 2.0 * (high - low)
    square = 3.0 * (high - low) - 2.0 * rise - other
    return np.asarray(low + u * (rise + u * (square + u * cubic)))
