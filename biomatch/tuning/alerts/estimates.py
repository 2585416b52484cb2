"""What a threshold of alerts means, at a prevalence and a traffic that the user names.

Fraud is rare, so its two rates come from two places: catch rates from enriched worlds, false stops from
worlds without fraud. They are put together at a prevalence that the user names; neither rate depends on it
(but for ghost exits, which are judged against the share of such departures in the same records: enriched
worlds understate their catch rate). Intervals of what is put together come from a box: each rate is bounded
at confidence ``sqrt(1 - (1 - c) / 2)``, encounters of one traveller and events of one actor taken together,
and because the worlds are independent both bounds hold together with ``1 - (1 - c) / 2``, so the interval
covers at least with c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from biomatch import checks
from biomatch.errors import ResultsError, SettingsError
from biomatch.evaluation.alerts.by_part import joined
from biomatch.evaluation.alerts.curves import AlertCurve
from biomatch.rates import Rate

STOP_MINUTES = 5.0
"""Officer's time for one stop (assumed)."""


@dataclass(frozen=True)
class AlertCosts:
    """What a stop and a miss cost, in one currency.

    Attributes
    ----------
    stop : float
        Each traveller who is stopped, honest or not: officer, delay.
    miss : float
        Each event that is not caught.
    miss_by : mapping of str to float
        Overrides of `miss` by kind of alert.

    Examples
    --------
    >>> AlertCosts(stop=10.0, miss=5_000.0, miss_by={"watchlist": 50_000.0}).of_miss("watchlist")
    50000.0
    """

    stop: float
    miss: float
    miss_by: Mapping[str, float] | None = None

    def of_miss(self, kind: str) -> float:
        """Cost of a missed event of a kind."""
        return float((self.miss_by or {}).get(kind, self.miss))


