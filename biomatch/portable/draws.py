"""Random draws that are the same on every machine: uniform numbers of NumPy, turned by functions of ours.

NumPy's own normal, gamma and exponential draws take logarithms of the C library where a draw falls into a
tail, and gamma draws at every step. Uniform numbers and integers are exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomatch.portable.functions import exp, log, ndtri, power
from biomatch.portable.types import Floats

_ROUNDS = 8
_MOST = 1000


def _inside(rng: np.random.Generator, shape: int | tuple[int, ...]) -> Floats:
    """Uniform numbers inside (0, 1): the middles of 2^53 steps, and the last step's lower end."""
    return np.minimum(rng.random(shape) + 2.0**-54, 1.0 - 2.0**-53)


def normals(rng: np.random.Generator, shape: int | tuple[int, ...]) -> Floats:
    """Draw standard normal numbers by inversion, one uniform number each; float64.

    Examples
    --------
    >>> normals(np.random.Generator(np.random.SFC64(1)), 3).shape
    (3,)
    """
    return ndtri(_inside(rng, shape))


def exponentials(rng: np.random.Generator, count: int) -> Floats:
    """Draw exponential numbers of mean 1 by inversion, one uniform number each; shape (count,)."""
    return np.asarray(-log(_inside(rng, count)))


def gammas(rng: np.random.Generator, shape: float, count: int) -> Floats:
    """Draw gamma numbers of a shape, with scale 1; the first n do not depend on `count`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Gives ``2 * 8 + 1`` uniform numbers a draw.
    shape : float
        Above 0.
    count : int
        How many.

    Notes
    -----
    Marsaglia and Tsang (ACM TOMS 26, 2000): d v, with v = (1 + c z)^3 for a normal z, taken with the
    chance that the density asks for. Of eight attempts at least one succeeds but for 1 in 10^10; then
    the last is clipped and taken.
    """
    uniform = _inside(rng, (count, 2 * _ROUNDS + 1))
    d = max(shape, 1.0 if shape >= 1.0 else shape + 1.0) - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    found, left = np.full(count, d), np.arange(count)
    for at in range(_ROUNDS):
        z = ndtri(uniform[left, 2 * at])
        v = 1.0 + c * z
        v = np.where(v > 0.0, v * v * v, 0.0)
        found[left] = d * np.maximum(v, 1e-12)
        bound = 0.5 * z * z + d - d * v + d * log(np.maximum(v, 1e-300))
        left = left[~((v > 0.0) & (log(uniform[left, 2 * at + 1]) < bound))]
        if not len(left):
            break
    if shape < 1.0:
        found *= power(uniform[:, -1], 1.0 / shape)
    return found


def poissons(rng: np.random.Generator, mean: ArrayLike, count: int) -> NDArray[np.int64]:
    """Draw Poisson counts by inversion, one uniform number each.

    Parameters
    ----------
    mean : array_like
        Shape () or (count,), from 0 to 700.
    """
    uniform = rng.random(count)
    means = np.broadcast_to(np.asarray(mean, dtype=np.float64), (count,))
    chance = np.array(exp(-means))
    below = chance.copy()
    found = np.zeros(count, dtype=np.int64)
    for number in range(1, _MOST):
        more = uniform >= below
        if not more.any():
            break
        found += more
        chance *= means / number
        below += chance
    return found
