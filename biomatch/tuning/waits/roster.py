"""The smallest roster that holds a goal on waits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from biomatch.errors import ResultsError, SettingsError
from biomatch.evaluation.waits.counts import wait_seconds
from biomatch.evaluation.waits.day import Prepared, Replicated, Traffic, prepare, replicated
from biomatch.portable.types import Ints
from biomatch.ports.arrivals import MINUTE, Crowd
from biomatch.ports.hall import ErrorRates, Gates, flow, gates
from biomatch.ports.rosters import Roster, hosts
from biomatch.settings.port import Port
from biomatch.tuning.waits.front import parse_goal

MOST_REPLICATIONS = 5
"""Replications on which the search looks; the answer is checked on as many as are asked for."""
MOST_BOOTHS = 2000


@dataclass(frozen=True)
class RosterFor:
    """A roster that holds a goal.

    Attributes
    ----------
    goal : tuple of float
        Minutes, and the share that may wait longer.
    lane : str or None
        Whose share; None: everybody's.
    share : Replicated
        Reached share over the minutes, over all replications.
    frame : polars.DataFrame
        ``from``, ``to`` (hours after the first midnight), ``lane``, ``booths``: what ``--roster`` reads.
    staff_hours, before_hours : float
        Booth-hours of the searched banks, and of the port's own roster.
    """

    goal: tuple[float, float]
    lane: str | None
    share: Replicated
    frame: pl.DataFrame
    staff_hours: float
    before_hours: float

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        return {
            "over_minutes": self.goal[0],
            "limit": self.goal[1],
            "lane": self.lane,
            "share": self.share.to_json(),
            "staff_hours": self.staff_hours,
            "staff_hours_before": self.before_hours,
            "roster": self.frame.to_dicts(),
        }

    def lines(self) -> list[str]:
        """Say it in sentences."""
        who = "travellers" if self.lane is None else f"travellers of {self.lane}"
        minutes, limit = self.goal
        by_hour = self.frame.filter(pl.col("booths") > 0)
        return [
            f"{self.staff_hours:,.0f} booth-hours keep {who} over {minutes:g} min at {self.share.value:.1%} "
            f"(goal {limit:.1%}); the port's own roster has {self.before_hours:,.0f}",
            *(f"  hours {a:g} to {b:g}, {lane}: {n} booths" for a, b, lane, n in by_hour.head(24).rows()),
            *([f"  and {len(by_hour) - 24:,} rows more: --out DIR or --json"] if len(by_hour) > 24 else []),
        ]


@dataclass(frozen=True)
class _Trial:
    """The crowds of some replications, against which rosters are tried."""

    ready: Prepared
    rates: ErrorRates
    people: tuple[tuple[Crowd, Gates], ...]
    minutes: float
    members: tuple[int, ...] | None

    def shares(self, plan: dict[str, Roster]) -> list[float]:
        port = self.ready.port
        found = []
        for replication, (crowd, passed) in enumerate(self.people):
            done = flow(
                port, crowd, plan, self.rates, seed=self.ready.seed, replication=replication, passed=passed
            )
            waited = wait_seconds(port, done)
            if self.members is not None:
                waited = waited[np.isin(crowd.lane, self.members)]
            if not waited.size:
                raise ResultsError("nobody uses that lane", remedy="name a lane with travellers")
            found.append(float((waited > self.minutes * MINUTE).mean()))
        return found


def roster_for(
    port: Port,
    goal: str,
    *,
    lane: str | None = None,
    hours: Traffic | None = None,
    flights: pl.DataFrame | str | Path | None = None,
    roster: pl.DataFrame | str | Path | None = None,
    fnir: float = 0.0,
    fpir: float = 0.0,
    fta: float = 0.0,
    seed: int = 0,
    replications: int = 20,
) -> RosterFor:
    """Search the smallest desks by the hour that hold a goal on waits.

    Parameters
    ----------
    port : Port
    goal : str
        Such as ``"over 45 <= 5%"``: share of travellers by the port's clock.
    lane : str, optional
        Whose share counts, and whose booths are searched; default: everybody's, every bank of desks.
    hours, flights, roster, fnir, fpir, fta, seed, replications
        As in ``bm.queue``; a roster stays as it is for banks that are not searched.

    Returns
    -------
    RosterFor

    Raises
    ------
    SettingsError
        For a lane that the port does not have.
    ResultsError
        Where no number of booths holds the goal.

    Notes
    -----
    Booths by the hour in proportion to the load expected are scaled until the goal holds; then each hour of
    the day, those with most booths first, loses booths as long as it still does. That is a local minimum:
    no single hour of the day can lose one booth more.
    """
    minutes, limit = parse_goal(goal, "--roster-for")
    ready = prepare(port, hours=hours, flights=flights, roster=roster, seed=seed, replications=replications)
    members = _members(port, lane)
    searched = _searched(port, lane)
    rates = ErrorRates(fnir, fpir, fta)
    few = min(replications, MOST_REPLICATIONS)
    people = tuple(
        (crowd, gates(port, crowd, ready.plan, fta)) for crowd in (ready.crowd(k) for k in range(few))
    )
    trial = _Trial(ready, rates, people, minutes, members)

    def reached(plan: dict[str, Roster]) -> bool:
        return float(np.mean(trial.shares(plan))) <= limit

    plan = _trimmed(_scaled(ready, searched, reached), searched, reached, ready.groups.hours)
    final = _Trial(ready, rates, tuple(
        people[k] if k < few else (crowd := ready.crowd(k), gates(port, crowd, ready.plan, fta))
        for k in range(replications)
    ), minutes, members)  # fmt: skip
    rows = [row for name in searched for row in _rows(name, plan[name])]
    return RosterFor(
        goal=(minutes, limit),
        lane=lane,
        share=replicated(final.shares(plan), most=1.0),
        frame=pl.DataFrame(rows),
        staff_hours=sum(plan[name].booth_hours for name in searched),
        before_hours=sum(ready.plan[name].booth_hours for name in searched),
    )


def _members(port: Port, lane: str | None) -> tuple[int, ...] | None:
    if lane is None:
        return None
    names = [one.name for one in port.lanes]
    if lane not in names:
        raise SettingsError(f"--lane {lane}", allowed=", ".join(names))
    return (names.index(lane),)


def _searched(port: Port, lane: str | None) -> list[str]:
    banks = hosts(port)
    if lane is not None:
        own = next(one for one in port.lanes if one.name == lane)
        return [own.shares or own.name]
    return [name for name, numbers in banks.items() if port.lanes[numbers[0]].kind == "desk"]


def _scaled(ready: Prepared, searched: list[str], reached: Any) -> dict[str, Roster]:
    """Find the smallest multiple of the port's own roster that reaches the goal, to 2%."""

    def times(factor: float) -> dict[str, Roster]:
        plan = dict(ready.plan)
        for name in searched:
            own = plan[name]
            counts = np.clip(np.ceil(own.counts * factor), 1, MOST_BOOTHS).astype(np.int64)
            plan[name] = Roster(counts, own.hours, own.staffed)
        return plan

    low, high = 0.02, 1.0
    while not reached(times(high)):
        low, high = high, high * 1.5
        if high > 40.0:
            raise ResultsError(
                "no number of booths holds the goal",
                remedy="what remains is no queue at these booths but service or another lane; raise the goal",
            )
    while high - low > 0.02 * high:
        middle = (low + high) / 2.0
        if reached(times(middle)):
            high = middle
        else:
            low = middle
    return times(high)


