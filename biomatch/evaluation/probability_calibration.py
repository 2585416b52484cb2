"""Are stated probabilities what they claim? Slopes, log loss, and shares in bins of equal mass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from biomatch import portable
from biomatch.evidence.recalibrate import FEWEST, Recalibration


@dataclass(frozen=True)
class Honesty:
    """How honest stated probabilities are.

    Attributes
    ----------
    cases, events : int
        Cases, and those in which the event happened.
    slope, intercept : float or None
        Of the logistic regression of the event on the stated log odds (Cox, Biometrika 45, 1958). 1 and 0:
        calibrated; a slope below 1: too sure. None with fewer than 20 cases of either kind.
    bin_slope : float or None
        Slope of the line through the bins of `equal_mass`: shares that happened against stated means,
        weighted by cases. None where fewer than two bins differ.
    log_loss, base_loss : float or None
        Mean of -ln P(what happened), in nats, at least 0: as stated, and of the share of events stated for
        all. None without cases.
    """

    cases: int
    events: int
    slope: float | None
    intercept: float | None
    bin_slope: float | None
    log_loss: float | None
    base_loss: float | None


def honesty(probability: ArrayLike, happened: ArrayLike, bins: int = 10) -> Honesty:
    """Judge stated probabilities.

    Parameters
    ----------
    probability : array_like
        Shape (n,), in [0, 1].
    happened : array_like of bool
        Shape (n,).
    bins : int
        Bins of equal mass for `bin_slope`.

    Examples
    --------
    >>> honesty([0.5, 0.5], [True, False]).log_loss
    0.6931471805599453
    """
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(happened, dtype=bool)
    if not len(p):
        return Honesty(0, 0, None, None, None, None, None)
    cox = None
    if min(y.sum(), (~y).sum()) >= FEWEST:
        cox = Recalibration.fit(p, y)
    table = equal_mass(p, y, bins)
    x, seen, weight = (table[name].to_numpy() for name in ("stated", "happened", "cases"))
    spread = _covariance(x, x, weight) if len(x) > 1 else 0.0
    slope = None
    if spread > 0:
        slope = _covariance(x, seen, weight) / spread
    return Honesty(
        len(y),
        int(y.sum()),
        cox.slope if cox else None,
        cox.intercept if cox else None,
        slope,
        log_loss(p, y),
        log_loss(np.full(len(y), y.mean()), y),
    )


def _covariance(x: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[Any]) -> float:
    """Give a weighted covariance, up to a factor that a ratio of two loses."""
    total = weight.sum()
    left, right = x - (weight * x).sum() / total, y - (weight * y).sum() / total
    return float((weight * left * right).sum() / total)


def log_loss(probability: ArrayLike, happened: ArrayLike) -> float:
    """Give the mean of -ln P(what happened), in nats, at least 0; probabilities are cut at one in a million.

    Cut, because a single event at a stated 0 would otherwise make the mean infinite. No cases: NaN.
    """
    p = np.clip(np.asarray(probability, dtype=np.float64), 1e-6, 1 - 1e-6)
    if not len(p):
        return float("nan")
    return float(-np.mean(np.where(np.asarray(happened, dtype=bool), portable.log(p), portable.log1p(-p))))


def equal_mass(probability: ArrayLike, happened: ArrayLike, bins: int = 10) -> pl.DataFrame:
    """Compare stated with realised probability in bins of equally many cases (equal values stay together).

    Returns
    -------
    polars.DataFrame
        A row a bin, in ascending order: cases, stated (mean), happened (share).
    """
    p, y = np.asarray(probability, dtype=np.float64), np.asarray(happened, dtype=bool)
    if not len(p):
        return pl.DataFrame(schema={"cases": pl.Int64, "stated": pl.Float64, "happened": pl.Float64})
    edges = np.unique(np.quantile(p, np.linspace(0.0, 1.0, bins + 1)[1:-1]))
    at = np.searchsorted(edges, p, side="left")
    return (
        pl.DataFrame({"at": at, "p": p, "y": y.astype(np.float64)})
        .group_by("at")
        .agg(cases=pl.len().cast(pl.Int64), stated=pl.col("p").mean(), happened=pl.col("y").mean())
        .sort("at")
        .drop("at")
    )
