"""Which booths are open when: a port's own number, a roster, or as many as the load expected asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from biomatch.errors import SettingsError
from biomatch.portable.types import Floats, Ints
from biomatch.ports.arrivals import HOUR, MINUTE, Arriving, assign_lanes
from biomatch.ports.booths import Booths
from biomatch.settings.port import Lane, Port

SECONDARY = "secondary"
AFTER_HOURS = 48
"""Hours after the last day for which rosters go on, so that a queue at midnight is still served."""
STEP = 900.0
"""Rosters change on the quarter-hour, in seconds."""


@dataclass(frozen=True)
class Roster:
    """Open booths of one bank by the quarter-hour.

    Attributes
    ----------
    counts : ndarray of int64
        Shape (q,), booths open in each quarter-hour from time 0, over `hours` and what follows them.
    hours : int
        Hours that are counted as staff time.
    staffed : bool
        Whether a booth needs an officer; a gate does not.
    """

    counts: Ints
    hours: int
    staffed: bool

    @property
    def booths(self) -> Booths:
        """The bank for the engine."""
        return Booths.by_step(self.counts, STEP)

    @property
    def by_hour(self) -> Floats:
        """Mean number of open booths in each counted hour, shape (hours,)."""
        found: Floats = self.counts[: self.hours * 4].reshape(-1, 4).mean(axis=1)
        return found

    @property
    def booth_hours(self) -> float:
        """Booth-hours inside the counted hours."""
        return float(self.counts[: self.hours * 4].sum()) / 4.0


def hosts(port: Port) -> dict[str, list[int]]:
    """Name the banks: the lane that has the booths, and the numbers of all lanes that they serve."""
    found: dict[str, list[int]] = {}
    for number, lane in enumerate(port.lanes):
        found.setdefault(lane.shares or lane.name, []).append(number)
    return found


def expected_by_hour(port: Port, groups: Arriving) -> dict[str, Floats]:
    """Give the people expected at the door of the hall by hour, for each lane that they go to first.

    Returns
    -------
    dict of str to ndarray
        By lane, shape (hours + after,); ``""`` has everybody.
    """
    size = groups.hours + AFTER_HOURS
    total = {lane.name: np.zeros(size) for lane in port.lanes} | {"": np.zeros(size)}
    steps = (np.arange(12) + 0.5) / 12.0
    leaving = groups.people / port.leaving_rate * MINUTE
    walk = np.full(groups.people.size, port.walk_minutes * MINUTE)
    if port.hour_is == "hall" and groups.spread:
        leaving, walk = np.zeros_like(leaving), np.zeros_like(walk)
    elif port.direction == "exit":
        walk = np.full_like(walk, -port.boarding_minutes * MINUTE)
    walk = walk + port.coach_minutes * MINUTE * groups.coached
    lanes = lane_shares(port, groups)
    for landing in steps:
        for part in steps[::2]:
            door = groups.at + landing * groups.spread + walk + part * leaving
            hour = np.clip(door // HOUR, 0, size - 1).astype(np.int64)
            people = groups.people / (steps.size * steps[::2].size)
            total[""] += np.bincount(hour, people, size)
            for name, share in lanes.items():
                total[name] += np.bincount(hour, people * share, size)
    return total


def lane_shares(port: Port, groups: Arriving) -> dict[str, Floats]:
    """Give the share of each group's people that goes to each lane first."""
    found = {lane.name: np.zeros(groups.people.size) for lane in port.lanes}
    for visitor in (False, True):
        for gate_user in (False, True):
            for vehicle in (False, True):
                weight = (
                    (groups.visitor_share if visitor else 1.0 - groups.visitor_share)
                    * (groups.gate_share if gate_user else 1.0 - groups.gate_share)
                    * (port.vehicle_share if vehicle else 1.0 - port.vehicle_share)
                )
                lane, _ = assign_lanes(port, *(np.array([one]) for one in (visitor, gate_user, vehicle)))
                found[port.lanes[int(lane[0])].name] += weight
    return found


def planned_seconds(port: Port, lane: Lane, fnir: float, fta: float) -> tuple[float, float]:
    """Give the seconds of desk work that a person of a lane is expected to bring, and how likely to a desk.

    Returns
    -------
    seconds, probability : float
        Work at a desk of one who comes to it, and the probability that one of this lane does.
    """
    unmatched = port.mated_share * fnir * (1.0 - fta) + fta
    if lane.kind == "desk":
        return lane.service.mean / lane.people_per_unit + unmatched * port.manual_check.mean, 1.0
    failed = 1.0 - (1.0 - unmatched) * (1.0 - port.gate_failure)
    desk = next(other for other in port.lanes if other.kind == "desk" and other.who != "vehicles")
    checked = unmatched / failed if failed else 0.0
    return desk.service.mean + checked * port.manual_check.mean, failed


