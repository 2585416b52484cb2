"""Cost-optimal thresholds: what alarms and misses cost an office a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from biomatch import checks
from biomatch.curves.build import IdentificationCurve
from biomatch.errors import ResultsError
from biomatch.rates import Rate
from biomatch.settings.base import ASSUMED, Settings, setting


class Costs(Settings):
    """What a day at the border looks like, and what its errors cost.

    Examples
    --------
    >>> Costs(prevalence=0.001).alarm_minutes
    5.0
    """

    prevalence: float = setting(
        ..., "share of searches whose person is in the gallery; the user's", ge=0, le=1
    )
    traffic_per_day: float = setting(10_000.0, f"{ASSUMED}: searches a day", gt=0)
    alarm_minutes: float = setting(
        5.0, f"{ASSUMED}: an officer's minutes for one alarm, right or wrong", ge=0
    )
    miss_minutes: float = setting(
        480.0, f"{ASSUMED}: what one miss is worth, in the same minutes (a working day)", ge=0
    )


@dataclass(frozen=True)
class Day:
    """A day at one threshold.

    Attributes
    ----------
    threshold : float
        The face threshold.
    fpir, fnir : Rate
        Of the tuning set there; FNIR at rank L, since only listed candidates can raise an alarm.
    false_alarms, true_alarms, misses, cost_minutes : tuple of float
        Expected a day: value, lower and upper bound.
    positive_predictive_value : tuple or None
        True alarms of all alarms, with bounds; None where no alarm is expected.

    Notes
    -----
    Bounds come from the corners of the rates' intervals, each with half of the error probability, so that
    both hold at once with the stated confidence.
    """

    threshold: float
    fpir: Rate
    fnir: Rate
    false_alarms: tuple[float, float, float]
    true_alarms: tuple[float, float, float]
    misses: tuple[float, float, float]
    cost_minutes: tuple[float, float, float]
    positive_predictive_value: tuple[float, float, float] | None

    def to_json(self) -> dict[str, Any]:
        """Give plain data; expected figures as value and interval."""
        found: dict[str, Any] = {
            "threshold": self.threshold,
            "fpir": self.fpir.to_json(),
            "fnir": self.fnir.to_json(),
        }
        for name in ("false_alarms", "true_alarms", "misses", "cost_minutes", "positive_predictive_value"):
            figure = getattr(self, name)
            found[name] = None if figure is None else {"value": figure[0], "interval": list(figure[1:])}
        return found


def day(curve: IdentificationCurve, costs: Costs, threshold: float, *, confidence: float = 0.95) -> Day:
    """Describe an expected day at a threshold.

    Parameters
    ----------
    curve : IdentificationCurve
        With mated and non-mated searches.
    costs : Costs
        Prevalence, traffic and prices.
    threshold : float
        The face threshold.
    confidence : float
        Of all bounds together.
    """
    _check(curve)
    checks.confidence(confidence)
    each = 1.0 - (1.0 - confidence) / 2.0
    fpir = curve.fpir(threshold, each)
    fnir = curve.fnir(threshold, curve.list_length, each)
    strangers = costs.traffic_per_day * (1.0 - costs.prevalence)
    known = costs.traffic_per_day * costs.prevalence

    def figures(false_positive: float, miss: float) -> tuple[float, float, float, float]:
        false, missed = strangers * false_positive, known * miss
        true = known - missed
        cost = costs.alarm_minutes * (false + true) + costs.miss_minutes * missed
        return false, true, missed, cost

    def ppv(false_positive: float, miss: float) -> float | None:
        false, true, *_ = figures(false_positive, miss)
        return true / (false + true) if false + true > 0 else None

    value = (float(fpir.value or 0.0), float(fnir.value or 0.0))
    (fp_low, fp_high), (fn_low, fn_high) = fpir.interval, fnir.interval
    corners = [figures(a, b) for a in (fp_low, fp_high) for b in (fn_low, fn_high)]
    middle = figures(*value)
    spans = [(middle[i], min(c[i] for c in corners), max(c[i] for c in corners)) for i in range(4)]
    share, worst, best = ppv(*value), ppv(fp_high, fn_high), ppv(fp_low, fn_low)
    predictive = (
        None if share is None else (share, share if worst is None else worst, 1.0 if best is None else best)
    )
    return Day(threshold, fpir, fnir, spans[0], spans[1], spans[2], spans[3], predictive)


def cheapest(curve: IdentificationCurve, costs: Costs, *, confidence: float = 0.95) -> Day:
    """Find the threshold with the least expected cost a day, among all that make a difference.

    Parameters
    ----------
    curve : IdentificationCurve
        With mated and non-mated searches.
    costs : Costs
        Prevalence, traffic and prices.
    confidence : float
        Of the bounds at the threshold that was found (they do not cover the choice among thresholds; grade
        it on another world).

    Returns
    -------
    Day
        Of equal costs the lowest threshold, which misses least.

    Examples
    --------
    >>> from biomatch.curves.build import identification_curve
    >>> curve = identification_curve([0.9, 0.8, 0.4], [1, 1, 1], [0.1, 0.2, 0.5, 0.3], enrolled_count=10)
    >>> cheapest(curve, Costs(prevalence=0.5, alarm_minutes=1, miss_minutes=2)).threshold
    0.4
    """
    _check(curve)
    points = curve.points(curve.list_length)
    false = (1.0 - costs.prevalence) * points.false_positives / points.non_mated
    missed = costs.prevalence * points.misses / points.mated
    cost = costs.alarm_minutes * (false + costs.prevalence - missed) + costs.miss_minutes * missed
    # Rounding must not prefer a higher threshold among equals.
    at = int(np.flatnonzero(cost <= cost.min() * (1.0 + 1e-12))[0])
    return day(curve, costs, points.decimal(at), confidence=confidence)


def _check(curve: IdentificationCurve) -> None:
    if not curve.mated or not curve.non_mated:
        raise ResultsError(
            f"{curve.mated} mated and {curve.non_mated} non-mated searches", remedy="costs need both kinds"
        )
