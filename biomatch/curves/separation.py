"""How far two classes of scores lie apart, each in a figure: AUC, d', Cllr; intervals heed subjects.

Every figure is rounded to nine significant digits, so that no order of summation can be seen in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import expit, logit
from scipy.stats import t as student

from biomatch import checks
from biomatch.curves.verification import VerificationCurve
from biomatch.errors import ResultsError
from biomatch.portable.types import Reals
from biomatch.rates import effective_subjects

DIGITS = 9
FEWEST_FREEDOM = 5.0
"""Degrees of freedom below which the fourth moment itself is not known (chosen on the grid of the study)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and its interval.

    Attributes
    ----------
    value : float or None
        None where the scores cannot give it.
    interval : tuple of float or None
        Two-sided; None where no honest one is known.
    confidence : float
        Of the interval.
    about : str
        What the figure takes for granted.
    """

    value: float | None
    interval: tuple[float, float] | None = None
    confidence: float = 0.95
    about: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        return {
            "value": self.value,
            "interval": None if self.interval is None else list(self.interval),
            "confidence": self.confidence,
            "about": self.about,
        }

    def __str__(self) -> str:
        if self.value is None:
            return f"none ({self.about})"
        if self.interval is None:
            return shown(self.value)
        return f"{shown(self.value)} ({shown(self.interval[0])} to {shown(self.interval[1])})"


def shown(value: float) -> str:
    """Write a figure for reading; close to 1 its distance from 1 keeps two digits."""
    return f"{value:.8f}".rstrip("0").rstrip(".") if 0.99 < value < 1.0 else f"{value:.4g}"


def auc(curve: VerificationCurve, confidence: float = 0.95) -> Figure:
    """Give the area under the ROC curve: the chance that a mated score exceeds a non-mated one (ties: half).

    The interval is DeLong's (Biometrics 44, 1988) with the subjects as clusters (Obuchowski, Biometrics 53,
    1997), on the logit scale with Student's quantile; where nothing overlaps it is that of no error in as
    many trials as there are effective subjects.

    Examples
    --------
    >>> from biomatch.curves.build import verification_curve
    >>> auc(verification_curve([0.5, 0.6, 0.7, 0.3], [0.1, 0.2, 0.3, 0.5])).value
    0.875
    """
    mated, other = _both(curve)
    m, k = mated.size, other.size
    wins, of_other = _placements(mated, other), _placements(-other, -mated)
    twice = int(np.searchsorted(np.sort(other), mated, side="left").astype(np.int64).sum()) + int(
        np.searchsorted(np.sort(other), mated, side="right").astype(np.int64).sum()
    )
    area = twice / (2 * m * k)
    variance, freedom = _variance(curve, (wins - area) / m, (of_other - area) / k)
    tail = (1.0 - checks.confidence(confidence)) / 2.0
    if variance <= 0.0 or not 0.0 < area < 1.0:
        reach = 1.0 - tail ** (1.0 / (freedom + 1.0))
        ends = (max(0.0, area - reach), min(1.0, area + reach))
    else:
        step = student.isf(tail, freedom) * np.sqrt(variance) / (area * (1.0 - area))
        ends = (float(expit(logit(area) - step)), float(expit(logit(area) + step)))
    return _figure(area, ends, confidence)


def d_prime(curve: VerificationCurve) -> Figure:
    """Give d': the distance of the means over the root mean variance (Daugman, 2000).

    Examples
    --------
    >>> from biomatch.curves.build import verification_curve
    >>> d_prime(verification_curve([3.0, 5.0], [0.0, 2.0])).value
    3.0
    """
    mated, other = _both(curve)
    spread = (float(mated.var()) + float(other.var())) / 2.0
    if spread <= 0.0:
        return Figure(None, about="no score varies within its class")
    return _figure(abs(float(mated.mean()) - float(other.mean())) / np.sqrt(spread), None, 0.95)


def cllr(curve: VerificationCurve, confidence: float = 0.95) -> Figure:
    """Give Cllr in bits, which reads scores as natural logarithms of likelihood ratios.

    Brummer and du Preez, Computer Speech and Language 20 (2006): 0 is perfect, 1 is no information. Of
    scores that are no such ratios it says how badly they would serve as ones. The interval is that of the
    two means with subjects as clusters, on the logarithmic scale with Student's quantile.

    Examples
    --------
    >>> from biomatch.curves.build import verification_curve
    >>> round(cllr(verification_curve([0.5, 0.6, 0.7, 0.3], [0.1, 0.2, 0.3, 0.5])).value, 5)
    0.94498
    """
    mated, other = _both(curve)
    own, strange = np.logaddexp(0.0, -mated) / np.log(2.0), np.logaddexp(0.0, other) / np.log(2.0)
    cost = (float(own.mean()) + float(strange.mean())) / 2.0
    parts = (own - own.mean()) / (2 * own.size), (strange - strange.mean()) / (2 * strange.size)
    variance, freedom = _variance(curve, *parts)
    ends = None
    if cost > 0.0 and np.isfinite(variance):
        tail = (1.0 - checks.confidence(confidence)) / 2.0
        step = student.isf(tail, freedom) * np.sqrt(variance) / cost
        ends = (float(cost * np.exp(-step)), float(cost * np.exp(step)))
    about = "scores read as natural-log likelihood ratios"
    return _figure(cost, ends, confidence, about)


def min_cllr(curve: VerificationCurve) -> Figure:
    """Give the least Cllr that a monotone map of these scores can reach (pool adjacent violators).

    It is fitted and counted on the same scores, hence no interval.

    Examples
    --------
    >>> from biomatch.curves.build import verification_curve
    >>> min_cllr(verification_curve([0.5, 0.6, 0.7, 0.3], [0.1, 0.2, 0.3, 0.5])).value
    0.5
    """
    mated, other = _both(curve)
    scores = np.concatenate([mated, other])
    values, place = np.unique(scores, return_inverse=True)
    own = np.bincount(place[: mated.size], minlength=values.size).astype(np.float64)
    every = np.bincount(place, minlength=values.size).astype(np.float64)
    share = isotonic_regression(own / every, weights=every).x
    odds = mated.size / other.size
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = share / (1.0 - share) / odds  # the likelihood ratio that each score stands for
        for_mated = np.where(own > 0, own * np.log2(1.0 + 1.0 / ratio), 0.0)
        strange = every - own
        for_other = np.where(strange > 0, strange * np.log2(1.0 + ratio), 0.0)
    cost = (for_mated.sum() / mated.size + for_other.sum() / other.size) / 2.0
    return _figure(float(cost), None, 0.95, "fitted and counted on the same scores")


def _both(curve: VerificationCurve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the scores of both classes that are finite, as similarities in double precision."""
    mated, other = curve.mated_scores, curve.non_mated_scores
    if not mated.size or not other.size:
        raise ResultsError("one class only", remedy="give mated and non-mated scores")
    return _numbers(mated), _numbers(other)


