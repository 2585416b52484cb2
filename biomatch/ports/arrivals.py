"""From hours or flights to people at the hall's door, and the draws that decide what becomes of each.

Every person has one draw a reason and one service time a station, from named streams. So every threshold
of one search meets the same people, and differences between thresholds are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import SettingsError, TableError
from biomatch.portable.types import Bools, Floats, Ints
from biomatch.settings.port import Duration, Port
from biomatch.streams import stream

PASSENGERS_A_FLIGHT = 180.0
"""Passengers of a flight where the file does not say how many flights landed (assumed)."""
MOST_PEOPLE = 20_000_000
HOUR, MINUTE = 3600.0, 60.0


@dataclass(frozen=True)
class Arriving:
    """Arriving of people who come together: flights, ships, or the people of one hour.

    Attributes
    ----------
    first_day : date
        Midnight of it is time 0.
    hours : int
        Whole hours from time 0 to the end of the last day.
    row : ndarray of int64
        Shape (g,): row of the table that the group came from.
    people : ndarray of int64
        Shape (g,), people of each.
    at : ndarray of float64
        Shape (g,), seconds: when the group's hour begins, or its flight comes to the gate.
    spread : float
        Seconds after `at` over which a group's own time is uniform (an hour's flights); 0 for flights.
    visitor_share, gate_share, connecting_share : ndarray of float64
        Shape (g,), in [0, 1].
    coached : ndarray of bool
        Shape (g,).
    """

    first_day: date
    hours: int
    row: Ints
    people: Ints
    at: Floats
    spread: float
    visitor_share: Floats
    gate_share: Floats
    connecting_share: Floats
    coached: Bools


def groups_of_hours(frame: pl.DataFrame, port: Port) -> Arriving:
    """Make groups from hours of arrivals (schema ``biomatch.tables.ports.HOURS``)."""
    first_day = frame["date"].min()
    days = (frame["date"] - first_day).dt.total_days().to_numpy()
    begins = (days * 24 + frame["hour"].to_numpy()) * HOUR
    people = np.rint(frame["passengers"].to_numpy()).astype(np.int64)
    flights = frame["flights"].fill_null(0).to_numpy()
    guessed = np.ceil(people / PASSENGERS_A_FLIGHT)
    number = np.where(flights >= 1, flights, guessed).astype(np.int64)
    if port.hour_is == "hall":
        number = np.ones_like(number)
    number = np.minimum(number, np.maximum(people, 1))
    of = np.repeat(np.arange(number.size), number)
    turn = np.arange(of.size) - np.repeat(np.cumsum(number) - number, number)
    share, left = people // number, people % number
    return _checked(
        Arriving(
            first_day=_as_date(first_day),
            hours=int(days.max() + 1) * 24,
            row=of,
            people=share[of] + (turn < left[of]),
            at=begins[of],
            spread=HOUR,
            visitor_share=_filled(frame, "visitor_share", port.visitor_share)[of],
            gate_share=_filled(frame, "gate_share", port.gate_share)[of],
            connecting_share=np.full(of.size, port.connecting_share),
            coached=np.zeros(of.size, dtype=np.bool_),
        )
    )


def groups_of_flights(frame: pl.DataFrame, port: Port) -> Arriving:
    """Make groups from flights (schema ``biomatch.tables.ports.FLIGHTS``), each at its own time."""
    whole = frame.sort("gate_time", "passengers", *frame.columns[2:], nulls_last=True)
    first: datetime = whole["gate_time"].min()  # type: ignore[assignment]
    midnight = datetime.combine(first.date(), time(), tzinfo=first.tzinfo)
    at = (whole["gate_time"] - midnight).dt.total_milliseconds().to_numpy() / 1000.0
    size = len(whole)
    return _checked(
        Arriving(
            first_day=first.date(),
            hours=int(at.max() // (24 * HOUR) + 1) * 24,
            row=np.arange(size),
            people=np.rint(whole["passengers"].to_numpy()).astype(np.int64),
            at=at,
            spread=0.0,
            visitor_share=_filled(whole, "visitor_share", port.visitor_share),
            gate_share=_filled(whole, "gate_share", port.gate_share),
            connecting_share=_filled(whole, "connecting_share", port.connecting_share),
            coached=whole["coached"].fill_null(False).to_numpy().astype(np.bool_),
        )
    )


def _as_date(value: object) -> date:
    assert isinstance(value, date)
    return value


def _filled(frame: pl.DataFrame, name: str, default: float) -> Floats:
    return frame[name].fill_null(default).to_numpy().astype(np.float64)


def _checked(groups: Arriving) -> Arriving:
    total = int(groups.people.sum())
    if total > MOST_PEOPLE:
        raise TableError(
            f"{total:,} people at one port",
            allowed=f"at most {MOST_PEOPLE:,} at a time: about four years of O'Hare's Terminal 5",
            remedy="give fewer days, or check the column that was read as passengers",
        )
    return groups


@dataclass(frozen=True)
class Crowd:
    """People at the hall's door, in order of arrival, each with the draws that decide its way.

    Attributes
    ----------
    groups : Arriving
        Where they came from.
    group : ndarray of int64
        Shape (n,): each person's group.
    landed, door : ndarray of float64
        Shape (n,), seconds: when the aircraft came to the gate, and arrival at the hall's door, increasing.
    visitor, connecting : ndarray of bool
        Shape (n,).
    lane, fallback : ndarray of int64
        Shape (n,): the lane that each goes to first, and the desk lane of whom a gate refuses.
    unit : ndarray of int64
        Shape (n,): people who are served together (a vehicle) share a number; else the person's own.
    acquired, matched, alarmed, referred, refused, sought, mated : ndarray of float64
        Shape (n,), uniform draws in [0, 1): one a person and reason.
    slack : ndarray of float64
        Shape (n,), seconds from the hall's door that a connecting traveller has.
    gate, desk, check, secondary : ndarray of float32
        Shape (n,), seconds of service by station.
    """

    groups: Arriving
    group: Ints
    landed: Floats
    door: Floats
    visitor: Bools
    connecting: Bools
    lane: Ints
    fallback: Ints
    unit: Ints
    acquired: Floats
    matched: Floats
    alarmed: Floats
    referred: Floats
    refused: Floats
    sought: Floats
    mated: Floats
    slack: Floats
    gate: NDArray[np.float32]
    desk: NDArray[np.float32]
    check: NDArray[np.float32]
    secondary: NDArray[np.float32]

    @property
    def size(self) -> int:
        """How many people there are."""
        return int(self.door.size)


def crowd(port: Port, groups: Arriving, seed: int, replication: int = 0) -> Crowd:
    """Draw the people of one replication.

    Parameters
    ----------
    port : Port
        Lanes, shares and times.
    groups : Arriving
        Traffic.
    seed : int
        Root seed; streams are named, so that a new reason never shifts an old one.
    replication : int
        Number of the replication, from 0.

    Returns
    -------
    Crowd
    """
    group, landed, door = _door(port, groups, seed, replication)

    def uniform(name: str) -> Floats:
        return stream(seed, f"ports.{name}", replication).random(group.size)

    visitor = uniform("visitor") < groups.visitor_share[group]
    lane, fallback = assign_lanes(
        port,
        visitor,
        uniform("gate_user") < groups.gate_share[group],
        uniform("vehicle") < port.vehicle_share,
    )
    unit, door = _units(port, lane, door, seed, replication)
    order = np.argsort(door, kind="stable")  # a vehicle's people all come when it does
    gate, desk = (_stations(port, lane, fallback, kind, seed, replication) for kind in ("gate", "desk"))
    slack = stream(seed, "ports.slack", replication).lognormal(
        np.log(port.connection_minutes * MINUTE), port.connection_spread, group.size
    )
    draws = {name: uniform(name) for name in
             ("acquired", "matched", "alarmed", "referred", "refused", "sought", "mated")}  # fmt: skip
    moved = bool((order != np.arange(order.size)).any())

    def put(values: NDArray[Any]) -> NDArray[Any]:
        return values[order] if moved else values

    return Crowd(
        groups=groups,
        group=put(group),
        landed=put(landed),
        door=put(door),
        visitor=put(visitor),
        connecting=put(uniform("connecting") < groups.connecting_share[group]),
        lane=put(lane),
        fallback=put(fallback),
        unit=put(unit),
        **{name: put(values) for name, values in draws.items()},
        slack=put(slack),
        gate=put(gate),
        desk=put(desk),
        check=put(_seconds(port.manual_check, stream(seed, "ports.check", replication), group.size)),
        secondary=put(_seconds(port.secondary, stream(seed, "ports.secondary", replication), group.size)),
    )


def _door(port: Port, groups: Arriving, seed: int, replication: int) -> tuple[Ints, Floats, Floats]:
    """Say when each person is at the hall's door: group, landing and door, by door."""
    draws = stream(seed, "ports.arrivals", replication)
    of_hall = port.hour_is == "hall" and groups.spread > 0
    offset = draws.random(groups.at.size) * groups.spread
    group = np.repeat(np.arange(groups.people.size), groups.people)
    turn = np.arange(group.size) - np.repeat(np.cumsum(groups.people) - groups.people, groups.people)
    jitter = draws.random(group.size)
    if of_hall:
        door = groups.at[group] + jitter * groups.spread
        landed = door
    elif port.direction == "exit":
        # The group's time is that of its departure: people step up from when boarding opens.
        landed = groups.at[group] + offset[group]
        opens = landed - port.boarding_minutes * MINUTE
        door = np.maximum(opens + (turn + jitter) * MINUTE / port.leaving_rate, 0.0)
    else:
        landed = groups.at[group] + offset[group]
        leaving = (turn + jitter) * MINUTE / port.leaving_rate
        load = turn // port.coach_places * port.coach_places
        coach = port.coach_minutes * MINUTE + load * MINUTE / port.leaving_rate
        door = landed + port.walk_minutes * MINUTE + np.where(groups.coached[group], coach, leaving)
    order = np.argsort(door, kind="stable")
    return group[order], landed[order], door[order]


