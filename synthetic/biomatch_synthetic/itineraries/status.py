"""Status events that an agency receives, and what was true of each stay at the world's end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biomatch.portable import exponentials
from biomatch.portable.types import Ints
from biomatch.streams import stream
from biomatch.tables.observed import EVENT_KINDS
from biomatch.truth import TRUE_STATUSES
from biomatch_synthetic.draft import DAY_MS, Draft, Table
from biomatch_synthetic.itineraries.permission import FAR, last_of_window
from biomatch_synthetic.itineraries.trips import (
    ADJUSTED,
    EXTENDED,
    SATISFACTORY,
    SATISFACTORY_DAYS,
    WITHDRAWN,
)


def status_events(draft: Draft) -> Table:
    """List the events that were filed by the world's last day, on the document of the entry.

    Returns
    -------
    Table
        Columns document, number_error, kind (place in ``EVENT_KINDS``), date, until (days; FAR: none),
        received (milliseconds).
    """
    journeys, encounters, trips = draft.journeys, draft.encounters, draft.trips
    rows = np.flatnonzero(~journeys["resident"] & (journeys["entry"] >= 0))
    trip = journeys["trip"][rows]
    entry = journeys["entry"][rows]
    fate, end = trips.fate[trip], journeys["end"][rows]
    lag = exponentials(stream(draft.seed, "status.lag"), len(journeys))[rows]
    lag = lag * draft.scenario.stays.event_lag_days + 0.5
    planned = encounters["time"][entry] / DAY_MS + 2.0

    def event(
        kind: str, happens: NDArray[np.bool_], date: Ints, until: Ints, received: NDArray[np.float64]
    ) -> Table:
        at = np.flatnonzero(happens & (date < draft.scenario.days))
        return Table(
            {
                "document": encounters["document"][entry[at]],
                "number_error": encounters["number_error"][entry[at]],
                "kind": np.full(len(at), EVENT_KINDS.index(kind)),
                "date": date[at],
                "until": until[at],
                "received": (received[at] * DAY_MS).astype(np.int64),
            }
        )

    none = np.full(len(rows), FAR)
    filed, granted, permitted = trips.filed[trip], trips.granted[trip], trips.permitted[trip]
    programme = trips.programme[trip]
    noon = 0.5
    extended = (fate == EXTENDED) & (filed < end)
    parts = [
        event("extension_filed", extended, filed, none, filed + noon + lag),
        event(
            "extension_granted", extended & (granted >= 0), granted, trips.lawful[trip], granted + noon + lag
        ),
        event("adjustment", fate == ADJUSTED, filed, none, filed + noon + lag),
        event(
            "satisfactory_departure", fate == SATISFACTORY, permitted, permitted + SATISFACTORY_DAYS,
            permitted + noon + lag,
        ),
        event("programme_end", (programme >= 0) & (fate != WITHDRAWN), programme, none, planned),
        event("early_end", (programme >= 0) & (fate == WITHDRAWN), programme, none, programme + noon + lag),
    ]  # fmt: skip
    return Table({name: np.concatenate([part[name] for part in parts]) for name in _COLUMNS})


_COLUMNS = ("document", "number_error", "kind", "date", "until", "received")


def settle_law(draft: Draft) -> None:
    """Under the European rule, let last lawful days follow from the days on which people truly crossed.

    Boarding may fall on another day than was planned, and the days of one stay decide about the next.
    """
    if draft.scenario.stays.law != "eu":
        return
    journeys, time = draft.journeys, draft.encounters["time"]
    entry, exit_ = journeys["entry"], journeys["exit"]
    planned = np.minimum(np.floor(journeys["end"]), FAR).astype(np.int64)
    first = np.where(entry >= 0, time[np.maximum(entry, 0)] // DAY_MS, np.floor(journeys["begin"])).astype(
        np.int64
    )
    last = np.where(exit_ >= 0, time[np.maximum(exit_, 0)] // DAY_MS, planned)
    turn = draft.trips.round[journeys["trip"]]
    visits = np.flatnonzero(~journeys["resident"])
    person, most = journeys["person"], int(turn.max(initial=0)) + 1
    begins = np.full((int(person.max(initial=0)) + 1, most), FAR)
    ends = np.full(begins.shape, -FAR)
    lawful = journeys["lawful"].copy()
    for number in range(most):
        rows = visits[turn[visits] == number]
        lawful[rows] = last_of_window(first[rows], begins[person[rows]], ends[person[rows]])
        begins[person[rows], number], ends[person[rows], number] = first[rows], last[rows]
    journeys["lawful"] = lawful


def true_statuses(draft: Draft) -> tuple[Ints, NDArray[np.float64], Ints]:
    """Say what is true of every journey at the end of the world's last day.

    Returns
    -------
    tuple of ndarray
        Place in ``TRUE_STATUSES``; day of departure (inf: still inside); last lawful day (FAR: duration
        of status that has not ended).
    """
    journeys, trips, days = draft.journeys, draft.trips, draft.scenario.days
    trip = journeys["trip"]
    fate = trips.fate[trip]
    departed = np.where(journeys["end"] < days, journeys["end"], np.inf)
    # Boarding may lie before midnight and the planned hour after it: what was recorded counts.
    recorded = journeys["exit"] >= 0
    stamped = draft.encounters["time"][np.maximum(journeys["exit"], 0)] / DAY_MS
    departed = np.where(recorded & np.isfinite(departed), stamped, departed)
    lawful = journeys["lawful"]
    programme = trips.programme[trip]
    lawful = np.where((programme >= days) | (lawful >= FAR), FAR, lawful)
    filed = trips.filed[trip]
    adjusted = (fate == ADJUSTED) & (filed < days)
    pending = (fate == EXTENDED) & (filed >= 0) & (filed < days) & (trips.granted[trip] < 0)
    gone = np.isfinite(departed)
    last_inside = np.where(gone, np.floor(np.where(gone, departed, 0.0)), days - 1)
    names = {name: place for place, name in enumerate(TRUE_STATUSES)}
    over = last_inside > lawful
    status = np.select(
        [adjusted | (pending & over), gone & over, gone, over],
        [
            names["status_changed"],
            names["out_of_country_overstay"],
            names["compliant"],
            names["in_country_overstay"],
        ],
        names["not_yet_due"],
    )
    return status, departed, lawful
