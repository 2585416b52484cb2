"""What can be observed of a world, with every id and every row shuffled."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from biomatch.portable.types import Ints
from biomatch.settings.profile import load_profile
from biomatch.streams import stream
from biomatch.tables import observed as seen
from biomatch.tables.observed import CLASSES, FAILURES, MODES
from biomatch_synthetic.captures import Captured
from biomatch_synthetic.clocks import moments
from biomatch_synthetic.documents import ISSUERS, numbers, printed_names
from biomatch_synthetic.draft import DAY_MS, ENTRY, Draft
from biomatch_synthetic.itineraries.permission import FAR
from biomatch_synthetic.itineraries.status import status_events
from biomatch_synthetic.itineraries.trips import port_modes
from biomatch_synthetic.labels import Array, Calendar, Labels, blank, enum, put, texts


def observe(draft: Draft, captured: Captured, labels: Labels) -> seen.Observed:
    """Make what a port, a carrier and a neighbour recorded."""
    scenario = draft.scenario
    calendar = Calendar(draft)
    about: dict[str, Any] = {
        "scenario": scenario.name,
        "first_day": scenario.first_day.isoformat(),
        "last_day": scenario.last_day.isoformat(),
        "measure_from": scenario.measure_from.isoformat(),
        "snapshot": scenario.snapshot.isoformat(),
    }
    biometric_exit = scenario.captures.biometric_exit.record_from
    if biometric_exit:
        about["biometric_exit"] = {mode: day.isoformat() for mode, day in biometric_exit.items()}
    doubts = load_profile(scenario.faces.profile).doubts
    if doubts:
        about["profile_warnings"] = list(doubts)
    if scenario.zones:
        about["zones"] = scenario.zones
    return seen.Observed(
        encounters=_encounters(draft, captured, labels, calendar),
        documents=_documents(draft, captured, labels, calendar),
        movements=_movements(draft, labels, calendar),
        manifests=_manifests(draft, labels, calendar),
        status_events=_status(draft, labels, calendar),
        watchlist=_watchlist(draft, captured, labels, calendar),
        templates=captured.templates,
        about=about,
    )


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
    read = e["read"]
    camera = captured.camera[order]
    lanes = draft.scenario.captures.cameras_a_port
    lane_names = [f"{name}-{lane + 1:02d}" for name in draft.scenario.ports for lane in range(lanes)]
    return seen.ENCOUNTERS.check(
        pl.DataFrame(
            {
                "encounter_id": labels.encounter[order],
                "source": enum(seen.SOURCES, e["source"]),
                "time": calendar.times(e["moment"]),
                "recorded_at": calendar.times(e["moment"] + e["recorded"] - e["time"]),
                "port": texts([*draft.scenario.ports, "NEIGHBOUR"], np.where(port < 0, len(modes), port)),
                "mode": enum(MODES, mode),
                "direction": enum(seen.DIRECTIONS, e["direction"]),
                "movement": put(labels.movement, e["movement"]),
                "document_number": blank(numbers(draft.seed, doc, e["number_error"]), read),
                "document_issuer": blank(texts(list(ISSUERS), documents["issuer"][doc]), read),
                "claimed_name": blank(_slipped(printed_names(draft, doc), e["name_error"]), read),
                "birth_date": blank(
                    pl.Series(documents["birth"][doc] + shift.astype("timedelta64[D]")).cast(pl.Date), read
                ),
                "sex": blank(enum(seen.SEXES, ~documents["female"][doc]), read),
                "nationality": blank(texts(list(ISSUERS), documents["nationality"][doc]), read),
                "admission_class": blank(enum(CLASSES, e["admission"]), read),
                "permitted_until": calendar.dates(permitted, known),
                "camera": blank(texts(lane_names, np.maximum(camera, 0)), camera >= 0),
                "attempts": captured.attempts[order].astype(np.int16),
                "quality": blank(pl.Series(quality), ~np.isnan(quality)),
                "template_row": captured.row[order],
                "failure": enum(FAILURES, captured.failure[order]),
            }
        )
    )


def _documents(draft: Draft, captured: Captured, labels: Labels, calendar: Calendar) -> pl.DataFrame:
    order = listed(draft, labels)
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


def listed(draft: Draft, labels: Labels) -> Ints:
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
                "scheduled": calendar.times(moments(draft.scenario, m["scheduled"], m["port"])),
            }
        )
    )


def _manifests(draft: Draft, labels: Labels, calendar: Calendar) -> pl.DataFrame:
    order = labels.rows("manifests", len(draft.manifests))
    m = draft.manifests.take(order)
    port = draft.movements["port"][m["movement"]] if len(m) else np.zeros(0, np.int64)
    seat = stream(draft.seed, "manifests.seat").integers(0, 60 * 6, len(order))
    return seen.MANIFESTS.check(
        pl.DataFrame(
            {
                "movement": put(labels.movement, m["movement"]),
                "document_number": numbers(draft.seed, m["document"], m["number_error"]),
                "document_issuer": texts(list(ISSUERS), draft.documents["issuer"][m["document"]]),
                "seat": texts([f"{k // 6 + 1}{'ABCDEF'[k % 6]}" for k in range(360)], seat),
                "received_at": calendar.times(moments(draft.scenario, m["received"], port)),
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
