"""Every threshold of one search with its waits: the same people and draws, so that differences are exact."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import polars as pl

from biomatch.curves.build import IdentificationCurve
from biomatch.errors import ResultsError, SettingsError
from biomatch.evaluation.waits.counts import Replicate
from biomatch.evaluation.waits.day import PortDay, Traffic, prepare
from biomatch.settings.port import Port
from biomatch.tuning.waits.rates import ThresholdRates, rates_of_curve

FEW = 3
"""Replications of a front; the ends of the rates' intervals are run as well."""
FLOOR_SENTENCE = (
    "From the lowest threshold to the highest FNIR moves by {moved:.2%}, while {floor:.2%} fail at any of "
    "them (not matched, or not acquired): the floor of failures matters more than the slider."
)


@dataclass(frozen=True)
class FrontPoint:
    """One threshold with its waits.

    Attributes
    ----------
    at : ThresholdRates
    day, low, high : PortDay
        At the rates, and with every rate at the lower and upper end of its interval: bounds that are carried
        through the queue, since waits are not linear in the rates.
    """

    at: ThresholdRates
    day: PortDay
    low: PortDay
    high: PortDay

    @property
    def catch(self) -> float:
        """Probability that a person on the watchlist raises an alarm."""
        return (1.0 - self.at.rates.fnir) * (1.0 - self.at.rates.fta)

    def row(self) -> dict[str, Any]:
        """Give the row of a table: rates, waits, staff, cost, catch."""
        rates, day = self.at.rates, self.day
        found: dict[str, Any] = {
            "threshold": self.at.threshold,
            "fpir": rates.fpir,
            "fpir_low": self.at.low.fpir,
            "fpir_high": self.at.high.fpir,
            "fnir": rates.fnir,
            "fnir_low": self.at.low.fnir,
            "fnir_high": self.at.high.fnir,
            "fta": rates.fta,
            "holds": day.holds,
        }
        for name, of in (("wait", lambda one: one.whole.mean), ("p95", lambda one: one.whole.p95)):
            found |= self._three(name, of)
        measure = self.day.port.measure
        for minutes in self.day.port.over_minutes:
            over = partial(_share_over, minutes=minutes, measure=measure)
            found |= self._three(f"over_{minutes:g}", over)
        usual = 30.0 if 30.0 in self.day.port.over_minutes else self.day.port.over_minutes[0]
        found["over"] = found[f"over_{usual:g}"]
        found |= self._three("secondary_wait", lambda one: one.secondary_wait)
        for name in ("checks", "false_alarms", "secondary_people", "missed"):
            found[name] = day.figure(lambda one, n=name: getattr(one, n)).value
        found |= {
            "staff": day.staff_hours,
            "staff_needed": day.hours_needed,
            "cost": day.cost().value if day.holds else None,
            "catch": self.catch,
        }
        return found

    def _three(self, name: str, of: Any) -> dict[str, float | None]:
        values = [
            one.figure(of).value if _holds(one, name) else None for one in (self.day, self.low, self.high)
        ]
        # Waits can fall where a rate rises (people come to the next station in another order): the bounds
        # are the outer ones. A bound at which the staff cannot do the work is null: without end.
        known = [value for value in values if value is not None]
        low = min(known) if values[0] is not None else values[1]
        high = None if values[2] is None or values[0] is None else max(known)
        return {name: values[0], f"{name}_low": low, f"{name}_high": high}


def _share_over(one: Replicate, minutes: float, measure: str) -> float:
    return one.whole.share_over(minutes, measure)


def _holds(day: PortDay, name: str) -> bool:
    """Whether a figure has a meaning: secondary's waits need secondary to hold, the others primary."""
    banks = [bank for bank in day.plan if (bank == "secondary") == name.startswith("secondary")]
    return all(one.bank_holds(bank) for one in day.replicates for bank in banks)