def _numbers(scores: Reals) -> NDArray[np.float64]:
    """Put comparisons without a score below all others, by a finite number."""
    found = scores.astype(np.float64)
    lost = np.isneginf(found)
    if lost.any():
        known = found[~lost]
        found[lost] = float(known.min()) - max(1.0, float(np.ptp(known))) if known.size else 0.0
    return found


def _placements(scores: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give for each score the share of others below it (ties: half)."""
    order = np.argsort(scores, kind="stable")  # needles in order stay in the cache
    ascending = np.sort(others)
    places = np.empty(scores.size)
    needles = scores[order]
    places[order] = np.searchsorted(ascending, needles, side="left") + np.searchsorted(
        ascending, needles, side="right"
    )
    return places / (2.0 * others.size)


def _variance(
    curve: VerificationCurve, own: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[float, float]:
    """Sum the squares of influences by subject, on either side; give the degrees of freedom too.

    A few subjects near the overlap make most of the variance, so the sum of squares is worth as many squares
    as are really in it: (sum s^2)^2 / sum s^4 degrees of freedom, after Satterthwaite (Biometrics Bulletin 2,
    1946) with the fourth moment as seen, and no more than the effective number of subjects gives.
    """
    m, k = own.size, other.size
    alone = float((own**2).sum()) * m / max(m - 1, 1) + float((other**2).sum()) * k / max(k - 1, 1)
    people, strangers, references = curve.mated_subjects, curve.non_mated_subjects, curve.non_mated_references
    if people is None or strangers is None:
        each = np.concatenate([own, other])
        return alone, _freedom(each**2, min(m, k) - 1.0)
    sides = [(people, own), (strangers, other)] + ([(references, other)] if references is not None else [])
    _, codes = np.unique(np.concatenate([who for who, _ in sides]), return_inverse=True)
    sums = np.bincount(codes, weights=np.concatenate([parts for _, parts in sides]))
    found = float((sums**2).sum())
    if references is not None:
        found = max(found - float((other**2).sum()), float((own**2).sum() + (other**2).sum()))
    both = strangers if references is None else np.concatenate([strangers, references])
    counts = [np.unique(who, return_counts=True)[1] for who in (people, both)]
    effective = min(effective_subjects(one) or 1.0 for one in counts)
    squares = sums.astype(np.float64) ** 2
    return found * sums.size / max(sums.size - 1, 1), _freedom(squares, effective - 1.0)


def _freedom(squares: NDArray[np.float64], most: float) -> float:
    fourth = float((squares**2).sum())
    seen = max(FEWEST_FREEDOM, float(squares.sum()) ** 2 / fourth) if fourth > 0.0 else most
    return max(1.0, min(most, seen))


def _figure(value: float, ends: tuple[float, float] | None, confidence: float, about: str = "") -> Figure:
    settled = None if ends is None else (_settled(ends[0]), _settled(ends[1]))
    return Figure(_settled(value), settled, confidence, about)


def _settled(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
