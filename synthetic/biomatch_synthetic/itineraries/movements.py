"""Carrier movements: who sits in which aircraft or ship, when it leaves, and what its manifest says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biomatch.portable import gammas
from biomatch.portable.types import Ints
from biomatch.streams import stream
from biomatch.tables.observed import MODES
from biomatch_synthetic.clocks import clocks, moments
from biomatch_synthetic.draft import DAY_MS, ENTRY, EXIT, NEIGHBOUR, PORT, Draft, Table
from biomatch_synthetic.itineraries.trips import port_modes

LAND, SEA = MODES.index("land"), MODES.index("sea")
MINUTE = 60_000
LONGEST_LAST_CALL = 50 * MINUTE


def make_movements(draft: Draft) -> None:
    """Fill aircraft and ships with the parties of a port, a direction and a day; move times to fit.

    Parties keep their order in time, so movements follow the port's profile of hours. Arrivals are
    inspected after the scheduled time, departures board before it; a party stays together.
    """
    encounters, seed = draft.encounters, draft.seed
    modes = port_modes(draft.scenario)
    carried = (encounters["source"] != NEIGHBOUR) & (modes[encounters["port"]] != LAND)
    rows = np.flatnonzero(carried)
    # One entry a leg: a party's members share it.
    leg, first, back, members = np.unique(
        encounters["leg"][rows], return_index=True, return_inverse=True, return_counts=True
    )
    head = rows[first]
    port, direction, time = (encounters[name][head] for name in ("port", "direction", "time"))
    day = time // DAY_MS
    order = np.lexsort((leg, time, day, direction, port))
    cell = np.stack([port, direction, day])[:, order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (cell[:, 1:] != cell[:, :-1]).any(axis=0)
    begin = np.flatnonzero(new)
    of_cell = np.cumsum(new) - 1
    seats = members[order]
    total = np.add.reduceat(seats, begin) if len(begin) else np.zeros(0, np.int64)
    before = np.cumsum(seats) - seats
    before -= before[begin][of_cell]
    traffic = draft.scenario.traffic
    load = np.where(modes[port[order]] == SEA, traffic.ship_load, traffic.movement_load)
    flights = np.maximum(1, np.rint(total[of_cell] / load)).astype(np.int64)
    number = before * flights // np.maximum(total[of_cell], 1)
    fresh = new.copy()
    fresh[1:] |= number[1:] != number[:-1]
    movement = np.cumsum(fresh) - 1
    starts = np.flatnonzero(fresh)
    count = len(starts)
    mean_time = (
        np.add.reduceat(time[order].astype(np.float64), starts) / np.diff(np.append(starts, len(order)))
        if count
        else np.zeros(0)
    )
    scheduled = (mean_time // (5 * MINUTE) * (5 * MINUTE)).astype(np.int64)
    at = order[starts]
    draft.movements = Table(
        {
            "port": port[at],
            "direction": direction[at],
            "scheduled": scheduled,
            "carrier": stream(seed, "movements.carrier").integers(0, traffic.carriers, count),
        }
    )
    of_leg = np.empty(len(leg), np.int64)
    of_leg[order] = movement
    encounters["movement"][rows] = of_leg[back]
    _set_times(draft, rows, head, back, of_leg)


def _set_times(draft: Draft, rows: Ints, head: Ints, back: Ints, of_leg: Ints) -> None:
    """Put each party before the officer: after landing, or before departure; members seconds apart."""
    encounters, seed = draft.encounters, draft.seed
    legs, count = encounters["leg"], len(encounters)
    # Keyed by leg, so that another leg's draw is nobody else's business.
    top = int(legs.max()) + 1 if count else 1
    wait = gammas(stream(seed, "movements.wait"), 4.0, top)[legs[head]]
    call = stream(seed, "movements.call").random(top)[legs[head]]
    base = draft.movements["scheduled"][of_leg]
    arriving = encounters["direction"][head] == ENTRY
    # Walk of 3 to 12 minutes [Q1] and a queue: mean 24 minutes (O'Hare 2019: 16 minutes' wait, [C9]).
    after = (3 * MINUTE + wait * 5.25 * MINUTE).astype(np.int64)
    ahead = (15 * MINUTE + call * (LONGEST_LAST_CALL - 15 * MINUTE)).astype(np.int64)
    seconds = stream(seed, "movements.seconds").random(count)[rows] * 45_000.0
    moved = (base + np.where(arriving, after, -ahead))[back] + seconds.astype(np.int64)
    encounters["time"][rows] = moved


def settle_times(draft: Draft) -> None:
    """Keep second crossings after first ones, inside the world, and say when each record came."""
    encounters, journeys = draft.encounters, draft.journeys
    last = draft.scenario.days * DAY_MS - 1
    encounters["time"] = np.clip(encounters["time"], 0, last)
    first = np.where(journeys["resident"], journeys["exit"], journeys["entry"])
    second = np.where(journeys["resident"], journeys["entry"], journeys["exit"])
    both = np.flatnonzero((first >= 0) & (second >= 0))
    # Clocks of two ports cannot be compared: the order is that of the moments.
    port = encounters["port"]
    moment = moments(draft.scenario, encounters["time"], port)
    earliest = moment[first[both]] + 30 * MINUTE
    late = np.minimum(np.maximum(moment[second[both]], earliest), last)
    moment[second[both]] = late
    # Squeezed against the world's end: the first crossing gives way.
    moment[first[both]] = np.minimum(moment[first[both]], late - 1000)
    encounters["moment"] = moment
    encounters["time"] = time = clocks(draft.scenario, moment, port)
    count = len(encounters)
    typed = 1000 + (stream(draft.seed, "records.typed").random(count) * 29_000).astype(np.int64)
    delay = np.where(encounters["source"] == PORT, typed, encounters["received"])
    encounters["recorded"] = time + np.maximum(delay, 0) + _delayed(draft, encounters["direction"] == EXIT)


def make_manifests(draft: Draft) -> None:
    """Write manifests: a line for every passenger of a carrier, and some who never came."""
    encounters, movements, seed = draft.encounters, draft.movements, draft.seed
    rows = np.flatnonzero(encounters["movement"] >= 0)
    count = len(encounters)
    movement = encounters["movement"][rows]
    scheduled = movements["scheduled"][movement]
    hours = 1.0 + 71.0 * stream(seed, "manifests.sent").random(count)[rows] ** 2
    flown = np.where(encounters["direction"][rows] == ENTRY, 8 * 60 * MINUTE, 0)
    received = scheduled - flown - (hours * 60 * MINUTE).astype(np.int64)
    # A record that came late came by the manifest: it is the same message.
    overdue = (encounters["source"][rows] != PORT) & (encounters["received"][rows] > DAY_MS)
    received = received + _delayed(draft, encounters["direction"][rows] == EXIT)
    received = np.where(overdue, encounters["recorded"][rows], received)
    lines = {
        "movement": movement,
        "document": encounters["document"][rows],
        "number_error": encounters["number_error"][rows],
        "received": received,
    }
    extra = _no_shows(draft)
    draft.manifests = Table({name: np.concatenate([lines[name], extra[name]]) for name in lines})


def nearest_movement(draft: Draft, port: Ints, direction: int, time: Ints) -> Ints:
    """Find the movement of a port and direction that is scheduled next after a time; -1: none."""
    movements = draft.movements
    found = np.full(len(port), -1)
    for code in np.unique(port):
        here = np.flatnonzero((movements["port"] == code) & (movements["direction"] == direction))
        if not len(here):
            continue
        here = here[np.argsort(movements["scheduled"][here], kind="stable")]
        rows = np.flatnonzero(port == code)
        at = np.searchsorted(movements["scheduled"][here], time[rows])
        found[rows] = np.where(at < len(here), here[np.minimum(at, len(here) - 1)], -1)
    return found


def _no_shows(draft: Draft) -> dict[str, Ints]:
    """List some visitors on a departure that they did not take, during their stay."""
    encounters, journeys, seed = draft.encounters, draft.journeys, draft.seed
    count = len(journeys)
    rng = stream(seed, "manifests.no_show")
    chosen = rng.random(count) < draft.scenario.records.no_shows
    share = stream(seed, "manifests.no_show_time").random(count)
    rows = np.flatnonzero(chosen & ~journeys["resident"] & (journeys["entry"] >= 0))
    entry = journeys["entry"][rows]
    begin = encounters["time"][entry]
    end = np.minimum(journeys["end"][rows], draft.scenario.days) * DAY_MS
    when = (begin + share[rows] * np.maximum(end - begin, 0)).astype(np.int64)
    movement = nearest_movement(draft, draft.trips.port_out[journeys["trip"][rows]], EXIT, when)
    keep = movement >= 0
    movement, entry = movement[keep], entry[keep]
    return {
        "movement": movement,
        "document": encounters["document"][entry],
        "number_error": encounters["number_error"][entry],
        "received": draft.movements["scheduled"][movement]
        - 6 * 60 * MINUTE
        + _delayed(draft, np.ones(len(movement), np.bool_)),
    }


def _delayed(draft: Draft, departs: NDArray[np.bool_]) -> Ints:
    """Give the further delay of each record in milliseconds: departures alone are held up."""
    return departs * departures_delay(draft)


def departures_delay(draft: Draft) -> int:
    """Milliseconds by which every record of a departure is received later than it would be."""
    return int(draft.scenario.records.departures_delayed_days * DAY_MS)