@dataclass(frozen=True)
class Estimate:
    """What a threshold means at a prevalence and a traffic.

    Attributes
    ----------
    kind : str
        Kind of alert.
    threshold : float
        Score from which it alarms.
    prevalence : float
        Events an encounter, in [0, 1): what was asked for.
    catch_rate, false_alarm_rate : Rate
        As measured, each in worlds of its own.
    alerts_a_day, caught_a_day, stops_a_day : tuple of float
        Estimate, lower and upper bound: all alerts, events caught, honest travellers stopped.
    precision : tuple of float or None
        Positive predictive value: events among alerts; None where the estimate has no alerts.
    officer_hours_a_catch : tuple of float or None
        Hours of stops for each event caught; None where nothing is caught (upper bound infinite too).
    cost_a_day : float or None
        Expected, where costs were given.
    """

    kind: str
    threshold: float
    prevalence: float
    catch_rate: Rate
    false_alarm_rate: Rate
    alerts_a_day: tuple[float, float, float]
    caught_a_day: tuple[float, float, float]
    stops_a_day: tuple[float, float, float]
    precision: tuple[float, float, float] | None
    officer_hours_a_catch: tuple[float, float, float] | None
    cost_a_day: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the estimate as plain data; an interval that has no upper end says null."""

        def figures(of: tuple[float, float, float] | None) -> dict[str, Any] | None:
            if of is None:
                return None
            low, high = (one if np.isfinite(one) else None for one in of[1:])
            return {"value": of[0], "interval": [low, high]}

        return {
            "threshold": self.threshold,
            "prevalence_per_million": 1e6 * self.prevalence,
            "catch_rate": self.catch_rate.to_json(),
            "false_alarm_rate": self.false_alarm_rate.to_json(),
            "alerts_a_day": figures(self.alerts_a_day),
            "caught_a_day": figures(self.caught_a_day),
            "stops_a_day": figures(self.stops_a_day),
            "precision": figures(self.precision),
            "officer_hours_a_catch": figures(self.officer_hours_a_catch),
            "cost_a_day": self.cost_a_day,
        }


def combined(enriched: AlertCurve, clean: AlertCurve) -> AlertCurve:
    """Take catches from an enriched world and false stops from a world without fraud.

    Raises
    ------
    ResultsError
        When the curves are of different kinds, or the worlds share a lineage and so are not independent.
    """
    if enriched.kinds != clean.kinds:
        raise ResultsError(f"curves of {enriched.kinds} and {clean.kinds}", allowed="the same kinds of alert")
    shared = set(enriched.lineages) & set(clean.lineages)
    if shared and enriched is not clean:
        raise ResultsError(
            f"both worlds are of lineage {sorted(shared)[0]}",
            allowed="worlds of different seeds, which are independent",
            remedy="make the world without fraud from another seed",
        )
    return AlertCurve(
        enriched.kinds,
        enriched.event_scores,
        enriched.event_kinds,
        clean.false_scores,
        clean.subjects,
        clean.days,
        tuple(sorted({*enriched.lineages, *clean.lineages})),
        clean.system,
        {
            name: joined([enriched.parts[name]], [clean.parts[name]])
            for name in sorted({*enriched.parts} & {*clean.parts})
        },
        enriched.event_subjects,
    )


def estimate(
    curve: AlertCurve,
    threshold: float,
    *,
    kind: str,
    prevalence: float,
    traffic: float,
    confidence: float = 0.95,
    stop_minutes: float = STOP_MINUTES,
    costs: AlertCosts | None = None,
) -> Estimate:
    """Say what a threshold means at a prevalence and a traffic.

    Parameters
    ----------
    curve : AlertCurve
        From `combined`, or of one world.
    threshold : float
        Score from which the kind alarms.
    kind : str
        Name for the estimate.
    prevalence : float
        Events an encounter, in [0, 1).
    traffic : float
        Encounters a day, above 0.
    confidence : float
        Of the intervals, two-sided.
    stop_minutes : float
        Officer's time for a stop.
    costs : AlertCosts, optional
        For `Estimate.cost_a_day`.
    """
    check_setting(prevalence, traffic)
    checks.confidence(confidence)
    each = 2.0 * np.sqrt(1.0 - (1.0 - confidence) / 2.0) - 1.0  # two-sided level of each side of the box
    catch, stop = curve.catch_rate(threshold, each), curve.false_alarm_rate(threshold, each)
    c = (catch.value or 0.0, *catch.interval)
    f = (stop.value or 0.0, *stop.interval)
    caught = _scaled(c, traffic * prevalence)
    stops = _scaled(f, traffic * (1.0 - prevalence))
    alerts = (caught[0] + stops[0], caught[1] + stops[1], caught[2] + stops[2])
    precision = hours = None
    if alerts[0] > 0.0:
        precision = (
            caught[0] / alerts[0],
            caught[1] / (caught[1] + stops[2]) if caught[1] > 0.0 else 0.0,
            caught[2] / (caught[2] + stops[1]) if caught[2] > 0.0 else 0.0,
        )
    if caught[0] > 0.0:
        per = stop_minutes / 60.0
        worst = per * (1.0 + stops[2] / caught[1]) if caught[1] > 0.0 else np.inf
        hours = (per * alerts[0] / caught[0], per * (1.0 + stops[1] / caught[2]), worst)
    cost = None
    if costs is not None:
        missed = traffic * prevalence - caught[0]
        cost = costs.stop * alerts[0] + costs.of_miss(kind) * missed
    shown = curve.catch_rate(threshold, confidence), curve.false_alarm_rate(threshold, confidence)
    return Estimate(kind, threshold, prevalence, *shown, alerts, caught, stops, precision, hours, cost)


def check_setting(prevalence: float, traffic: float) -> None:
    """Refuse a prevalence outside [0, 1) and a traffic that is not above 0."""
    if not 0.0 <= prevalence < 1.0:
        raise SettingsError(f"prevalence {prevalence}", allowed="events an encounter, from 0 to below 1")
    if not traffic > 0.0:
        raise SettingsError(f"traffic {traffic}", allowed="encounters a day, above 0")


def _scaled(of: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    return of[0] * factor, of[1] * factor, of[2] * factor