def assign_lanes(port: Port, visitor: Bools, gate_user: Bools, in_vehicle: Bools) -> tuple[Ints, Ints]:
    """Say which lane each person goes to first, and which desk lane takes whom a gate refuses.

    Of the lanes that a person may use: a vehicle's own, then a gate for those who use one, then the desk lane
    that is for the narrowest class, then the one for all.
    """
    size = visitor.size
    with_vehicles = any(lane.who == "vehicles" for lane in port.lanes)
    vehicle = in_vehicle if with_vehicles else np.zeros(size, dtype=np.bool_)
    classes: dict[str, Bools] = {
        "all": ~vehicle,
        "pedestrians": ~vehicle,
        "gate_users": ~vehicle & gate_user,
        "residents": ~vehicle & ~visitor,
        "visitors": ~vehicle & visitor,
        "vehicles": vehicle,
    }
    desk = _first_of(port, classes, "desk")
    gates = {**classes, "all": classes["gate_users"], "pedestrians": classes["gate_users"],
             "residents": classes["residents"] & gate_user,
             "visitors": classes["visitors"] & gate_user}  # fmt: skip
    gate = _first_of(port, gates, "gate")
    if (desk < 0).any():
        raise SettingsError(
            f"{int((desk < 0).sum()):,} people of {port.name} have no desk lane",
            allowed="lanes whose `who` covers everybody",
            remedy="add a desk lane for all",
        )
    return np.where(gate >= 0, gate, desk), desk


