"""The thresholds of a result priced in waits at a port: found once for page, tables and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl

from biomatch.curves.build import IdentificationCurve
from biomatch.evaluation.result import Result
from biomatch.evaluation.waits.day import PortDay, prepare
from biomatch.reporting.figures import threshold
from biomatch.settings.port import Port
from biomatch.tuning.waits.front import Front, FrontPoint, sensitivity, waits
from biomatch.tuning.waits.rates import ThresholdRates, rates_of_curve

STAFF = (0.9, 1.0, 1.1, 1.25)
"""Desks as multiples of the roster, in the trade of waits against staff."""
_KEPT: WeakKeyDictionary[Result, dict[int, tuple[AtPort, PortWaits | None]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class AtPort:
    """The port that a report prices its thresholds at.

    Attributes
    ----------
    port : Port
    hours, flights, roster : path or polars.DataFrame, optional
        As in ``bm.queue``.
    """

    port: Port
    hours: Path | pl.DataFrame | None = None
    flights: Path | pl.DataFrame | None = None
    roster: Path | pl.DataFrame | None = None

    @property
    def traffic(self) -> dict[str, Any]:
        """Give the arguments of ``bm.queue`` and ``bm.waits``."""
        return {"hours": self.hours, "flights": self.flights, "roster": self.roster}


@dataclass(frozen=True)
class PortWaits:
    """Everything that the section shows of one result.

    Attributes
    ----------
    at : AtPort
    rates : list of ThresholdRates
    front : Front
    tuned : FrontPoint
        At the result's own threshold.
    """

    at: AtPort
    rates: list[ThresholdRates]
    front: Front
    tuned: FrontPoint

    @classmethod
    def of(cls, result: Result, at: AtPort) -> PortWaits | None:
        """Price the thresholds of a result; None where it lacks mated or non-mated searches.

        Page, tables and pictures ask for the same: what was found once is kept as long as the result.
        """
        kept = _KEPT.setdefault(result, {})
        if id(at) not in kept:
            kept[id(at)] = (at, cls._found(result, at))
        return kept[id(at)][1]

    @classmethod
    def _found(cls, result: Result, at: AtPort) -> PortWaits | None:
        curve = _curve(result)
        if curve is None:
            return None
        own = float(result.point.face_threshold)
        rates = rates_of_curve(curve)
        if own not in [one.threshold for one in rates]:
            rates = sorted([*rates, *rates_of_curve(curve, [own])], key=lambda one: one.threshold)
        front = waits(rates, at.port, **at.traffic)
        return cls(at, rates, front, next(one for one in front.points if one.at.threshold == own))

    @cached_property
    def cheapest(self) -> FrontPoint | None:
        """The threshold of least cost, where the staff can do the work at any."""
        return self.front.cheapest() if any(point.day.holds for point in self.front.points) else None

    @cached_property
    def moved(self) -> pl.DataFrame:
        """How the cheapest threshold moves with what is assumed."""
        return sensitivity(self.rates, self.at.port, **self.at.traffic)

    @cached_property
    def trade(self) -> list[dict[str, Any]]:
        """Mean wait and cost at multiples of the desks, for the cheapest, tuned and highest threshold."""
        points = [self.cheapest or self.tuned, self.tuned, self.front.points[-1]]
        chosen = {point.at.threshold: point for point in sorted(points, key=lambda one: one.at.threshold)}
        ready = prepare(self.at.port, **self.at.traffic, replications=1)
        rows = []
        for factor in STAFF:
            counts = {
                name: np.maximum(np.ceil(np.round(one.counts * factor, 9)), np.minimum(one.counts, 1))
                if one.staffed and name != "secondary"
                else one.counts
                for name, one in ready.plan.items()
            }
            again = prepare(self.at.port, **self.at.traffic, counts=counts, replications=1)
            days = again.at([point.at.rates for point in chosen.values()])
            for value, day in zip(chosen, days, strict=True):
                rows.append(
                    {
                        "label": threshold(value),
                        "desks": factor,
                        "staff": day.staff_hours,
                        "wait": _mean(day),
                        "cost": day.cost().value if day.holds else None,
                    }
                )
        return rows


def _curve(result: Result) -> IdentificationCurve | None:
    curve = result.curve
    if not curve.non_mated and result.designed_curve is not None:
        curve = result.designed_curve
    return curve if curve.mated and curve.non_mated else None


def _mean(day: PortDay) -> float | None:
    return day.figure(lambda one: one.whole.mean).value if day.primary_holds else None