def rosters(
    port: Port, groups: Arriving, given: pl.DataFrame | None = None, counts: Mapping[str, Ints] | None = None
) -> dict[str, Roster]:
    """Make the roster of every bank and of secondary.

    Parameters
    ----------
    port : Port
        Booths, targets and outages.
    groups : Arriving
        Traffic that load is expected from.
    given : polars.DataFrame, optional
        Schema ``biomatch.tables.ports.ROSTER``; lanes that it does not name keep the port's.
    counts : mapping of str to ndarray, optional
        Booths by quarter-hour of a bank, in place of everything else.

    Raises
    ------
    SettingsError
        For a lane that the port does not have, or a bank that never opens.
    """
    banks = hosts(port)
    named = set() if given is None else set(given["lane"].to_list())
    unknown = sorted(named - set(banks) - {SECONDARY})
    if unknown:
        raise SettingsError(
            f"the roster names the lane {unknown[0]!r}", allowed=", ".join([*banks, SECONDARY])
        )
    load = _loads(port, groups)
    found = {}
    for name in (*banks, SECONDARY):
        own = None if name == SECONDARY else next(lane for lane in port.lanes if lane.name == name)
        if counts is not None and name in counts:
            quarters = np.asarray(counts[name], dtype=np.int64)
        elif name in named:
            assert given is not None
            quarters = _written(given.filter(pl.col("lane") == name), groups.hours)
        else:
            fixed = _fixed(port, own)
            quarters = (
                np.full((groups.hours + AFTER_HOURS) * 4, fixed)
                if fixed
                else _kept_on(np.repeat(_enough(load[name], port.target_busy), 4), groups.hours)
            )
        quarters = _closed(port, name, quarters)
        if not quarters.any():
            raise SettingsError(f"no booth of {name} is ever open", remedy="open one, or end the outage")
        found[name] = Roster(quarters, groups.hours, own is None or own.kind == "desk")
    return found


def needed(port: Port, groups: Arriving, bank: str, fnir: float, fpir: float, fta: float) -> Ints:
    """Give the booths by hour of a bank that would do at given rates: busy `target_busy` of the time."""
    changed = port.with_({"roster_fnir": fnir, "roster_fpir": fpir, "roster_fta": fta})
    return _enough(_loads(changed, groups)[bank], port.target_busy)[: groups.hours]


def _fixed(port: Port, lane: Lane | None) -> int | None:
    if lane is None:
        return port.secondary_officers
    return lane.booths or (port.desks if lane.kind == "desk" else port.gates)


def _enough(work: Floats, busy: float) -> Ints:
    """Turn booth-hours of work by hour into booths: at least one wherever people may still come."""
    return np.maximum(np.ceil(np.round(work / busy, 9)), 1).astype(np.int64)


def _kept_on(quarters: Ints, hours: int) -> Ints:
    """Let the roster of the last day go on after it: who still queues then is served as on that day."""
    found = quarters.copy()
    day = quarters[(hours - 24) * 4 : hours * 4]
    after = found[hours * 4 :]
    found[hours * 4 :] = np.maximum(after, np.resize(day, after.size))
    return found


def _loads(port: Port, groups: Arriving) -> dict[str, Floats]:
    """Give the booth-hours of work expected by hour at every bank and at secondary."""
    people = expected_by_hour(port, groups)
    found = {}
    for name, members in hosts(port).items():
        total = np.zeros(people[""].size)
        for number in members:
            lane = port.lanes[number]
            if lane.kind == "gate":
                total += people[lane.name] * lane.service.mean / HOUR
            else:
                seconds, _ = planned_seconds(port, lane, port.roster_fnir, port.roster_fta)
                total += people[lane.name] * seconds / HOUR
        found[name] = total
    for lane in port.lanes:
        if lane.kind == "gate":
            seconds, failed = planned_seconds(port, lane, port.roster_fnir, port.roster_fta)
            desk = next(other for other in port.lanes if other.kind == "desk" and other.who != "vehicles")
            found[desk.shares or desk.name] += people[lane.name] * failed * seconds / HOUR
    alarms = 1.0 - (1.0 - port.roster_fpir) ** port.searches
    sent = 1.0 - (1.0 - alarms) * (1.0 - port.referral)
    found[SECONDARY] = people[""] * sent * port.secondary.mean / HOUR
    return found


def _written(rows: pl.DataFrame, hours: int) -> Ints:
    """Lay the rows of a roster on the quarter-hours; times of day hold on every day."""
    size = (hours + AFTER_HOURS) * 4
    quarters = np.zeros(size, dtype=np.int64)
    at = np.arange(size) / 4.0
    whole = bool((rows["ends"] <= 24).all()) and bool((rows["begins"] < 24).all())
    for begins, ends, _, booths in rows.rows():
        clock = at % 24.0 if whole else at
        inside = (clock >= begins) & (clock < ends) if begins < ends else (clock >= begins) | (clock < ends)
        quarters[inside] += booths
    return quarters


def _closed(port: Port, name: str, quarters: Ints) -> Ints:
    """Take out the booths of an outage."""
    found = quarters.copy()
    at = np.arange(found.size) / 4.0
    for outage in port.outages:
        if outage.lane == name:
            inside = (at >= outage.begins) & (at < outage.ends)
            lost = found if outage.booths is None else np.full_like(found, outage.booths)
            found[inside] = np.maximum(found - lost, 0)[inside]
    return found
