"""Separates a world: what can be observed from what is true; shuffles every id and every row."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import truth as truths
from biomatch.streams import stream
from biomatch.tables import observed as seen
from biomatch.tables.observed import CLASSES, FAILURES, MODES
from biomatch_synthetic.captures import Captured
from biomatch_synthetic.documents import ISSUERS, numbers, printed_names
from biomatch_synthetic.draft import DAY_MS, ENTRY, PORT, Draft
from biomatch_synthetic.itineraries.status import status_events
from biomatch_synthetic.itineraries.trips import FAR, port_modes
from biomatch_synthetic.people import REGIONS

Ints = NDArray[np.int64]
Array = NDArray[Any]
SEX = pl.Enum(seen.SEXES)


class Labels:
    """The public ids of a world: one secret permutation for each kind of thing."""

    def __init__(self, draft: Draft) -> None:
        def shuffled(name: str, count: int) -> Ints:
            return np.asarray(stream(draft.seed, f"separate.{name}").permutation(count), dtype=np.int64)

        self.encounter = shuffled("encounter", len(draft.encounters))
        self.person = shuffled("person", len(draft.people))
        self.journey = shuffled("journey", len(draft.journeys))
        self.movement = shuffled("movement", len(draft.movements))
        self.family = shuffled("family", int(draft.people.family.max(initial=0)) + 1)
        self.watchlist = shuffled("watchlist", len(draft.wanted))
        self.seed = draft.seed

    def rows(self, table: str, count: int) -> Ints:
        """Order of a table's rows."""
        return np.asarray(stream(self.seed, f"separate.rows.{table}").permutation(count), dtype=np.int64)


def put(labels: Ints, index: Array) -> Ints:
    """Give the public ids of rows; -1 stays -1."""
    return np.where(index >= 0, labels[np.maximum(index, 0)], -1) if len(labels) else np.full(len(index), -1)


def enum(values: tuple[str, ...], codes: Array) -> pl.Series:
    """Make an Enum column from places in its list."""
    return pl.Series(list(values), dtype=pl.Enum(values)).gather(codes.astype(np.int64))


def texts(values: list[str], codes: Array) -> pl.Series:
    """Look up texts by place."""
    return pl.Series(values, dtype=pl.String).gather(codes.astype(np.int64))


class Calendar:
    """Turns days and milliseconds from the first day's midnight into dates and times."""

    def __init__(self, draft: Draft) -> None:
        self.first = np.datetime64(draft.scenario.first_day, "D")

    def dates(self, days: Array, known: Array | None = None) -> pl.Series:
        """Dates; null where not `known`."""
        safe = days if known is None else np.where(known, days, 0)
        made = pl.Series(self.first + safe.astype("timedelta64[D]")).cast(pl.Date)
        return made if known is None else _blank(made, known)

    def times(self, milliseconds: Array, known: Array | None = None) -> pl.Series:
        """Times in UTC to the millisecond; null where not `known`."""
        safe = milliseconds if known is None else np.where(known, milliseconds, 0)
        made = pl.Series(self.first.astype("datetime64[ms]") + safe.astype("timedelta64[ms]")).cast(
            seen.ENCOUNTERS.columns["time"]
        )
        return made if known is None else _blank(made, known)


def _blank(values: pl.Series, known: Array) -> pl.Series:
    return pl.select(pl.when(pl.Series(known)).then(values)).to_series()


def observe(draft: Draft, captured: Captured, labels: Labels) -> seen.Observed:
    """Make what a port, a carrier and a neighbour recorded."""
    scenario = draft.scenario
    calendar = Calendar(draft)
    tables = {
        "encounters": _encounters(draft, captured, labels, calendar),
        "documents": _documents(draft, captured, labels, calendar),
        "movements": _movements(draft, labels, calendar),
        "manifests": _manifests(draft, labels, calendar),
        "status_events": _status(draft, labels, calendar),
        "watchlist": _watchlist(draft, captured, labels, calendar),
    }
    about = {
        "scenario": scenario.name,
        "first_day": scenario.first_day.isoformat(),
        "last_day": scenario.last_day.isoformat(),
        "measure_from": scenario.measure_from.isoformat(),
        "snapshot": scenario.snapshot.isoformat(),
    }
    return seen.Observed(templates=captured.templates, about=about, **tables)


