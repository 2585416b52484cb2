"""Quadrature nodes shared by the score laws; everything here is deterministic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]


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
