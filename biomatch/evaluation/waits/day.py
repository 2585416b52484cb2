"""Waits at a port: simulate replications of a day, and count who waits how long, where and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.special import stdtrit

from biomatch import checks
from biomatch.errors import SettingsError, TableError
from biomatch.evaluation.waits.counts import LaneWaits, Replicate, count_waits
from biomatch.portable.types import Floats
from biomatch.ports.arrivals import Arriving, Crowd, crowd, groups_of_flights, groups_of_hours
from biomatch.ports.hall import ErrorRates, Gates, flow, gates
from biomatch.ports.rosters import SECONDARY, Roster, needed, rosters
from biomatch.settings.port import Port
from biomatch.tables.ports import PortHours, built_in, read_flights, read_hours, read_roster

REPLICATIONS = 20
Traffic = pl.DataFrame | str | Path | PortHours


@dataclass(frozen=True)
class Replicated:
    """A figure with its interval over replications.

    Attributes
    ----------
    value : float
        Mean over replications.
    interval : tuple of float or None
        95% interval of the mean (Student); None from one replication.
    """

    value: float
    interval: tuple[float, float] | None

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        return {"value": self.value, "interval": None if self.interval is None else list(self.interval)}


def replicated(values: Sequence[float] | Floats, *, most: float | None = None) -> Replicated:
    """Give mean and 95% interval of a figure over replications; `most` caps the interval (shares: 1).

    Examples
    --------
    >>> found = replicated([1.0, 2.0, 3.0])
    >>> found.value, [round(end, 2) for end in found.interval]
    (2.0, [0.0, 4.48])
    """
    given = np.asarray(values, dtype=np.float64)
    mean = float(given.mean())
    if given.size < 2 or not np.isfinite(given).all():
        return Replicated(mean, None)
    half = float(stdtrit(given.size - 1, 0.975) * given.std(ddof=1) / np.sqrt(given.size))
    high = mean + half if most is None else min(mean + half, most)
    return Replicated(mean, (max(mean - half, 0.0), high))


@dataclass(frozen=True)
class PortDay:
    """What `queue` found: replications of one port's traffic at one set of rates.

    Attributes
    ----------
    port : Port
    rates : ErrorRates
    replicates : tuple of Replicate
        Counts of each replication.
    plan : mapping of str to Roster
        Open booths.
    groups : Arriving
        The traffic.
    people : int
        Travellers of one replication.
    """

    port: Port
    rates: ErrorRates
    replicates: tuple[Replicate, ...]
    plan: Mapping[str, Roster]
    groups: Arriving
    people: int

    @property
    def holds(self) -> bool:
        """Whether the staff can do the work, in every replication."""
        return all(one.holds for one in self.replicates)

    @property
    def waits(self) -> pl.DataFrame:
        """A row an hour of landing and lane: people, mean, p95 and longest wait in minutes, shares over."""
        return pl.concat([one.table(number) for number, one in enumerate(self.replicates)])

    @property
    def staff_hours(self) -> float:
        """Booth-hours with officers, secondary included."""
        return sum(roster.booth_hours for roster in self.plan.values() if roster.staffed)

    def over(self, minutes: float) -> Replicated:
        """Give the share over so many minutes, as the port measures it.

        Raises
        ------
        SettingsError
            For minutes that were not counted.
        """
        return self.figure(lambda one: one.whole.share_over(minutes, self.port.measure), most=1.0)

    def figure(self, of: Any, *, most: float | None = None) -> Replicated:
        """Give the estimate of a figure of each replicate."""
        return replicated([of(one) for one in self.replicates], most=most)

    def by(self, name: str) -> dict[str, dict[str, Any]]:
        """Give waits by ``"lane"`` or ``"hour"`` (of the day): people, mean, p95, longest, shares over."""
        if name not in ("lane", "hour"):
            raise SettingsError(f"waits by {name!r}", allowed="lane or hour")
        parts = [one.lanes if name == "lane" else one.hours for one in self.replicates]
        labels = [label for label in parts[0] if all(label in part for part in parts)]
        return {label: self._waits([part[label] for part in parts]) for label in labels}

    def _waits(self, parts: Sequence[LaneWaits]) -> dict[str, Any]:
        def figure(of: Any, most: float | None = None) -> dict[str, Any]:
            return replicated([of(part) for part in parts], most=most).to_json()

        return {
            "people": float(np.mean([part.people for part in parts])),
            "wait_minutes": {
                "mean": figure(lambda part: part.mean),
                "median": figure(lambda part: part.median),
                "p95": figure(lambda part: part.p95),
                "longest": figure(lambda part: part.longest),
            },
            "over": {
                _text(minutes): figure(lambda part, m=minutes: part.share_over(m, self.port.measure), 1.0)
                for minutes in self.port.over_minutes
            },
        }

    def beside(self, hours: PortHours) -> pl.DataFrame:
        """Give a user's own table, text for text, with the predicted waits of each row added.

        Parameters
        ----------
        hours : PortHours
            What the day was made from.

        Returns
        -------
        polars.DataFrame
            The source's columns and ``predicted_mean_wait``, ``predicted_longest_wait`` (minutes) and
            ``predicted_over_M`` (shares of travellers), means over replications.
        """
        limits = [f"over_{_text(one)}" for one in self.port.over_minutes]
        people = pl.col("people")
        each = self.waits.group_by("replication", "date", "hour").agg(
            ((pl.col("mean_minutes") * people).sum() / people.sum()).alias("predicted_mean_wait"),
            pl.col("longest_minutes").max().alias("predicted_longest_wait"),
            *((pl.col(name).sum() / people.sum()).alias(f"predicted_{name}") for name in limits),
        )
        means = each.group_by("date", "hour").agg(pl.exclude("replication", "date", "hour").mean())
        rows = hours.frame.select("row", "date", "hour").join(means, on=["date", "hour"], how="left")
        source = hours.source.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
        wanted = ["predicted_mean_wait", "predicted_longest_wait", *(f"predicted_{name}" for name in limits)]
        return source.join(rows.select("row", *wanted), on="row", how="left", maintain_order="left").drop(
            "row"
        )

    @property
    def hours_needed(self) -> float:
        """Staff hours that would do: every staffed bank busy `target_busy` of the time in each hour."""
        rates = self.rates
        total = 0.0
        for name, roster in self.plan.items():
            if roster.staffed:
                enough = needed(self.port, self.groups, name, rates.fnir, rates.fpir, rates.fta)
                total += float(np.maximum(enough, 0).sum())
        return total

    def cost(self) -> Replicated:
        """Give the cost of waiting, officers, missed connections or departures and missed alarms."""
        return self.figure(lambda one: one.cost(self.port, self.staff_hours))

    def to_json(self) -> dict[str, Any]:
        """Give the JSON of ``biomatch queue``; waits are null where the staff cannot do the work."""
        holds = self.holds
        whole = self._waits([one.whole for one in self.replicates])
        exits = self.port.direction == "exit"
        missed = self.figure(lambda one: one.missed).to_json()
        secondary = {
            "people": self.figure(lambda one: one.secondary_people).to_json(),
            "wait_minutes": self.figure(lambda one: one.secondary_wait).to_json()
            if self._bank_holds(SECONDARY)
            else None,
            "staff_hours": self.plan[SECONDARY].booth_hours,
        }
        found: dict[str, Any] = {
            "port": self.port.name,
            "port_id": self.port.id,
            "rates": {"fnir": self.rates.fnir, "fpir": self.rates.fpir, "fta": self.rates.fta},
            "replications": len(self.replicates),
            "clock": self.port.clock,
            "measure": self.port.measure,
            "people": self.people,
            "holds": holds,
            "not_holding": [name for name in self.plan if not self._bank_holds(name)],
            "wait_minutes": whole["wait_minutes"] if self.primary_holds else None,
            "over": whole["over"] if self.primary_holds else None,
            "by_lane": self.by("lane") if self.primary_holds else None,
            "by_hour": self.by("hour") if self.primary_holds else None,
            "queue_peak": self.figure(lambda one: one.queue_peak).to_json(),
            "places": self.port.places,
            "minutes_over_places": self.figure(lambda one: one.minutes_over_places).to_json(),
            "staff_hours": self.staff_hours,
            "staff_hours_needed": None if holds else self.hours_needed,
            "booth_hours": {name: roster.booth_hours for name, roster in self.plan.items()},
            "busy": {name: self.figure(lambda one, n=name: one.busy[n]).to_json() for name in self.plan},
            "manual_checks": self.figure(lambda one: one.checks).to_json(),
            "false_alarms": self.figure(lambda one: one.false_alarms).to_json(),
            "caught": self.figure(lambda one: one.caught).to_json(),
            "secondary": secondary,
            "missed_connections": None if exits else missed,
            "missed_departures": missed if exits else None,
            "boarding_minutes": self.figure(lambda one: one.boarding_minutes).to_json() if exits else None,
            "cost": self.cost().to_json() if holds else None,
        }
        return found

    def _bank_holds(self, name: str) -> bool:
        return all(one.bank_holds(name) for one in self.replicates)

    @property
    def primary_holds(self) -> bool:
        """Whether gates and desks can do their work, whatever secondary can."""
        return all(self._bank_holds(name) for name in self.plan if name != SECONDARY)


def _text(minutes: float) -> str:
    return f"{minutes:g}"


@dataclass(frozen=True)
class Prepared:
    """The crowds and rosters of a port, drawn once and sent through the hall at many rates."""

    port: Port
    groups: Arriving
    plan: dict[str, Roster]
    seed: int
    replications: int

    def crowd(self, replication: int) -> Crowd:
        """Draw one replication's people."""
        return crowd(self.port, self.groups, self.seed, replication)

    def replicate(self, people: Crowd, passed: Gates, rates: ErrorRates, replication: int) -> Replicate:
        """Send people through the hall at given rates, and count."""
        done = flow(
            self.port, people, self.plan, rates, seed=self.seed, replication=replication, passed=passed
        )
        return count_waits(self.port, done)

    def at(self, rates: Sequence[ErrorRates]) -> list[PortDay]:
        """Find the waits at each set of rates, with the same people and the same draws."""
        found: list[list[Replicate]] = [[] for _ in rates]
        for replication in range(self.replications):
            people = self.crowd(replication)
            passed: dict[float, Gates] = {}
            for place, one in enumerate(rates):
                if one.fta not in passed:
                    passed[one.fta] = gates(self.port, people, self.plan, one.fta)
                found[place].append(self.replicate(people, passed[one.fta], one, replication))
        total = int(self.groups.people.sum())
        return [
            PortDay(self.port, one, tuple(done), self.plan, self.groups, total)
            for one, done in zip(rates, found, strict=True)
        ]


