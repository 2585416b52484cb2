"""Are log-likelihood ratios what they claim? Cllr, its minimum, and reliability in equal-mass bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from biomatch import portable
from biomatch.portable.types import Floats
from biomatch.rates import rate


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
        return float(
            (portable.logaddexp(0.0, -r[y]).mean() + portable.logaddexp(0.0, r[~y]).mean())
            / (2 * portable.log(2.0))
        )


def _best(r: Floats, y: NDArray[np.bool_]) -> Floats:
    """Calibrate by isotonic regression on the trials themselves (ties share a value)."""
    from sklearn.isotonic import IsotonicRegression

    share = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(r, y.astype(np.float64))
    with np.errstate(divide="ignore"):
        odds = portable.log(share) - portable.log1p(-share)
    return np.asarray(odds - portable.log(y.sum() / (~y).sum()))


def reliability(
    ratios: ArrayLike, is_event: ArrayLike, bins: int = 10, confidence: float = 0.95
) -> pl.DataFrame:
    """Compare stated with realised log odds, in bins that hold equally many *events*.

    Equal mass of events, because honest trials outnumber them so far that bins of equal size would all
    but one say "honest".

    Parameters
    ----------
    ratios : array_like
        Shape (n,): natural log-likelihood ratios, finite.
    is_event : array_like of bool
        Shape (n,).
    bins : int
        At most; ties make fewer.
    confidence : float
        Of the interval of what was realised.

    Returns
    -------
    polars.DataFrame
        A row a bin: low, high, stated, realised (nats, at even prior odds of the two kinds), realised_low,
        realised_high, events, others.

    Notes
    -----
    With both kinds weighing the same in all, ``stated`` is the log odds of the mean posterior probability
    over the bin's trials, and ``realised = ln(share of the events) - ln(share of the others)``; right ratios
    make them equal in expectation. Null without others or events; the interval puts the exact intervals of
    both shares into a box, and is open where one kind is missing.
    """
    r, y = np.asarray(ratios, dtype=np.float64), np.asarray(is_event, dtype=bool)
    if not y.any() or y.all():
        return pl.DataFrame(schema=_BINS)
    edges = np.unique(np.quantile(r[y], np.linspace(0.0, 1.0, bins + 1)))
    edges[0], edges[-1] = -np.inf, np.inf
    place = np.clip(np.searchsorted(edges, r, side="right") - 1, 0, max(len(edges) - 2, 0))
    weight = np.where(y, 0.5 / y.sum(), 0.5 / (~y).sum())
    posterior, complement = _sigmoid(r), _sigmoid(-r)
    rows = []
    for at in range(max(len(edges) - 1, 1)):
        inside = place == at
        events, others = int((inside & y).sum()), int((inside & ~y).sum())
        yes, no = float((weight * posterior)[inside].sum()), float((weight * complement)[inside].sum())
        stated = float(portable.log(yes) - portable.log(no)) if yes > 0 and no > 0 else None
        realised = None
        if events and others:
            realised = float(portable.log(events / y.sum()) - portable.log(others / (~y).sum()))
        of_events = rate(events, int(y.sum()), confidence).interval
        of_others = rate(others, int((~y).sum()), confidence).interval
        least = float(portable.log(of_events[0]) - portable.log(of_others[1])) if events else None
        most = float(portable.log(of_events[1]) - portable.log(of_others[0])) if others else None
        low, high = (float(edges[at]), float(edges[at + 1])) if len(edges) > 1 else (-np.inf, np.inf)
        rows.append((low, high, stated, realised, least, most, events, others))
    return pl.DataFrame(rows, schema=_BINS, orient="row")


def _sigmoid(r: Floats) -> Floats:
    return portable.exp(-portable.logaddexp(0.0, -r))


_BINS = {
    "low": pl.Float64,
    "high": pl.Float64,
    "stated": pl.Float64,
    "realised": pl.Float64,
    "realised_low": pl.Float64,
    "realised_high": pl.Float64,
    "events": pl.Int64,
    "others": pl.Int64,
}