def _slipped(names: pl.Series, slips: Array) -> pl.Series:
    """Swap two neighbouring letters of some names."""
    frame = pl.DataFrame({"name": names, "slip": slips})
    at = (pl.col("slip") % 4 + 1).cast(pl.Int64)
    name = pl.col("name")
    swapped = (
        name.str.slice(0, at) + name.str.slice(at + 1, 1) + name.str.slice(at, 1) + name.str.slice(at + 2)
    )
    return frame.select(pl.when(pl.col("slip") > 0).then(swapped).otherwise(name)).to_series()


def _encounters(draft: Draft, captured: Captured, labels: Labels, calendar: Calendar) -> pl.DataFrame:
    e, documents = draft.encounters, draft.documents
    order = labels.rows("encounters", len(e))
    e, doc = e.take(order), e["document"][order]
    slip = e["birth_error"]
    shift = np.where(slip > 0, np.where(slip % 2 == 0, 1, 30) * np.where(slip % 3 == 0, -1, 1), 0)
    permitted = e["permitted"]
    known = (e["direction"] == ENTRY) & (permitted < FAR) & (e["admission"] != CLASSES.index("RESIDENT"))
    modes, port = port_modes(draft.scenario), e["port"]
    by_land = e["source"] == seen.SOURCES.index("neighbour")
    mode = np.where(by_land, MODES.index("land"), modes[np.maximum(port, 0)])
    quality = captured.quality[order]
    camera = captured.camera[order]
    lanes = draft.scenario.captures.cameras_a_port
    lane_names = [f"{name}-{lane + 1:02d}" for name in draft.scenario.ports for lane in range(lanes)]
    return seen.ENCOUNTERS.check(
        pl.DataFrame(
            {
                "encounter_id": labels.encounter[order],
                "source": enum(seen.SOURCES, e["source"]),
                "time": calendar.times(e["time"]),
                "recorded_at": calendar.times(e["recorded"]),
                "port": texts([*draft.scenario.ports, "NEIGHBOUR"], np.where(port < 0, len(modes), port)),
                "mode": enum(MODES, mode),
                "direction": enum(seen.DIRECTIONS, e["direction"]),
                "movement": put(labels.movement, e["movement"]),
                "document_number": numbers(draft.seed, doc, e["number_error"]),
                "document_issuer": texts(list(ISSUERS), documents["issuer"][doc]),
                "claimed_name": _slipped(printed_names(draft, doc), e["name_error"]),
                "birth_date": pl.Series(documents["birth"][doc] + shift.astype("timedelta64[D]")).cast(
                    pl.Date
                ),
                "sex": enum(seen.SEXES, ~documents["female"][doc]),
                "nationality": texts(list(ISSUERS), documents["nationality"][doc]),
                "admission_class": enum(CLASSES, e["admission"]),
                "permitted_until": calendar.dates(permitted, known),
                "camera": _blank(texts(lane_names, np.maximum(camera, 0)), camera >= 0),
                "attempts": captured.attempts[order].astype(np.int16),
                "quality": _blank(pl.Series(quality), ~np.isnan(quality)),
                "template_row": captured.row[order],
                "failure": enum(FAILURES, captured.failure[order]),
            }
        )
    )


def _documents(draft: Draft, captured: Captured, labels: Labels, calendar: Calendar) -> pl.DataFrame:
    order = _listed(draft, labels)
    d = draft.documents.take(order)
    return seen.DOCUMENTS.check(
        pl.DataFrame(
            {
                "number": numbers(draft.seed, order),
                "issuer": texts(list(ISSUERS), d["issuer"]),
                "kind": enum(seen.DOCUMENT_KINDS, d["kind"]),
                "holder_name": printed_names(draft, order),
                "birth_date": pl.Series(d["birth"]).cast(pl.Date),
                "sex": enum(seen.SEXES, ~d["female"]),
                "nationality": texts(list(ISSUERS), d["nationality"]),
                "template_row": captured.document_row[order],
                "issued": calendar.dates(d["issued"]),
                "expires": calendar.dates(d["expires"]),
            }
        )
    )


def _listed(draft: Draft, labels: Labels) -> Ints:
    """Order of the documents that anybody knows of: travellers', and whatever was shown."""
    order = labels.rows("documents", len(draft.documents))
    shown = np.zeros(len(order), np.bool_)
    shown[draft.encounters["document"]] = True
    shown[draft.manifests["document"]] = True
    travels = draft.people.party[draft.documents["person"]] >= 0
    return order[(travels | shown)[order]]