def prepare(
    port: Port | str | Path,
    *,
    hours: Traffic | None = None,
    flights: pl.DataFrame | str | Path | None = None,
    roster: pl.DataFrame | str | Path | None = None,
    counts: Mapping[str, Any] | None = None,
    seed: int = 0,
    replications: int = REPLICATIONS,
) -> Prepared:
    """Read traffic and roster of a port; parameters as of `queue`."""
    chosen = port if isinstance(port, Port) else Port.load(port)
    if hours is not None and flights is not None:
        raise SettingsError("both hours and flights", remedy="give one of them")
    replications = checks.whole(replications, "replications", least=1, error=SettingsError)
    seed = checks.whole(seed, "seed", error=SettingsError)
    table = None if hours is None else _one_hall(hours)
    planes = None if flights is None else read_flights(flights)
    if table is None and planes is None:
        by_hour, planes = built_in(chosen.hours)
        table = None if by_hour is None else by_hour.frame
    made = groups_of_hours(table, chosen) if table is not None else _of_flights(planes, chosen)
    plan = rosters(chosen, made, None if roster is None else read_roster(roster), counts)
    return Prepared(chosen, made, plan, seed, replications)


def _of_flights(planes: pl.DataFrame | None, port: Port) -> Arriving:
    if planes is None:
        raise TableError("neither hours nor flights", remedy="give one of them")
    return groups_of_flights(planes, port)


