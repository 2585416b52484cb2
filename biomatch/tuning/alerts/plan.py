"""Thresholds of alerts: under a limit of alerts or of stops, or by cost; one joint problem for all kinds.

One threshold a kind for all encounters, or one by port or mode (`biomatch.tuning.alerts.by_part`) under the
same budget. What a threshold means, and how rates of two kinds of worlds are put together at a prevalence,
stands in `biomatch.tuning.alerts.estimates`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from biomatch.errors import ResultsError, SettingsError
from biomatch.evaluation.alerts.curves import AlertCurve
from biomatch.evaluation.alerts.precision import PER_MILLION
from biomatch.policy import OperatingPoint
from biomatch.rates import Rate
from biomatch.tuning.alerts.by_part import Step, rest_of, steps_by_part, told
from biomatch.tuning.alerts.estimates import (
    STOP_MINUTES,
    AlertCosts,
    Estimate,
    check_setting,
    estimate,
)
from biomatch.tuning.alerts.front import front
from biomatch.tuning.alerts.spending import spent_of, under_limit

Key = tuple[str, str]
"""A kind of alert and a part; the part is "" where one threshold is for all."""
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
    by : str or None
        ``"port"`` or ``"mode"`` where parts have thresholds of their own.
    parts : mapping of str to mapping of str to float
        Kind to label to threshold; all other labels have the kind's own.
    too_few : mapping of str to tuple of str
        Kind to the labels that had too few encounters for one.
    front : list of dict
        Catch rate against honest travellers stopped (`biomatch.tuning.alerts.front.front`).
    members : mapping of str to tuple of str
        Kinds of alert that one threshold is for, by the name of their joint curve.
    events : mapping of str to mapping of str to Rate
        For each joint curve, catches by kind of event.
    spending : str
        What of the limit is spent, and why no more; empty without a limit.
    not_searched : tuple of str
        Kinds that the system asks for and whose gallery it does not search.
    max_stops_per_million : float or None
        The limit that was asked for, where it was one of honest encounters stopped.
    """

    estimates: Mapping[str, Estimate]
    traffic: float
    lineages: tuple[int, ...]
    how: str
    by: str | None = None
    parts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    too_few: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    front: list[dict[str, Any]] = field(default_factory=list)
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    events: Mapping[str, Mapping[str, Rate]] = field(default_factory=dict)
    spending: str = ""
    not_searched: tuple[str, ...] = ()
    max_stops_per_million: float | None = None

    @property
    def thresholds(self) -> dict[str, float]:
        """Threshold of each kind of alert, where no part has its own."""
        return self._by_kind({kind: one.threshold for kind, one in self.estimates.items()})

    def _by_kind(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Give every kind the value of the curve that it belongs to."""
        return {kind: value for name, value in values.items() for kind in self.members.get(name, (name,))}

    @property
    def alerts_a_day(self) -> float:
        """Expected alerts of all kinds; a traveller who raises two kinds counts twice."""
        return sum(one.alerts_a_day[0] for one in self.estimates.values())

    def lines(self) -> list[str]:
        """Say the plan in words, a line a kind."""
        lines = [f"{self.how}, at {self.traffic:,.0f} encounters a day: {self.alerts_a_day:.3g} expected"]
        for kind, one in self.estimates.items():
            own = self.parts.get(kind, {})
            if one.threshold == SILENT and not own:
                lines.append(f"  {kind}: off, {self._why_off(one)}")
                continue
            right = "" if one.precision is None else f"; right 1 in {1 / max(one.precision[0], 1e-12):,.0f}"
            lines.append(
                f"  {kind}: score {_said(one.threshold)} or higher: caught {one.catch_rate}; honest stopped "
                f"{one.false_alarm_rate}{right} at {1e6 * one.prevalence:g} per million"
            )
            if self.by is not None:
                few = ", ".join(self.too_few.get(kind, ()))
                if own:
                    each = ", ".join(f"{label} {_said(value)}" for label, value in own.items())
                    lines.append(f"    by {self.by}: {each}" + (f"; too few at {few}" if few else ""))
                else:
                    lines.append(f"    one threshold for every {self.by}: too few would be stopped at each")
            if self.events.get(kind):
                each = ", ".join(f"{name} {rate.numerator:,} of {rate.denominator:,}"
                                 for name, rate in self.events[kind].items())  # fmt: skip
                lines.append(f"    caught by kind of event: {each}")
        lines += [f"  {kind}: not searched" for kind in self.not_searched]
        return lines + ([f"  {self.spending}"] if self.spending else [])

    @staticmethod
    def _why_off(one: Estimate) -> str:
        """Say why a kind does not alarm."""
        events = one.catch_rate.denominator
        if not events:
            return "no event of its kind in the tuning worlds, so nothing says what it would catch"
        return f"no threshold within the limit catches any of its {events:,} events in the tuning worlds"

    def apply(self, point: OperatingPoint) -> OperatingPoint:
        """Put the thresholds and their lineages into an operating point."""
        values = point.model_dump(mode="json")
        values["alert_thresholds"] = {**point.alert_thresholds, **self.thresholds}
        # What was tuned by port or mode before would override what is tuned now.
        values["alert_thresholds_by"] = _without(point.alert_thresholds_by, self.thresholds)
        for name, table in told(self.by or "", self._by_kind(self.parts)).items():
            values["alert_thresholds_by"][name] = _merged(values["alert_thresholds_by"].get(name, {}), table)
        values["lineages"] = sorted({*point.lineages, *self.lineages})
        values["guarantee"] = {**point.guarantee, "alerts": self.to_json()}
        return OperatingPoint.from_mapping(values)

    def to_json(self) -> dict[str, Any]:
        """Give the plan as plain data."""
        return {
            "how": self.how,
            "traffic": self.traffic,
            "alerts_a_day": self.alerts_a_day,
            "front": self.front,
            "spending": self.spending,
            "max_stops_per_million": self.max_stops_per_million,
            "not_searched": list(self.not_searched),
            "kinds": {kind: self._kind(kind) for kind in self.estimates},
        }

    def _kind(self, kind: str) -> dict[str, Any]:
        found = self.estimates[kind].to_json()
        if self.by is not None:
            found["by"] = {self.by: dict(self.parts.get(kind, {}))}
            found["too_few"] = list(self.too_few.get(kind, ()))
        if kind in self.members:
            found["members"] = list(self.members[kind])
            found["events"] = {name: rate.to_json() for name, rate in self.events.get(kind, {}).items()}
        return found


def _said(threshold: float) -> str:
    return "none" if threshold == SILENT else f"{threshold:.6g}"


def _without(
    table: Mapping[str, Mapping[str, Mapping[str, float]]], kinds: Mapping[str, Any]
) -> dict[str, dict[str, dict[str, float]]]:
    """Leave kinds out of overrides, and what is empty then."""
    kept = {
        name: {
            label: {kind: value for kind, value in by_kind.items() if kind not in kinds}
            for label, by_kind in labels.items()
        }
        for name, labels in table.items()
    }
    kept = {name: {label: one for label, one in labels.items() if one} for name, labels in kept.items()}
    return {name: labels for name, labels in kept.items() if labels}


def _merged(
    old: Mapping[str, Mapping[str, float]], new: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    return {label: {**old.get(label, {}), **new.get(label, {})} for label in sorted({*old, *new})}


def tune_alerts(
    curves: Mapping[str, AlertCurve],
    *,
    max_alerts_a_day: float | None = None,
    max_stops_per_million: float | None = None,
    costs: AlertCosts | None = None,
    by: str | None = None,
    traffic: float,
    prevalence: float | Mapping[str, float] = PER_MILLION / 1e6,
    confidence: float = 0.95,
    stop_minutes: float = STOP_MINUTES,
) -> AlertPlan:
    """Choose a threshold for each kind of alert.

    Parameters
    ----------
    curves : mapping of str to AlertCurve
        By kind of alert, or by the name of several kinds whose scores are one (`AlertCurves.tunable`):
        these get one threshold. `combined` puts catches and false stops of two worlds together.
    max_alerts_a_day : float, optional
        Limit on the expected alerts of all kinds together: most events are caught that can be.
    max_stops_per_million : float, optional
        Instead: limit on the honest encounters stopped in a million, all kinds together (one that two
        kinds stop counts twice).
    costs : AlertCosts, optional
        Instead of a limit: least expected cost, each kind for itself.
    by : str, optional
        ``"port"`` or ``"mode"``: a threshold for each that has enough encounters, under the same limit for
        all together.
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
        Without curves, with none or several of limits and costs, or for a breakdown that the curves lack.

    Notes
    -----
    Under a limit, each curve of catches against alerts is replaced by its concave hull, and segments are
    taken in the order of catches per alert until the limit is reached: the Lagrangian solution of the
    joint problem, within one segment of the optimum. What that leaves of the limit goes to thresholds
    between corners, the greatest gain first. By port or mode each part is a curve of its own. What
    chooses is drawn towards all parts together, what is spent is what was counted.
    """
    if sum(one is not None for one in (max_alerts_a_day, max_stops_per_million, costs)) != 1:
        raise ResultsError(
            "none or several of limits and costs",
            allowed="max_alerts_a_day=..., max_stops_per_million=... or costs=..., one of them",
        )
    if not curves:
        raise ResultsError("no kind of alert to tune", remedy="run a system whose alerts.kinds has some")
    rates = {kind: _of(prevalence, kind) for kind in curves}
    for rate in rates.values():
        check_setting(rate, traffic)
    choose, how = _rule(max_alerts_a_day, max_stops_per_million, costs, rates, traffic)
    steps = {kind: _steps(curve) for kind, curve in curves.items()}
    single = choose({(kind, ""): one for kind, one in steps.items()}, 0.0)
    chosen = {kind: single[kind, ""] for kind in curves}
    parts: dict[str, dict[str, float]] = {}
    few: dict[str, tuple[str, ...]] = {}
    if by is not None:
        parts, few = _by_part(curves, by, chosen, rates, choose, stops_only=max_stops_per_million is not None)
        how += f", by {by}"
    spending = ""
    if costs is None and not parts:
        stops_only = max_stops_per_million is not None
        limit = (max_stops_per_million or 0.0) / 1e6 if stops_only else (max_alerts_a_day or 0.0) / traffic
        spending = spent_of(steps, rates, limit, chosen, traffic=None if stops_only else traffic)
    estimates = {
        kind: replace(
            estimate(
                curve.decided(by, parts[kind], chosen[kind]) if by and kind in parts else curve,
                0.0 if kind in parts else chosen[kind],
                kind=kind,
                prevalence=rates[kind],
                traffic=traffic,
                confidence=confidence,
                stop_minutes=stop_minutes,
                costs=costs,
            ),
            threshold=chosen[kind],
        )
        for kind, curve in curves.items()
    }
    lineages = sorted({seed for curve in curves.values() for seed in curve.lineages})
    members = {name: curve.kinds for name, curve in curves.items() if curve.kinds != (name,)}
    return AlertPlan(
        estimates,
        traffic,
        tuple(lineages),
        how,
        by,
        parts,
        few,
        front(steps, rates),
        members,
        {name: _by_event(curves[name], estimates[name].threshold, confidence) for name in members},
        spending,
        max_stops_per_million=max_stops_per_million,
    )


def _by_event(curve: AlertCurve, threshold: float, confidence: float) -> dict[str, Rate]:
    """Give catches of a joint curve by kind of event."""
    kinds = np.unique(curve.event_kinds).tolist()
    return {kind: curve.of(kind).catch_rate(threshold, confidence) for kind in kinds}


def _of(prevalence: float | Mapping[str, float], kind: str) -> float:
    if not isinstance(prevalence, Mapping):
        return float(prevalence)
    if kind not in prevalence:
        raise SettingsError(f"no prevalence of {kind!r}", allowed=", ".join(prevalence), remedy="add it")
    return float(prevalence[kind])


Choose = Callable[[Mapping[Key, Step], float], dict[Key, float]]
"""From curves, and what is spent before, to thresholds."""


def _rule(
    alerts: float | None,
    stops: float | None,
    costs: AlertCosts | None,
    rates: Mapping[str, float],
    traffic: float,
) -> tuple[Choose, str]:
    """Give what chooses, and its name."""
    if costs is not None:
        how = f"least expected cost: {costs.stop:g} a stop, {costs.miss:g} a miss"
        return lambda steps, spent: {
            key: _cheapest(one, rates[key[0]], costs.stop, costs.of_miss(key[0]))
            for key, one in steps.items()
        }, how
    for name, limit in (("max_alerts_a_day", alerts), ("max_stops_per_million", stops)):
        if limit is not None and not 0.0 <= limit < np.inf:
            raise SettingsError(f"{name} = {limit}", allowed="a number from 0")
    if stops is not None:
        share = stops / 1e6
        return (
            lambda steps, spent: under_limit(steps, rates, share, spent, SILENT, stops_only=True),
            f"most caught with at most {stops:g} honest stopped in a million",
        )
    limit = (alerts or 0.0) / traffic
    return (
        lambda steps, spent: under_limit(steps, rates, limit, spent, SILENT, stops_only=False),
        f"most caught under {alerts:g} expected alerts a day",
    )


def _by_part(
    curves: Mapping[str, AlertCurve],
    by: str,
    single: Mapping[str, float],
    rates: Mapping[str, float],
    choose: Choose,
    *,
    stops_only: bool,
) -> tuple[dict[str, dict[str, float]], dict[str, tuple[str, ...]]]:
    """Choose thresholds by part, under what the parts with too few encounters leave of the limit."""
    steps: dict[Key, Step] = {}
    few: dict[str, tuple[str, ...]] = {}
    spent = 0.0
    for kind, curve in curves.items():
        own, few[kind] = steps_by_part(curve, by, single[kind], SILENT)
        steps |= {(kind, label): one for label, one in own.items()}
        caught, stopped = rest_of(curve, by, few[kind], single[kind])
        spent += stopped if stops_only else rates[kind] * caught + (1.0 - rates[kind]) * stopped
    parts: dict[str, dict[str, float]] = {}
    for (kind, label), threshold in choose(steps, spent).items():
        parts.setdefault(kind, {})[label] = threshold
    return parts, few


def _steps(curve: AlertCurve) -> Step:
    thresholds = np.r_[SILENT, curve.thresholds]
    caught, stopped = curve.at(thresholds)
    share = caught / max(curve.events, 1), stopped / max(curve.encounters, 1)
    return Step(thresholds, share[0], share[1], share[1], share[0])


def _cheapest(steps: Step, prevalence: float, stop: float, miss: float) -> float:
    caught = prevalence * steps.caught
    alerts = caught + (1.0 - prevalence) * steps.stopped
    # Of equal costs the highest threshold: nobody is stopped for nothing.
    return float(steps.thresholds[np.argmin(stop * alerts - miss * caught)])