def _trimmed(plan: dict[str, Roster], searched: list[str], reached: Any, hours: int) -> dict[str, Roster]:
    """Take booths away, an hour of the day at a time, as long as the goal is reached."""
    hour = (np.arange(next(iter(plan.values())).counts.size) // 4) % 24
    for name in searched:
        loads = [int(plan[name].counts[: hours * 4][hour[: hours * 4] == k].sum()) for k in range(24)]
        for k in sorted(range(24), key=lambda one: (-loads[one], one)):
            while True:
                counts = np.where(hour == k, np.maximum(plan[name].counts - 1, 1), plan[name].counts)
                if (counts == plan[name].counts).all():
                    break
                fewer = {**plan, name: Roster(counts, plan[name].hours, plan[name].staffed)}
                if not reached(fewer):
                    break
                plan = fewer
    return plan


def _rows(name: str, roster: Roster) -> list[dict[str, Any]]:
    """Write a roster as rows of hours after the first midnight, equal quarter-hours joined."""
    counts: Ints = roster.counts[: roster.hours * 4]
    edges = np.flatnonzero(np.append(True, counts[1:] != counts[:-1]))
    ends = np.append(edges[1:], counts.size)
    return [
        {"from": a / 4.0, "to": b / 4.0, "lane": name, "booths": int(counts[a])}
        for a, b in zip(edges.tolist(), ends.tolist(), strict=True)
    ]
