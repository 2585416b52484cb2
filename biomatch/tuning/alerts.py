"""Thresholds of alerts: under a limit of alerts a day, or by cost; one joint problem for all kinds.

What a threshold means, and how rates of two kinds of worlds are put together at a prevalence, stands in
`biomatch.tuning.alert_estimates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.errors import ResultsError, SettingsError
from biomatch.evaluation.alerts import AlertCurve
from biomatch.policy import OperatingPoint
from biomatch.tuning.alert_estimates import (
    DETECTED_PER_MILLION,
    STOP_MINUTES,
    AlertCosts,
    Estimate,
    check_setting,
    estimate,
)

Floats = NDArray[np.float64]
SILENT = 1e9
"""A threshold that no score reaches: the kind does not alarm."""


@dataclass(frozen=True)
class AlertPlan:
    """Thresholds by kind, with what they mean.

    Attributes
    ----------
    estimates : mapping of str to Estimate
        By kind of alert.
    traffic : float
        Encounters a day.
    lineages : tuple of int
        Worlds that went into it.
    how : str
        The rule that chose, in words.
    """

    estimates: Mapping[str, Estimate]
    traffic: float
    lineages: tuple[int, ...]
    how: str

    @property
    def thresholds(self) -> dict[str, float]:
        """Threshold of each kind."""
        return {kind: one.threshold for kind, one in self.estimates.items()}

    @property
    def alerts_a_day(self) -> float:
        """Expected alerts of all kinds; a traveller who raises two kinds counts twice."""
        return sum(one.alerts_a_day[0] for one in self.estimates.values())

    def lines(self) -> list[str]:
        """Say the plan in words, a line a kind."""
        told = [f"{self.how}, at {self.traffic:,.0f} encounters a day: {self.alerts_a_day:.3g} expected"]
        for kind, one in self.estimates.items():
            if one.threshold == SILENT:
                told.append(f"  {kind}: silent, not worth its stops")
                continue
            right = "" if one.precision is None else f"; right 1 in {1 / max(one.precision[0], 1e-12):,.0f}"
            told.append(
                f"  {kind}: from a score of {one.threshold:.6g}: caught {one.catch_rate}; honest stopped "
                f"{one.false_alarm_rate}{right} at {1e6 * one.prevalence:g} per million"
            )
        return told

    def apply(self, point: OperatingPoint) -> OperatingPoint:
        """Put the thresholds and their lineages into an operating point."""
        values = point.model_dump(mode="json")
        values["alert_thresholds"] = {**point.alert_thresholds, **self.thresholds}
        values["lineages"] = sorted({*point.lineages, *self.lineages})
        values["guarantee"] = {**point.guarantee, "alerts": self.to_json()}
        return OperatingPoint.from_mapping(values)

    def to_json(self) -> dict[str, Any]:
        """Give the plan as plain data."""
        return {
            "how": self.how,
            "traffic": self.traffic,
            "alerts_a_day": self.alerts_a_day,
            "kinds": {kind: one.to_json() for kind, one in self.estimates.items()},
        }


def tune_alerts(
    curves: Mapping[str, AlertCurve],
    *,
    max_alerts_a_day: float | None = None,
    costs: AlertCosts | None = None,
    traffic: float,
    prevalence: float | Mapping[str, float] = DETECTED_PER_MILLION / 1e6,
    confidence: float = 0.95,
    stop_minutes: float = STOP_MINUTES,
) -> AlertPlan:
    """Choose a threshold for each kind of alert.

    Parameters
    ----------
    curves : mapping of str to AlertCurve
        By kind of alert; `combined` puts catches and false stops of two worlds together.
    max_alerts_a_day : float, optional
        Limit on the expected alerts of all kinds together: most events are caught that can be.
    costs : AlertCosts, optional
        Instead of a limit: least expected cost, each kind for itself.
    traffic : float
        Encounters a day at which it shall hold.
    prevalence : float or mapping of str to float
        Events an encounter, one for all kinds or by kind.
    confidence, stop_minutes : float
        As in `estimate`.

    Returns
    -------
    AlertPlan
        A kind that is not worth its stops gets the threshold `SILENT`.

    Raises
    ------
    ResultsError
        Without curves, or with both or neither of limit and costs.

    Notes
    -----
    Under a limit, each curve of catches against alerts is replaced by its concave hull, and segments are
    taken in the order of catches per alert until the limit is reached: the Lagrangian solution of the
    joint problem, within one segment of the optimum.
    """
    if (max_alerts_a_day is None) == (costs is None):
        raise ResultsError(
            "both or neither of a limit and costs", allowed="max_alerts_a_day=... or costs=..., one of them"
        )
    if not curves:
        raise ResultsError("no kind of alert to tune", remedy="run a system whose alerts.kinds has some")
    rates = {kind: _of(prevalence, kind) for kind in curves}
    for rate in rates.values():
        check_setting(rate, traffic)
    if costs is not None:
        chosen = {
            kind: _cheapest(curve, rates[kind], costs.stop, costs.of_miss(kind))
            for kind, curve in curves.items()
        }
        how = f"least expected cost: {costs.stop:g} a stop, {costs.miss:g} a miss"
    else:
        limit = max_alerts_a_day or 0.0
        if limit < 0:
            raise SettingsError(f"max_alerts_a_day = {limit}", allowed="a number from 0")
        chosen = _under_limit(curves, rates, limit / traffic)
        how = f"most caught under {limit:g} expected alerts a day"
    estimates = {
        kind: estimate(
            curve,
            chosen[kind],
            kind=kind,
            prevalence=rates[kind],
            traffic=traffic,
            confidence=confidence,
            stop_minutes=stop_minutes,
            costs=costs,
        )
        for kind, curve in curves.items()
    }
    lineages = sorted({seed for curve in curves.values() for seed in curve.lineages})
    return AlertPlan(estimates, traffic, tuple(lineages), how)


def _of(prevalence: float | Mapping[str, float], kind: str) -> float:
    if not isinstance(prevalence, Mapping):
        return float(prevalence)
    if kind not in prevalence:
        raise SettingsError(f"no prevalence of {kind!r}", allowed=", ".join(prevalence), remedy="add it")
    return float(prevalence[kind])


def _steps(curve: AlertCurve, prevalence: float) -> tuple[Floats, Floats, Floats]:
    """Give thresholds (descending, `SILENT` first), catches and alerts, both an encounter."""
    thresholds = np.r_[SILENT, curve.thresholds]
    caught, stopped = curve.at(thresholds)
    c = prevalence * caught / max(curve.events, 1)
    return thresholds, c, c + (1.0 - prevalence) * stopped / max(curve.encounters, 1)


def _cheapest(curve: AlertCurve, prevalence: float, stop: float, miss: float) -> float:
    thresholds, caught, alerts = _steps(curve, prevalence)
    # Of equal costs the highest threshold: nobody is stopped for nothing.
    return float(thresholds[np.argmin(stop * alerts - miss * caught)])


def _under_limit(
    curves: Mapping[str, AlertCurve], rates: Mapping[str, float], limit: float
) -> dict[str, float]:
    hulls = {kind: _hull(*_steps(curve, rates[kind])) for kind, curve in curves.items()}
    segments = sorted(
        (
            (-slope, kind, place)
            for kind, (_, _, slopes) in hulls.items()
            for place, slope in enumerate(slopes)
        ),
        key=lambda one: (one[0], one[1], one[2]),
    )
    chosen = dict.fromkeys(curves, SILENT)
    spent = 0.0
    for _, kind, place in segments:
        thresholds, alerts, _ = hulls[kind]
        more = alerts[place + 1] - alerts[place]
        # Segments of one kind come in the order of their slope: a later one never goes before an earlier.
        if spent + more > limit or chosen[kind] != thresholds[place]:
            continue
        spent += more
        chosen[kind] = float(thresholds[place + 1])
    return chosen


def _hull(thresholds: Floats, caught: Floats, alerts: Floats) -> tuple[Floats, Floats, Floats]:
    """Keep the corners of the concave hull of catches over alerts, and its falling slopes."""
    kept: list[int] = []

    def bends_up(a: int, b: int, c: int) -> bool:
        rise = (alerts[b] - alerts[a]) * (caught[c] - caught[a])
        return bool(rise >= (caught[b] - caught[a]) * (alerts[c] - alerts[a]))

    for place in range(len(thresholds)):
        if kept and caught[place] <= caught[kept[-1]]:
            continue  # more alerts, nothing more caught
        while len(kept) > 1 and bends_up(kept[-2], kept[-1], place):
            kept.pop()
        kept.append(place)
    at = np.array(kept)
    slopes = np.diff(caught[at]) / np.maximum(np.diff(alerts[at]), 1e-300)
    return thresholds[at], alerts[at], slopes
