"""Are log-likelihood ratios what they claim? Cllr, its minimum, and reliability in equal-mass bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Cost of log-likelihood ratios over labelled trials.

    Attributes
    ----------
    events, others : int
        Trials of either kind.
    cllr, minimum : float or None
        In bits, from 0 (perfect) over 1 (says nothing) upwards; None where either kind is missing.
        `minimum`: what the best monotone calibration of the same scores would reach; the difference is
        the loss by bad calibration.
    """

    events: int
    others: int
    cllr: float | None
    minimum: float | None

    @property
    def loss(self) -> float | None:
        """What calibration costs, in bits, at least 0."""
        return None if self.cllr is None or self.minimum is None else self.cllr - self.minimum


def calibration(ratios: ArrayLike, is_event: ArrayLike) -> Calibration:
    """Compute Cllr and its minimum.

    Parameters
    ----------
    ratios : array_like
        Shape (n,): natural log-likelihood ratios, finite.
    is_event : array_like of bool
        Shape (n,).

    Notes
    -----
    ``Cllr = (mean over events of log2(1 + e^-r) + mean over others of log2(1 + e^r)) / 2``: Bruemmer and
    du Preez, "Application-independent evaluation of speaker detection", Computer Speech and Language 20
    (2006). The minimum is taken after the pool-adjacent-violators algorithm on the same trials.

    Examples
    --------
    >>> calibration([0.0, 0.0], [True, False]).cllr
    1.0
    """
    r, y = np.asarray(ratios, dtype=np.float64), np.asarray(is_event, dtype=bool)
    events, others = int(y.sum()), int((~y).sum())
    if not events or not others:
        return Calibration(events, others, None, None)
    return Calibration(events, others, _cost(r, y), _cost(_best(r, y), y))


def _cost(r: Floats, y: NDArray[np.bool_]) -> float:
    with np.errstate(over="ignore"):
        return float((np.logaddexp(0.0, -r[y]).mean() + np.logaddexp(0.0, r[~y]).mean()) / (2 * np.log(2.0)))


def _best(r: Floats, y: NDArray[np.bool_]) -> Floats:
    """Calibrate by isotonic regression on the trials themselves (ties share a value)."""
    from sklearn.isotonic import IsotonicRegression

    share = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(r, y.astype(np.float64))
    with np.errstate(divide="ignore"):
        odds = np.log(share) - np.log1p(-share)
    return np.asarray(odds - np.log(y.sum() / (~y).sum()))


def reliability(ratios: ArrayLike, is_event: ArrayLike, bins: int = 10) -> pl.DataFrame:
    """Compare stated with realised log odds, in bins that hold equally many *events*.

    Equal mass of events, because honest trials outnumber them so far that bins of equal size would all
    but one say "honest".

    Returns
    -------
    polars.DataFrame
        A row a bin: low, high, stated (what the ratios of its events say, nats), realised
        (ln of the bin's share of events over its share of others; null without others), events, others.
    """
    r, y = np.asarray(ratios, dtype=np.float64), np.asarray(is_event, dtype=bool)
    if not y.any() or y.all():
        return pl.DataFrame(schema=_BINS)
    edges = np.unique(np.quantile(r[y], np.linspace(0.0, 1.0, bins + 1)))
    edges[0], edges[-1] = -np.inf, np.inf
    place = np.clip(np.searchsorted(edges, r, side="right") - 1, 0, max(len(edges) - 2, 0))
    rows = []
    for at in range(max(len(edges) - 1, 1)):
        inside = place == at
        events, others = int((inside & y).sum()), int((inside & ~y).sum())
        realised = None
        if events and others:
            realised = float(np.log(events / y.sum()) - np.log(others / (~y).sum()))
        # Were the ratios right, the bin would hold this share of the others: the mean of e^-r over events.
        stated = float(-np.log(np.exp(-r[inside & y]).mean())) if events else None
        low, high = (float(edges[at]), float(edges[at + 1])) if len(edges) > 1 else (-np.inf, np.inf)
        rows.append((low, high, stated, realised, events, others))
    return pl.DataFrame(rows, schema=_BINS, orient="row")


_BINS = {
    "low": pl.Float64,
    "high": pl.Float64,
    "stated": pl.Float64,
    "realised": pl.Float64,
    "events": pl.Int64,
    "others": pl.Int64,
}