def _first_of(port: Port, classes: dict[str, Bools], kind: str) -> Ints:
    """Give each person the narrowest lane of a kind that is for it; -1 where there is none."""
    size = classes["all"].size
    found = np.full(size, -1, dtype=np.int64)
    rank = {"vehicles": 0, "gate_users": 1, "residents": 1, "visitors": 1, "pedestrians": 2, "all": 3}
    ranked = sorted((rank[lane.who], number) for number, lane in enumerate(port.lanes) if lane.kind == kind)
    for _, number in ranked:
        # A desk lane of "gate users" is for whom the gates refuse and who may use one.
        found[(found < 0) & classes[port.lanes[number].who]] = number
    return found


def _units(port: Port, lane: Ints, door: Floats, seed: int, replication: int) -> tuple[Ints, Floats]:
    """Put people into vehicles where a lane's service clears several; all of them come with the first."""
    unit, at = np.arange(door.size), door
    for number, settings in enumerate(port.lanes):
        members = np.flatnonzero(lane == number)
        if settings.people_per_unit <= 1.0 or not members.size:
            continue
        at = door.copy() if at is door else at
        draws = stream(seed, "ports.units", replication, number)
        sizes = 1 + draws.poisson(settings.people_per_unit - 1.0, members.size)
        starts = np.cumsum(sizes) - sizes
        of = np.searchsorted(starts, np.arange(members.size), side="right") - 1
        unit[members] = members[starts[of]]
        at[members] = door[members[starts[of]]]
    return unit, at


def _stations(
    port: Port, lane: Ints, fallback: Ints, kind: str, seed: int, replication: int
) -> NDArray[np.float32]:
    """Give each person's seconds at its gate, or at its desk."""
    seconds = np.zeros(lane.size, dtype=np.float32)
    of = lane if kind == "gate" else fallback
    for number, settings in enumerate(port.lanes):
        if settings.kind == kind:
            members = np.flatnonzero(of == number)
            draws = stream(seed, f"ports.{kind}", replication, number)
            seconds[members] = _seconds(settings.service, draws, members.size)
    return seconds


def _seconds(duration: Duration, draws: np.random.Generator, size: int) -> NDArray[np.float32]:
    """Draw durations of a law with a mean and standard deviation, seconds."""
    mean, sd = duration.mean, duration.sd
    if duration.law == "exponential":
        return draws.exponential(mean, size).astype(np.float32)
    if duration.law == "fixed" or sd == 0.0:
        return np.full(size, mean, dtype=np.float32)
    if duration.law == "gamma":
        return draws.gamma((mean / sd) ** 2, sd**2 / mean, size).astype(np.float32)
    spread = np.log1p((sd / mean) ** 2)
    return draws.lognormal(np.log(mean) - spread / 2.0, np.sqrt(spread), size).astype(np.float32)
