"""Comparison scores to calibrated log-likelihood ratios, by quality and age gap; monotone by construction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomatch import portable
from biomatch.errors import ModelError, TableError
from biomatch.portable.types import Floats

_KNOTS = 17
_RIDGE = 1e-8  # only keeps coefficients finite where the two kinds of pairs do not overlap
_MAX_CONTAMINATION = 0.05
_OWN_AMONG_STRANGE = 0.1
"""Of document pairs with strangers' scores, the share that is one person's after all: a spoilt capture.
Assumed: without labels nothing in the scores can tell. Where labels are at hand it is not used."""
_STEPS = 200
_FEW = 5_000  # pairs of either kind from which the effects of quality and age gap are fitted
_CELLS = 256  # cells of the shifted score that isotonic regression pools
FAMILY = "monotone-index-1"


@dataclass(frozen=True)
class FaceCalibrator:
    """Natural log-likelihood ratio of "one person" against "two persons" for a comparison score.

    The ratio is a non-decreasing, piecewise linear function of
    ``score + by_quality * (best - quality) / span + by_gap * years``: poor quality and passing years lower
    mated scores, hence excuse a low score; they never turn a higher score into weaker evidence.

    Attributes
    ----------
    knots, values : tuple of float
        The function: ratios (nats) at index values; constant beyond both ends.
    by_quality, by_gap : float
        At least 0. Score units from the best to the worst quality (of the poorer sample), and by year.
    best_quality, quality_span : float
        Range of quality in the sample that was fitted (95th percentile, and distance to the 5th).
    limit : float
        Ratios are clipped to ``[-limit, limit]``: no more than the sample that was fitted can support.
    contamination : float
        Share of the pairs called mated that were not, as estimated or given.
    lineages : tuple of int
        Worlds whose labels were used; empty where a stream's own records served.
    """

    knots: tuple[float, ...]
    values: tuple[float, ...]
    by_quality: float
    by_gap: float
    limit: float
    contamination: float = 0.0
    best_quality: float = 1.0
    quality_span: float = 1.0
    lineages: tuple[int, ...] = ()

    def llr(self, score: ArrayLike, quality: ArrayLike = 1.0, years: ArrayLike = 0.0) -> Floats:
        """Give the ratio of each pair.

        Parameters
        ----------
        score : array_like
            Comparison scores; NaN: nothing was compared.
        quality : array_like
            Quality of the poorer sample, on the scale that was fitted; NaN counts as the best.
        years : array_like
            Years between the two samples, at least 0; NaN counts as 0.

        Returns
        -------
        ndarray of float64
            Natural log-likelihood ratios; 0 where nothing was compared.
        """
        s = np.asarray(score, dtype=np.float64)
        poor = (self.best_quality - np.asarray(quality, dtype=np.float64)) / self.quality_span
        index = (
            s
            + self.by_quality * np.nan_to_num(poor)
            + self.by_gap * np.nan_to_num(np.asarray(years, np.float64))
        )
        ratio = np.interp(index, self.knots, self.values)
        return np.where(np.isnan(s), 0.0, np.clip(ratio, -self.limit, self.limit))

    @classmethod
    def fit(
        cls,
        score: ArrayLike,
        mated: ArrayLike,
        *,
        quality: ArrayLike | None = None,
        years: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        contamination: float | None = 0.0,
        lineages: tuple[int, ...] = (),
    ) -> Self:
        """Fit the shifts by logistic regression and the function by isotonic regression.

        Parameters
        ----------
        score : array_like
            Shape (n,): comparison scores, finite.
        mated : array_like of bool
            Shape (n,): whether both samples are one person's.
        quality, years : array_like, optional
            Shape (n,), as in `llr`.
        weight : array_like, optional
            Shape (n,), above 0: how many comparisons a row stands for, for example where the highest
            non-mated scores were all kept and the others sampled.
        contamination : float or None
            Share of the pairs called mated that are not. None: estimate it (up to 0.05), for pairs that
            a document joined, some of which are sham exits.
        lineages : tuple of int
            Worlds that the labels came from.

        Raises
        ------
        ModelError
            With fewer than 50 pairs of either kind, which could not be calibrated.
        TableError
            For arrays of unequal length or values that are not finite.
        """
        s, y = np.asarray(score, dtype=np.float64), np.asarray(mated, dtype=bool)
        q = np.ones(len(s)) if quality is None else np.asarray(quality, dtype=np.float64)
        worst, best = np.nanquantile(q, [0.05, 0.95]) if np.isfinite(q).any() else (1.0, 1.0)
        span = float(best - worst) or 1.0
        poor = np.nan_to_num((best - q) / span)
        gap = np.zeros(len(s)) if years is None else np.nan_to_num(np.asarray(years, dtype=np.float64))
        w = np.ones(len(s)) if weight is None else np.asarray(weight, dtype=np.float64)
        if not (s.ndim == 1 and s.shape == y.shape == poor.shape == gap.shape == w.shape):
            raise TableError(
                f"{s.shape} scores, {y.shape} labels, {w.shape} weights", allowed="equal lengths"
            )
        if not (np.isfinite(s).all() and (w > 0).all()):
            raise TableError("a score is not finite or a weight is not above 0", remedy="drop such pairs")
        if min(y.sum(), (~y).sum()) < 50:
            raise ModelError(
                f"{int(y.sum())} mated and {int((~y).sum())} non-mated pairs",
                allowed="at least 50 of each",
                remedy="give a larger training sample, or a fitted calibrator",
            )
        support = float(portable.log(w[~y].sum()))
        # First what shifts the score, on a sample; then the function of the shifted score, on all pairs.
        few = _thin(y)
        by_quality, by_gap = _shifts(s[few], y[few], poor[few], gap[few], w[few])
        index = s + by_quality * poor + by_gap * gap
        knots, values, share = _isotonic(index, y, w, contamination)
        return cls(
            knots=tuple(knots.tolist()),
            values=tuple(values.tolist()),
            by_quality=by_quality,
            by_gap=by_gap,
            limit=support,
            contamination=share,
            best_quality=float(best),
            quality_span=span,
            lineages=lineages,
        )

    def to_json(self) -> dict[str, Any]:
        """Give the calibrator as plain data."""
        return {
            "family": FAMILY,
            "knots": list(self.knots),
            "values": list(self.values),
            "by_quality": self.by_quality,
            "by_gap": self.by_gap,
            "limit": self.limit,
            "contamination": self.contamination,
            "best_quality": self.best_quality,
            "quality_span": self.quality_span,
            "lineages": list(self.lineages),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read what `to_json` gave."""
        if data.get("family") != FAMILY:
            raise ModelError(f"a calibrator of family {data.get('family')!r}", allowed=FAMILY)
        fields = {name: value for name, value in data.items() if name != "family"}
        for name in ("knots", "values", "lineages"):
            fields[name] = tuple(fields[name])
        return cls(**fields)