@dataclass(frozen=True)
class Front:
    """Waits of every threshold, the lowest first.

    Attributes
    ----------
    port : Port
    points : tuple of FrontPoint
    """

    port: Port
    points: tuple[FrontPoint, ...]

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, column: str) -> pl.Series:
        """Give a column of `frame`."""
        return self.frame[column]

    @cached_property
    def frame(self) -> pl.DataFrame:
        """A row a threshold: rates, waits, staff, cost, catch, each with the bounds that it has.

        Minutes for waits, shares in [0, 1] (``over``: over 30 minutes), hours of staff; null where the staff
        cannot do the work.
        """
        return pl.DataFrame([point.row() for point in self.points], infer_schema_length=None)

    @property
    def sentence(self) -> str:
        """What to say of the slider: how far it moves failures, beside those that no threshold mends."""
        rates = [point.at.rates for point in self.points]
        lowest = min(one.fnir for one in rates)
        moved = max(one.fnir for one in rates) - lowest
        floor = lowest + (1.0 - lowest) * rates[0].fta
        if moved >= floor:
            return (
                f"From the lowest threshold to the highest FNIR moves by {moved:.2%}, more than the "
                f"{floor:.2%} that fail at any of them: here the threshold matters."
            )
        return FLOOR_SENTENCE.format(moved=moved, floor=floor)

    def cheapest(self) -> FrontPoint:
        """Give the threshold of least cost among those at which the staff can do the work.

        Raises
        ------
        ResultsError
            Where there is none.
        """
        able = [point for point in self.points if point.day.holds]
        if not able:
            raise self._none("can be worked by the staff")
        # Of equal costs the lowest threshold, which misses least.
        return min(able, key=lambda point: (round(point.day.cost().value, 6), point.at.threshold))

    def holding(self, minutes: float, share: float) -> FrontPoint:
        """Give the lowest threshold whose upper bound of the share over so many minutes is at most `share`.

        Raises
        ------
        ResultsError
            Where no threshold holds it; says how near the best comes.
        """
        name = f"over_{minutes:g}_high"
        rows = [(point, point.row()) for point in self.points]
        for point, row in rows:
            if row["holds"] and row[name] is not None and row[name] <= share:
                return point
        shares = [row[name] for _, row in rows if row["holds"] and row[name] is not None]
        best = f" (by the upper bound; the best has {min(shares):.1%})" if shares else ""
        raise self._none(f"keeps {minutes:g} minutes for all but {share:.1%}{best}")

    def _none(self, what: str) -> ResultsError:
        return ResultsError(
            f"no threshold {what} at {self.port.name}",
            remedy=f"give the port more than {self.points[0].day.staff_hours:,.0f} staff hours (`queue "
            "--roster-for` says how many), or tune a better matcher",
        )


def waits(
    curve: IdentificationCurve | Sequence[ThresholdRates],
    port: Port | str | Path = "hall",
    hours: Traffic | None = None,
    *,
    flights: pl.DataFrame | str | Path | None = None,
    roster: pl.DataFrame | str | Path | None = None,
    thresholds: Sequence[float] | None = None,
    fta: float | None = None,
    seed: int = 0,
    replications: int = FEW,
    bounds: bool = True,
) -> Front:
    """Price the thresholds of one search in waits.

    Parameters
    ----------
    curve : IdentificationCurve or sequence of ThresholdRates
        What one search gave (``bm.sweep``), or rates as they are (of a profile:
        `biomatch.tuning.waits.rates.rates_of_profile`).
    port, hours, flights, roster
        As in ``bm.queue``.
    thresholds : sequence of float, optional
        Of the curve; default: at FPIR 1e-2, 3e-3, 1e-3 and so on.
    fta : float, optional
        Failures to acquire; default: as the curve counted them.
    seed, replications : int
        People and draws are the same at every threshold.
    bounds : bool
        Whether the ends of the rates' intervals are run too.

    Returns
    -------
    Front
        ``frame``: a row a threshold with fnir, fpir, wait, over, staff, cost and catch.

    Examples
    --------
    >>> import biomatch as bm
    >>> import polars as pl
    >>> curve = bm.identification_curve([0.9] * 98 + [0.3] * 2, [1] * 100, [0.1, 0.4] * 50, enrolled_count=10)
    >>> hours = pl.DataFrame({"date": ["2026-01-05"], "hour": [8], "passengers": [200]})
    >>> front = bm.waits(curve, "hall", hours, thresholds=[0.2, 0.5], replications=1)
    >>> front.frame["fnir"].to_list(), front.frame["fpir"].to_list()
    ([0.0, 0.02], [0.5, 0.0])
    """
    rates = (
        rates_of_curve(curve, thresholds, fta=fta)
        if isinstance(curve, IdentificationCurve)
        else sorted(curve, key=lambda one: one.threshold)
    )
    if not rates:
        raise ResultsError("no threshold", remedy="give at least one")
    ready = prepare(port, hours=hours, flights=flights, roster=roster, seed=seed, replications=replications)
    ends = ("rates", "low", "high") if bounds else ("rates",)
    asked = [getattr(one, end) for one in rates for end in ends]
    days = ready.at(asked)
    points = []
    for number, one in enumerate(rates):
        own = days[number * len(ends) : (number + 1) * len(ends)]
        points.append(FrontPoint(one, own[0], own[-2] if bounds else own[0], own[-1]))
    return Front(ready.port, tuple(points))