def _one_hall(hours: Traffic) -> pl.DataFrame:
    table = hours if isinstance(hours, PortHours) else read_hours(hours)
    return table.only(None, None).frame


def queue(
    port: Port | str | Path = "hall",
    *,
    hours: Traffic | None = None,
    flights: pl.DataFrame | str | Path | None = None,
    roster: pl.DataFrame | str | Path | None = None,
    fnir: float = 0.0,
    fpir: float = 0.0,
    fta: float = 0.0,
    seed: int = 0,
    replications: int = REPLICATIONS,
) -> PortDay:
    """Find the waits of a port at given error rates.

    Parameters
    ----------
    port : Port, str or path
        The port, a built-in name or a TOML file.
    hours : polars.DataFrame, path or PortHours, optional
        Traffic by the hour; see `biomatch.tables.ports.read_hours`. Default: the port's built-in traffic.
    flights : polars.DataFrame or path, optional
        Traffic by flight, instead; see `biomatch.tables.ports.read_flights`.
    roster : polars.DataFrame or path, optional
        Open booths; see `biomatch.tables.ports.read_roster`.
    fnir, fpir, fta : float
        The matcher's rates at its threshold, in [0, 1]: misses of mated searches, alarms of non-mated ones,
        failures to acquire.
    seed : int
        The same seed gives the same bytes.
    replications : int
        Independent repetitions, over which intervals are given.

    Returns
    -------
    PortDay
        ``waits`` (a frame), ``over(30)``, ``by("lane")``, ``staff_hours``, ``holds``, ``to_json()``.

    Raises
    ------
    SettingsError, TableError
        For input at fault.

    Examples
    --------
    >>> import polars as pl
    >>> frame = pl.DataFrame({"date": ["2026-01-05"] * 2, "hour": [8, 9], "passengers": [300, 200]})
    >>> day = queue("hall", hours=frame, fnir=0.02, fpir=0.003, fta=0.01, seed=1, replications=2)
    >>> day.people, day.holds, 0.0 <= day.over(30).value <= 1.0
    (500, True, True)
    """
    ready = prepare(port, hours=hours, flights=flights, roster=roster, seed=seed, replications=replications)
    return ready.at([ErrorRates(fnir, fpir, fta)])[0]
