"""Captures that are themselves the record of a departure: of those whose exit the port did not record.

Under mandatory biometric exit the image is the record. A visitor whose departure the port has not written
down (nobody did, the carrier or the neighbour did, or its record is still under way) passes a gate like
everybody else; where that gate has a camera, an encounter with source ``capture`` is the consequence. Whether
there is a camera, and whether it acquires a face, is decided where it is for all others (`captures`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomatch.portable.types import Ints
from biomatch.streams import stream
from biomatch.tables.observed import MODES
from biomatch_synthetic.clocks import clocks, moments
from biomatch_synthetic.documents import document_at
from biomatch_synthetic.draft import CAPTURE, DAY_MS, EXIT, PORT, Draft, Table
from biomatch_synthetic.itineraries.crossings import land_port
from biomatch_synthetic.itineraries.movements import MINUTE, departures_delay, nearest_movement
from biomatch_synthetic.itineraries.permission import FAR
from biomatch_synthetic.itineraries.trips import port_modes

LAND = MODES.index("land")


def add_exit_captures(draft: Draft) -> None:
    """Append an encounter for every departure that passes a gate and that the port has not recorded.

    Only where `captures.biometric_exit` makes a capture the record, and only departures that happened: not
    those that a carrier reported and nobody made. The column `read` of the encounters says whose document the
    gate read.
    """
    settings = draft.scenario.captures.biometric_exit
    draft.encounters["read"] = np.ones(len(draft.encounters), np.bool_)
    if not settings.record_from:
        return
    rows = _passers(draft)
    made = _crossings(draft, rows)
    starts = np.full(len(MODES), FAR)
    for mode, day in settings.record_from.items():
        starts[MODES.index(mode)] = (day - draft.scenario.first_day).days
    mode = port_modes(draft.scenario)[np.maximum(made["port"], 0)]
    holds = (made["port"] >= 0) & (made["time"] // DAY_MS >= starts[mode])
    drawn = stream(draft.seed, "captures.document_read").random(len(draft.journeys))[rows]
    made["read"] = drawn < settings.documents_read
    kept = np.flatnonzero(holds)
    columns = {name: draft.encounters[name] for name in made}
    draft.encounters = Table(
        {name: np.concatenate([values, made[name][kept]]) for name, values in columns.items()}
    )


def attach_captures(draft: Draft) -> None:
    """Let a capture be its journey's exit: it comes first, and it is what the traveller did."""
    encounters = draft.encounters
    rows = np.flatnonzero(encounters["source"] == CAPTURE)
    draft.journeys["exit"][encounters["journey"][rows]] = rows


def _passers(draft: Draft) -> Ints:
    """Give the journeys of visitors who truly left and whose exit the port has not recorded."""
    journeys, encounters = draft.journeys, draft.encounters
    exit_ = journeys["exit"]
    recorded = exit_ >= 0
    at_port = recorded & (encounters["source"][np.maximum(exit_, 0)] == PORT)
    # An exit in this journey's name by somebody else: whatever it was, it is no unrecorded departure.
    leaving = encounters["direction"] == EXIT
    named = np.bincount(encounters["journey"][leaving], minlength=len(journeys)) > 0
    left = (journeys["end"] < draft.scenario.days) & ~journeys["resident"] & (journeys["entry"] >= 0)
    return np.flatnonzero(left & ~at_port & (recorded | ~named))


def _crossings(draft: Draft, rows: Ints) -> dict[str, NDArray[Any]]:
    """Say where and when each passed, on which carrier: as recorded elsewhere, or as was planned."""
    journeys, encounters, scenario = draft.journeys, draft.encounters, draft.scenario
    trip, person, exit_ = (journeys[name][rows] for name in ("trip", "person", "exit"))
    known = exit_ >= 0
    at = np.maximum(exit_, 0)
    time = np.where(known, encounters["time"][at], (journeys["end"][rows] * DAY_MS).astype(np.int64))
    port = draft.trips.port_out[trip]
    port = np.where(journeys["by_land"][rows], land_port(scenario, port), port)
    port = np.where(known, encounters["port"][at], port)
    entered = encounters["moment"][journeys["entry"][rows]]
    moment = np.maximum(moments(scenario, time, port), entered + 30 * MINUTE)
    moment = np.where(known, encounters["moment"][at], np.minimum(moment, scenario.days * DAY_MS - 1))
    time = clocks(scenario, moment, port)
    boards = ~known & (port >= 0) & (port_modes(scenario)[np.maximum(port, 0)] != LAND)
    movement = np.where(known, encounters["movement"][at], -1)
    unseen = np.flatnonzero(boards)
    found = nearest_movement(draft, port[unseen], EXIT, time[unseen])
    soon = (found >= 0) & (draft.movements["scheduled"][np.maximum(found, 0)] - time[unseen] < DAY_MS)
    movement[unseen] = np.where(soon, found, -1)
    count = len(rows)
    none = np.zeros(count, np.int64)
    shown = document_at(draft, person, journeys["begin"][rows])
    return {
        "journey": rows,
        "person": person,
        "claimed": person.copy(),
        "document": np.where(known, encounters["document"][at], shown),
        "direction": np.full(count, EXIT),
        "source": np.full(count, CAPTURE),
        "time": time,
        "moment": moment,
        "recorded": time + 1000 + departures_delay(draft),
        "received": none,
        "port": port,
        "movement": movement,
        "leg": trip * 2 + 1,
        "admission": draft.trips.admission[trip],
        "permitted": np.full(count, FAR),
        "number_error": none,
        "name_error": none,
        "birth_error": none,
        "noise": np.where(known, encounters["noise"][at], 1.0),
    }