def parse_goal(text: str, option: str) -> tuple[float, float]:
    """Read a goal on waits: ``30: 5%``, ``over 45 <= 5%``, ``45:0.05``.

    Returns
    -------
    minutes, share : float

    Raises
    ------
    SettingsError
        For text that is no goal.

    Examples
    --------
    >>> parse_goal("30: 5%", "--max-over"), parse_goal("over 45 <= 0.1", "--roster-for")
    ((30.0, 0.05), (45.0, 0.1))
    """
    found = re.fullmatch(
        r"\s*(?:over\s+)?(\d+(?:\.\d+)?)\s*(?:min(?:utes)?)?\s*(?::|<=|≤)\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text
    )
    if found:
        minutes, share = float(found[1]), float(found[2]) / (100.0 if found[3] else 1.0)
        if minutes > 0 and 0.0 <= share <= 1.0:
            return minutes, share
    raise SettingsError(
        f"{option} {text!r}", allowed='minutes and the share that may wait longer, such as "30: 5%"'
    )


SENSITIVE = ("secondary.mean", "manual_check.mean", "costs.officer_hour", "costs.traveller_hour",
             "costs.missed_connection", "connection_minutes")  # fmt: skip
"""What is assumed and moves the choice."""


def sensitivity(
    rates: Sequence[ThresholdRates],
    port: Port,
    hours: Traffic | None = None,
    *,
    flights: pl.DataFrame | str | Path | None = None,
    roster: pl.DataFrame | str | Path | None = None,
    seed: int = 0,
) -> pl.DataFrame:
    """Find the cheapest threshold with each assumption at half and at double.

    Returns
    -------
    polars.DataFrame
        ``assumption``, ``factor``, ``value``, ``threshold``, ``fpir``, ``wait``, ``cost``; null where the
        staff cannot do the work at any threshold. Rosters stay those of the assumption as it is.
    """
    ready = prepare(port, hours=hours, flights=flights, roster=roster, seed=seed, replications=1)
    counts = {name: one.counts for name, one in ready.plan.items()}
    rows = []
    for name in ("as assumed", *SENSITIVE):
        for factor in (1.0,) if name == "as assumed" else (0.5, 2.0):
            value = None if name == "as assumed" else _value(port, name) * factor
            changed = port if value is None else port.with_({name: value})
            again = prepare(changed, hours=hours, flights=flights, counts=counts, seed=seed, replications=1)
            days = again.at([one.rates for one in rates])
            able = [
                (round(day.cost().value, 6), one.threshold, one, day)
                for one, day in zip(rates, days, strict=True)
                if day.holds
            ]
            best = min(able, key=lambda item: item[:2]) if able else None
            rows.append(
                {
                    "assumption": name,
                    "factor": factor,
                    "value": value,
                    "threshold": best[2].threshold if best else None,
                    "fpir": best[2].rates.fpir if best else None,
                    "wait": best[3].figure(lambda one: one.whole.mean).value if best else None,
                    "cost": best[0] if best else None,
                }
            )
    return pl.DataFrame(rows, infer_schema_length=None)


def _value(port: Port, dotted: str) -> float:
    place: Any = port
    for step in dotted.split("."):
        place = getattr(place, step)
    return float(place)