def _movements(draft: Draft, labels: Labels, calendar: Calendar) -> pl.DataFrame:
    order = labels.rows("movements", len(draft.movements))
    m, ports = draft.movements.take(order), list(draft.scenario.ports)
    return seen.MOVEMENTS.check(
        pl.DataFrame(
            {
                "movement": labels.movement[order],
                "carrier": texts(
                    [f"C{k + 1:02d}" for k in range(draft.scenario.traffic.carriers)], m["carrier"]
                ),
                "port": texts(ports, m["port"]),
                "mode": enum(MODES, port_modes(draft.scenario)[m["port"]]),
                "direction": enum(seen.DIRECTIONS, m["direction"]),
                "scheduled": calendar.times(m["scheduled"]),
            }
        )
    )


def _manifests(draft: Draft, labels: Labels, calendar: Calendar) -> pl.DataFrame:
    order = labels.rows("manifests", len(draft.manifests))
    m = draft.manifests.take(order)
    seat = stream(draft.seed, "manifests.seat").integers(0, 60 * 6, len(order))
    return seen.MANIFESTS.check(
        pl.DataFrame(
            {
                "movement": put(labels.movement, m["movement"]),
                "document_number": numbers(draft.seed, m["document"], m["number_error"]),
                "document_issuer": texts(list(ISSUERS), draft.documents["issuer"][m["document"]]),
                "seat": texts([f"{k // 6 + 1}{'ABCDEF'[k % 6]}" for k in range(360)], seat),
                "received_at": calendar.times(m["received"]),
            }
        )
    )


def _status(draft: Draft, labels: Labels, calendar: Calendar) -> pl.DataFrame:
    events = status_events(draft)
    events = events.take(labels.rows("status_events", len(events)))
    return seen.STATUS_EVENTS.check(
        pl.DataFrame(
            {
                "document_number": numbers(draft.seed, events["document"], events["number_error"]),
                "document_issuer": texts(list(ISSUERS), draft.documents["issuer"][events["document"]]),
                "kind": enum(seen.EVENT_KINDS, events["kind"]),
                "date": calendar.dates(events["date"]),
                "until": calendar.dates(events["until"], events["until"] < FAR),
                "received_at": calendar.times(events["received"]),
            }
        )
    )


def _watchlist(draft: Draft, captured: Captured, labels: Labels, calendar: Calendar) -> pl.DataFrame:
    count = len(draft.wanted)
    order = labels.rows("watchlist", count)
    # Half of the list stands before the world begins, the rest grows with it (assumed).
    drawn = stream(draft.seed, "watchlist.since").random(count)
    since = np.where(drawn < 0.5, -drawn * 730.0, (drawn - 0.5) * 2.0 * draft.scenario.days) * DAY_MS
    return seen.WATCHLIST.check(
        pl.DataFrame(
            {
                "reference": labels.watchlist[order],
                "template_row": captured.watchlist_row[order],
                "since": calendar.times(since.astype(np.int64)[order]),
            }
        )
    )


def reveal(draft: Draft, labels: Labels, scenario: dict[str, Any]) -> truths.Truth:
    """Make the answers."""
    calendar = Calendar(draft)
    return truths.Truth(
        people=_people(draft, labels),
        encounters=_true_encounters(draft, labels),
        stays=_true_stays(draft, labels, calendar),
        documents=_true_documents(draft, labels),
        watchlist=truths.WATCHLIST.check(
            pl.DataFrame({"reference": labels.watchlist, "person_id": put(labels.person, draft.wanted)}).sort(
                "reference"
            )
        ),
        subversion=_subversion(draft, labels),
        seed=draft.seed,
        scenario=scenario,
    )


def _people(draft: Draft, labels: Labels) -> pl.DataFrame:
    p = draft.people
    order = labels.rows("people", len(p))
    groups = [f"{region} {sex}" for region in REGIONS for sex in seen.SEXES]
    return truths.PEOPLE.check(
        pl.DataFrame(
            {
                "person_id": labels.person[order],
                "sex": enum(seen.SEXES, ~p.female[order]),
                "birth_date": pl.Series(p.birth[order]).cast(pl.Date),
                "region": texts(list(REGIONS), p.region[order]),
                "group": texts(groups, p.group()[order]),
                "family_id": put(labels.family, p.family[order]),
                "twin_id": put(labels.person, p.twin[order]),
            }
        )
    )


