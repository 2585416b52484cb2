"""Crossings of persons, and which of them anybody wrote down."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.portable import exp, exponentials
from biomatch.portable.types import Bools, Floats, Ints
from biomatch.settings.scenario import Scenario
from biomatch.streams import stream
from biomatch.tables.observed import CLASSES, MODES
from biomatch_synthetic.documents import document_at
from biomatch_synthetic.draft import DAY_MS, ENTRY, EXIT, MANIFEST, NEIGHBOUR, PORT, Draft, Table
from biomatch_synthetic.itineraries.permission import FAR
from biomatch_synthetic.itineraries.shares import class_rates
from biomatch_synthetic.itineraries.trips import RESIDENT, port_modes

LAND = MODES.index("land")


def make_crossings(draft: Draft) -> None:
    """Turn trips into journeys of persons and into encounters, recorded or not."""
    trips, parties = draft.trips, draft.parties
    size = parties.size[trips.party]
    trip = np.repeat(np.arange(len(trips)), size)
    place = np.arange(len(trip)) - np.repeat(np.cumsum(size) - size, size)
    person = parties.first[trips.party[trip]] + place
    end = trips.end[trip]
    resident = trips.admission[trip] == RESIDENT
    journeys = Table(
        {
            "person": person,
            "trip": trip,
            "resident": resident,
            "begin": trips.begin[trip],
            "end": end,
            "lawful": trips.lawful[trip],
            "entry": np.full(len(trip), -1),
            "exit": np.full(len(trip), -1),
        }
    )
    draft.journeys = journeys
    document = document_at(draft, person, trips.begin[trip])
    everyone = np.arange(len(trip))
    first = _records(draft, everyone, np.where(resident, EXIT, ENTRY), document, second=False)
    second = _second_crossings(draft, document)
    table = {name: np.concatenate([first[name], second[name]]) for name in first}
    draft.encounters = Table(table)
    attach(draft)
    _slips(draft)


def attach(draft: Draft) -> None:
    """Write each journey's entry and exit rows from its own person's encounters."""
    journeys, encounters = draft.journeys, draft.encounters
    own = (encounters["person"] == journeys["person"][encounters["journey"]]) & (encounters["person"] >= 0)
    for name, direction in (("entry", ENTRY), ("exit", EXIT)):
        rows = np.flatnonzero(own & (encounters["direction"] == direction))
        column = np.full(len(journeys), -1)
        column[encounters["journey"][rows]] = rows
        journeys[name] = column


def _records(
    draft: Draft, journey: Ints, direction: Ints, document: Ints, *, second: bool
) -> dict[str, NDArray[Any]]:
    """Make rows of encounters at the port itself, recorded seconds later."""
    trips, trip = draft.trips, draft.journeys["trip"][journey]
    person = draft.journeys["person"][journey]
    day = trips.end[trip] if second else trips.begin[trip]
    time = (day * DAY_MS).astype(np.int64)
    permitted = np.where(direction == ENTRY, trips.permitted[trip], FAR)
    return {
        "journey": journey,
        "person": person,
        "claimed": person.copy(),
        "document": document[journey],
        "direction": direction,
        "source": np.full(len(journey), PORT),
        "time": time,
        "recorded": time.copy(),
        "received": np.zeros(len(journey), np.int64),  # delay after the crossing, milliseconds
        "port": trips.port_out[trip] if second else trips.port_in[trip],
        "movement": np.full(len(journey), -1),
        "leg": trip * 2 + second,
        "admission": trips.admission[trip],
        "permitted": permitted,
        "number_error": np.zeros(len(journey), np.int64),
        "name_error": np.zeros(len(journey), np.int64),
        "birth_error": np.zeros(len(journey), np.int64),
        "noise": np.ones(len(journey)),
    }


def late_share(scenario: Scenario) -> float:
    """Share of departures whose record comes late, so that the set share is missing at the snapshot.

    A late record comes an exponential time after the last lawful day, when overdue stays are looked
    into; on average over the days of the period, a share D / P of them is still under way.
    """
    records = scenario.records
    period = max(1, scenario.days - scenario.warm_up_days - scenario.restatement_days)
    mean = records.late_mean_days
    under_way = mean / period * (1.0 - float(exp(-period / mean)))
    return float(min(0.5, records.missed_exits * records.missed_late / under_way))


def unexplained_share(draft: Draft) -> float:
    """Share of visits after which the same party does not enter again by the snapshot.

    A second entry proves the departure that nobody recorded, so more must be missed than stay in doubt.
    """
    trips, scenario = draft.trips, draft.scenario
    snapshot = scenario.days - scenario.restatement_days
    visit = (trips.admission != RESIDENT) & (trips.end < snapshot)
    again = np.zeros(len(trips), np.bool_)
    again[:-1] = (trips.party[1:] == trips.party[:-1]) & (trips.begin[1:] < snapshot)
    count = int(visit.sum())
    return 1.0 - float(again[visit].sum()) / count if count else 1.0


def missed_shares(draft: Draft, share: float) -> Floats:
    """Spread a share of doubtful departures over the classes, as a share of all departures."""
    weights = draft.scenario.records.missed_weights
    return class_rates(draft.scenario, weights, share / max(unexplained_share(draft), 0.1))


def _second_crossings(draft: Draft, document: Ints) -> dict[str, NDArray[Any]]:
    """Make the second crossings that somebody recorded."""
    scenario, seed, trips, journeys = draft.scenario, draft.seed, draft.trips, draft.journeys
    records, trip = scenario.records, journeys["trip"]
    count = len(journeys)

    def of_trip(name: str) -> Floats:
        return stream(seed, f"records.{name}").random(len(trips))[trip]

    def of_person(name: str) -> Floats:
        return stream(seed, f"records.{name}").random(count)

    happens = journeys["end"] < scenario.days
    resident: Bools = journeys["resident"]
    land = port_modes(scenario)[trips.port_out[trip]] == LAND
    missed = missed_shares(draft, records.missed_exits)[trips.admission[trip]]
    fate = of_trip("exit")
    unrecorded = fate < missed * records.missed_unrecorded
    neighbour = ~unrecorded & (fate > 1.0 - records.neighbour_exits)
    # Visitors by air or sea who leave by land: our port sees them, the neighbour tells us, or nobody does.
    by_land, told = neighbour & ~land & ~resident, of_trip("left_by_land")
    at_port = by_land & (told < records.left_by_land_at_port)
    untold = by_land & (told >= records.left_by_land_at_port + records.left_by_land_exchanged)
    journeys["by_land"] = by_land
    on_land = of_trip("land_exit")
    neighbour = np.where(
        land,
        (on_land >= records.land_port_exits)
        & (on_land < records.land_port_exits + records.land_neighbour_exits),
        neighbour,
    )
    unrecorded = np.where(land, on_land >= records.land_port_exits + records.land_neighbour_exits, unrecorded)
    # A resident's return is always seen; a land exit of theirs leaves no record but the port's.
    neighbour, unrecorded = neighbour & ~resident, unrecorded & ~resident
    late_of = missed_shares(draft, late_share(scenario))
    late = (of_person("late") < late_of[trips.admission[trip]]) & ~resident & ~neighbour
    by_carrier = (of_person("manifest_only") < records.manifest_only) & ~resident & ~land & ~neighbour
    other = np.maximum(draft.second_passport[journeys["person"]], -1)
    holders = max(scenario.documents.second_passports, 1e-9)
    switch = (other >= 0) & (of_person("switch") < missed * records.missed_other_document / holders)
    shown = np.where(switch & ~resident, other, document)

    rows = np.flatnonzero(happens & ~unrecorded & ~untold)
    direction = np.where(resident[rows], ENTRY, EXIT)
    made = _records(draft, rows, direction, shown, second=True)
    source = np.full(count, PORT)
    source[by_carrier | (late & ~land)] = MANIFEST
    source[neighbour | (late & land)] = NEIGHBOUR
    source[at_port] = PORT
    made["source"] = source[rows]
    lag = of_person("carrier_lag") * DAY_MS
    lag = np.where(
        source == NEIGHBOUR, _exponential(draft, "neighbour_lag", count, records.neighbour_lag_days), lag
    )
    overdue = np.maximum(np.minimum(journeys["lawful"], scenario.days) - journeys["end"], 0.0)
    waited = _exponential(draft, "late_lag", count, records.late_mean_days)
    with np.errstate(invalid="ignore"):
        lag = np.where(late, overdue * DAY_MS + waited, lag)
    made["received"] = np.where(made["source"] == PORT, 0, lag[rows]).astype(np.int64)
    crossed = (made["source"] == NEIGHBOUR) | at_port[rows]
    made["port"] = np.where(crossed, land_port(scenario, made["port"]), made["port"])
    return made


def _exponential(draft: Draft, name: str, count: int, mean_days: float) -> Floats:
    return exponentials(stream(draft.seed, f"records.{name}"), count) * mean_days * DAY_MS


def land_port(scenario: Scenario, ports: Ints) -> Ints:
    """Give the land port beside which the neighbour recorded an entry; -1: a crossing without a port."""
    land = np.flatnonzero(port_modes(scenario) == LAND)
    if not len(land):
        return np.full(len(ports), -1)
    return np.where(np.isin(ports, land), ports, land[ports % len(land)])


def _slips(draft: Draft) -> None:
    """Mistype some document numbers (entries and exits alike), names and birth dates in records."""
    encounters, seed = draft.encounters, draft.seed
    records, count = draft.scenario.records, len(encounters)
    rates = missed_shares(draft, records.missed_exits)
    # Either record of a stay may bear the slip, and one is enough to part them.
    chance = rates[encounters["admission"]] * records.missed_keying / 2.0
    visitor = encounters["admission"] != CLASSES.index("RESIDENT")
    slip = stream(seed, "records.number_slip")
    hit = (slip.random(count) < chance) & visitor
    encounters["number_error"] = np.where(hit, stream(seed, "records.slip").integers(1, 10**6, count), 0)
    for name, share in (("name_error", records.name_errors), ("birth_error", records.birth_date_errors)):
        wrong = stream(seed, f"records.{name}").random(count) < share
        encounters[name] = np.where(wrong, stream(seed, f"records.{name}_kind").integers(1, 1000, count), 0)