def _thin(mated: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Pick rows of either kind, evenly spaced, down to a bound that only saves time."""
    kinds = np.flatnonzero(mated), np.flatnonzero(~mated)
    return np.concatenate([rows[:: max(1, len(rows) // _FEW)] for rows in kinds])


def _isotonic(
    index: Floats, y: NDArray[np.bool_], w: Floats, contamination: float | None
) -> tuple[Floats, Floats, float]:
    """Fit the ratio as any non-decreasing function (pool adjacent violators), blocks joined linearly.

    Half a pair of either kind is added to each pooled block, so that no ratio is infinite.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(index, kind="stable")
    cell = np.searchsorted(np.linspace(index.min(), index.max(), _CELLS + 1)[1:-1], index[order])
    sums = [np.bincount(cell, w[order] * kind[order], _CELLS) for kind in (y, ~y)]
    totals = [float(part.sum()) for part in sums]
    share = [part / total for part, total in zip(sums, totals, strict=True)]
    used = np.flatnonzero(share[0] + share[1] > 0)
    target = share[0][used] / (share[0] + share[1])[used]
    blocks = isotonic_regression(target, weights=(share[0] + share[1])[used]).blocks
    starts, ends = blocks[:-1], blocks[1:] - 1
    mated, other = (np.add.reduceat(part[used], starts) for part in sums)
    middle = np.bincount(cell, index[order], _CELLS)[used] / np.bincount(cell, minlength=_CELLS)[used]
    q = (other + 0.5) / totals[1]
    p = (mated + 0.5) / totals[0]
    floor = np.full(len(p), 0.5 / totals[0])
    if contamination is None:
        # Pairs called mated whose scores are like strangers': nine in ten of them are taken for strangers.
        strangers = np.searchsorted(np.cumsum(q), 0.5) + 1
        alike = mated[:strangers].sum() / totals[0] / (other[:strangers].sum() / totals[1])
        contamination = float(min((1 - _OWN_AMONG_STRANGE) * alike, _MAX_CONTAMINATION))
        floor = np.maximum(floor, _OWN_AMONG_STRANGE * p)
    p = np.maximum(p - contamination * q, floor) / (1 - contamination)
    level = portable.log(p / q)
    # The half pair weighs most in the smallest blocks, at the ends: there they follow their inner neighbour.
    below = mated / totals[0] < other / totals[1]
    level[below] = np.minimum.accumulate(level[below][::-1])[::-1]
    level = np.maximum.accumulate(level)
    # Level within a block, straight between the last cell of one and the first of the next.
    knots = np.stack([middle[starts], middle[ends]], axis=1).ravel()
    values = np.repeat(level, 2)
    kept = np.r_[True, np.diff(knots) > 0]
    return knots[kept], values[kept], contamination


def _shifts(s: Floats, y: NDArray[np.bool_], poor: Floats, gap: Floats, w: Floats) -> tuple[float, float]:
    """Fit by_quality and by_gap by logistic regression; parameters: level, rises, by_quality, by_gap."""
    knots = np.linspace(s.min(), s.max(), _KNOTS)
    width = knots[1] - knots[0] or 1.0
    weight = np.where(y, w / (2 * w[y].sum()), w / (2 * w[~y].sum()))

    def state(theta: Floats) -> tuple[float, Floats, Floats]:
        index = s + theta[_KNOTS] * poor + theta[_KNOTS + 1] * gap
        place = np.clip((index - knots[0]) / width, 0.0, _KNOTS - 1.0)
        rises = theta[1:_KNOTS]
        # Slopes of the ratio in each parameter: how much of a rise lies below the place.
        slopes = np.empty((len(s), _KNOTS + 2))
        slopes[:, 0] = 1.0
        slopes[:, 1:_KNOTS] = np.clip(place[:, None] - np.arange(_KNOTS - 1), 0.0, 1.0)
        steep = rises[np.minimum(place.astype(np.int64), _KNOTS - 2)] / width
        steep = np.where((place > 0) & (place < _KNOTS - 1), steep, 0.0)
        slopes[:, _KNOTS], slopes[:, _KNOTS + 1] = steep * poor, steep * gap
        ratio = portable.fold(slopes[:, :_KNOTS] * theta[:_KNOTS])
        chance = portable.expit(ratio)
        value = (weight * portable.logaddexp(0.0, np.where(y, -ratio, ratio))).sum()
        gradient = ((weight * (chance - y))[:, None] * slopes).sum(axis=0)
        bent = portable.dot((slopes * (weight * chance * (1.0 - chance))[:, None]).T, slopes)
        gradient[1:_KNOTS] += 2 * _RIDGE * rises
        bent[range(1, _KNOTS), range(1, _KNOTS)] += 2 * _RIDGE
        return float(value + _RIDGE * (rises * rises).sum()), gradient, bent

    start = np.r_[-4.0, np.full(_KNOTS - 1, 8.0 / (_KNOTS - 1)), 0.0, 0.0]
    # Bounds on both shifts: at most half the range of scores for the worst quality, or for ten years.
    reach = 0.5 * (knots[-1] - knots[0])
    low = np.r_[-60.0, np.zeros(_KNOTS + 1)]
    high = np.r_[np.full(_KNOTS, 60.0), reach, reach / 10]
    found = _descended(state, start, low, high)
    return float(found[_KNOTS]), float(found[_KNOTS + 1])


def _descended(
    state: Callable[[Floats], tuple[float, Floats, Floats]], theta: Floats, low: Floats, high: Floats
) -> Floats:
    """Minimise within bounds by damped Newton steps (Levenberg and Marquardt; Bertsekas' active set).

    `state` gives value, gradient and curvature. Every sum has a fixed order, so every step, and the step
    at which it stops, is the same on every machine; a library's minimiser goes through the BLAS.
    """
    value, gradient, bent = state(theta)
    damping = 1e-3
    for _ in range(_STEPS):
        free = np.flatnonzero(~(((theta <= low) & (gradient > 0)) | ((theta >= high) & (gradient < 0))))
        if not len(free):
            break
        matrix = bent[np.ix_(free, free)]
        matrix = matrix + np.diag(damping * np.diag(matrix) + 1e-12)
        trial = theta.copy()
        trial[free] -= portable.solve(matrix, gradient[free])
        trial = np.clip(trial, low, high)
        found = state(trial)
        if found[0] < value:
            moved = float(np.abs(trial[_KNOTS:] - theta[_KNOTS:]).max())
            gained = value - found[0]
            theta, (value, gradient, bent), damping = trial, found, max(damping / 10, 1e-9)
            if gained < 1e-12 and moved < 1e-9:
                break
        elif damping > 1e8:
            break
        else:
            damping *= 10
    return theta
