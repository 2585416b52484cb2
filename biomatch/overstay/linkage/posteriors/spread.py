"""How far sums of posteriors may be off together: rates of missed records and of overstaying are estimates.

Each stay's posterior is an expectation over what is not known of the rates. A sum of posteriors expects a
count; how far the count may lie from it has two parts. Each stay falls one way or the other (travellers of a
party alike), and the rates of all of them may be off at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import checks
from biomatch.overstay.linkage.posteriors.overdue import PARTY, OverdueStays
from biomatch.portable.types import Floats


@dataclass(frozen=True, eq=False)
class RateSpread:
    """What moves the posteriors of stays together.

    Attributes
    ----------
    overdue : OverdueStays
        The rates and what is not known of them.
    rows : ndarray of int64
        Shape (m,): the stays whose posteriors hang on them.
    mode, admission : polars.Series
        Shape (m,).
    over, away : ndarray
        Shape (m,), as `OverdueStays.departed` takes them.
    weight : ndarray
        Shape (m,): by how much P(overstay) moves with P(departed), at most 0.
    """

    overdue: OverdueStays
    rows: NDArray[np.int64]
    mode: pl.Series
    admission: pl.Series
    over: Floats
    away: Floats
    weight: Floats

    def variance(self, chosen: NDArray[np.bool_]) -> float:
        """Give the variance, from the rates alone, of the sum of P(overstay) over chosen stays.

        Parameters
        ----------
        chosen : ndarray of bool
            Shape (stays,).
        """
        at = np.flatnonzero(chosen[self.rows])
        if not len(at):
            return 0.0
        return self.overdue.spread(
            self.mode[at], self.admission[at], self.over[at], self.away[at], self.weight[at]
        )


def count_interval(
    probability: Floats, rate_variance: float, confidence: float = 0.95
) -> tuple[float, float, float]:
    """Give the expected number of events and an interval for the number that is true.

    Parameters
    ----------
    probability : ndarray
        Shape (n,): of each event, in [0, 1].
    rate_variance : float
        Variance of their sum because the rates behind them are estimates (`RateSpread.variance`).
    confidence : float
        Two-sided, between 0 and 1.

    Returns
    -------
    tuple of float
        Expectation, lower and upper bound, in [0, n]; the bounds are whole numbers.

    Notes
    -----
    The events given the rates are a Poisson-binomial count whose variance ``sum p (1 - p)`` is raised by
    `PARTY`, since travellers of a party share one fate. Mean and total variance fix a beta distribution of
    the share, whose quantiles are rounded outwards to whole numbers.

    Examples
    --------
    >>> count_interval(np.full(100, 0.5), 0.0)
    (50.0, 33.0, 67.0)
    """
    from scipy.special import betaincinv

    checks.confidence(confidence)
    count = len(probability)
    if not count:
        return 0.0, 0.0, 0.0
    mean = float(np.clip(math.fsum(probability), 0.0, count))
    variance = PARTY * math.fsum(probability * (1.0 - probability)) + rate_variance
    share, most = mean / count, mean * (count - mean)
    if variance <= 0 or most <= 0:
        return mean, float(np.floor(mean)), float(np.ceil(mean))
    # A count between 0 and n has at most the variance of all or nothing.
    size = max(most / variance - 1.0, 1e-3)
    tail = (1.0 - confidence) / 2.0
    low, high = (float(betaincinv(share * size, (1 - share) * size, at)) for at in (tail, 1.0 - tail))
    return mean, float(np.floor(low * count)), float(np.ceil(high * count))