def _true_encounters(draft: Draft, labels: Labels) -> pl.DataFrame:
    e, journeys = draft.encounters, draft.journeys
    count = len(e)
    order = labels.rows("true_encounters", count)
    counterpart = np.full(count, -1)
    paired = np.flatnonzero((journeys["entry"] >= 0) & (journeys["exit"] >= 0))
    counterpart[journeys["entry"][paired]] = journeys["exit"][paired]
    counterpart[journeys["exit"][paired]] = journeys["entry"][paired]
    return truths.ENCOUNTERS.check(
        pl.DataFrame(
            {
                "encounter_id": labels.encounter[order],
                "person_id": put(labels.person, e["person"][order]),
                "claimed_person_id": put(labels.person, e["claimed"][order]),
                "journey_id": labels.journey[e["journey"][order]],
                "counterpart_id": put(labels.encounter, counterpart[order]),
            }
        )
    )


def _true_stays(draft: Draft, labels: Labels, calendar: Calendar) -> pl.DataFrame:
    from biomatch_synthetic.itineraries.status import true_statuses

    journeys, e = draft.journeys, draft.encounters
    entry = journeys["entry"]
    rows = np.flatnonzero(~journeys["resident"] & (entry >= 0))
    rows = rows[e["source"][entry[rows]] == PORT]
    order = rows[labels.rows("stays", len(rows))]
    statuses, departed, lawful = true_statuses(draft)
    exit_ = journeys["exit"][order]
    gone = np.isfinite(departed[order])
    left = np.where(gone, departed[order], 0.0) * DAY_MS
    recorded = exit_ >= 0
    left = np.where(recorded, e["time"][np.maximum(exit_, 0)], left).astype(np.int64)
    port = e["port"][entry[order]]
    return truths.STAYS.check(
        pl.DataFrame(
            {
                "entry_id": labels.encounter[entry[order]],
                "person_id": put(labels.person, journeys["person"][order]),
                "exit_id": put(labels.encounter, exit_),
                "departed_at": calendar.times(left, gone),
                "last_lawful_day": calendar.dates(lawful[order], lawful[order] < FAR),
                "status": enum(truths.TRUE_STATUSES, statuses[order]),
                "admission_class": enum(CLASSES, draft.trips.admission[journeys["trip"][order]]),
                "mode": enum(MODES, port_modes(draft.scenario)[port]),
            }
        )
    )


def _true_documents(draft: Draft, labels: Labels) -> pl.DataFrame:
    order = _listed(draft, labels)
    order = order[labels.rows("true_documents", len(order))]
    d = draft.documents
    return truths.DOCUMENTS.check(
        pl.DataFrame(
            {
                "number": numbers(draft.seed, order),
                "issuer": texts(list(ISSUERS), d["issuer"][order]),
                "person_id": put(labels.person, d["person"][order]),
                "contributor_id": put(labels.person, d["second"][order]),
            }
        )
    )


def _subversion(draft: Draft, labels: Labels) -> pl.DataFrame:
    kinds = np.concatenate(
        [np.full(len(rows), truths.SUBVERSION_KINDS.index(kind)) for kind, rows, *_ in draft.events]
        or [np.zeros(0, np.int64)]
    )
    columns = [
        np.concatenate([event[k] for event in draft.events] or [np.zeros(0, np.int64)]) for k in (1, 2, 3, 4)
    ]
    order = labels.rows("subversion", len(kinds))
    encounter, actor, victim, document = (column[order] for column in columns)
    known = document >= 0
    safe = np.maximum(document, 0)
    return truths.SUBVERSION.check(
        pl.DataFrame(
            {
                "event_id": np.arange(len(order), dtype=np.int64),
                "kind": enum(truths.SUBVERSION_KINDS, kinds[order]),
                "encounter_id": put(labels.encounter, encounter),
                "actor_id": put(labels.person, actor),
                "victim_id": put(labels.person, victim),
                "document_number": _blank(numbers(draft.seed, safe), known),
                "document_issuer": _blank(texts(list(ISSUERS), draft.documents["issuer"][safe]), known),
            }
        )
    )
