"""How many leave on a document whose holder stays behind, told apart from captures that were spoilt.

Both give a document pair the score of two strangers. But whoever enters again had left: among stays whose
document entered again such scores are spoilt captures, and what the other stays have beyond that share is
sham exits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biomatch import portable
from biomatch.evidence.prior import SHAM_RATE

SPOILT_RATE = 0.001
"""Share of pairs of one person with the score of two strangers, before anything is seen: the best matcher
misses so many of its visa and border images at any threshold (0.0009, NIST FRTE 1:N)."""
_SPREADS = 2.5, 1.0
"""Standard deviations of the logarithms of the sham rate (a guess from the detected ones: a factor of twelve
either way) and of the spoilt rate. Assumed."""
_STEPS = 121


def sham_rate(strange: NDArray[np.bool_], again: NDArray[np.bool_]) -> float:
    """Estimate the share of exits on a document whose holder stays behind.

    Parameters
    ----------
    strange : ndarray of bool
        Shape (n,): of each document pair with two faces, whether its score is one of two strangers.
    again : ndarray of bool
        Shape (n,): whether the document entered again.

    Returns
    -------
    float
        Share of all pairs, in (0, 1): the mean of the posterior, two Poisson counts and log-normal priors.
    """
    back, stayed = int(again.sum()), int((~again).sum())
    seen_back, seen = int((strange & again).sum()), int((strange & ~again).sum())
    shams, spoilt = (
        guess * portable.exp(np.linspace(-5.0, 5.0, _STEPS) * spread)
        for guess, spread in zip((SHAM_RATE, SPOILT_RATE), _SPREADS, strict=True)
    )
    z = np.linspace(-5.0, 5.0, _STEPS)
    s, f = shams[:, None], spoilt[None, :]
    log = -0.5 * (z[:, None] ** 2 + z[None, :] ** 2)
    log = log + seen * portable.log(s + f) - stayed * (s + f) + seen_back * portable.log(f) - back * f
    weight = portable.exp(log - log.max())
    mean = float((weight * s).sum() / weight.sum())
    share = mean * stayed / max(back + stayed, 1) if stayed else mean
    return float(np.clip(share, 1e-6, 0.5))
