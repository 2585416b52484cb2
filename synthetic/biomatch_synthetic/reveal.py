"""The truth of a world: who stood where, what became of each stay, who deceived."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import truth as truths
from biomatch.settings.profile import load_profile
from biomatch.tables import observed as seen
from biomatch.tables.observed import CLASSES, MODES
from biomatch_synthetic.clocks import moments
from biomatch_synthetic.documents import ISSUERS, numbers
from biomatch_synthetic.draft import CAPTURE, DAY_MS, EXIT, PORT, Draft
from biomatch_synthetic.itineraries.permission import FAR
from biomatch_synthetic.itineraries.status import true_statuses
from biomatch_synthetic.itineraries.trips import port_modes
from biomatch_synthetic.labels import Calendar, Labels, blank, enum, put, texts
from biomatch_synthetic.people import REGIONS
from biomatch_synthetic.separate import listed


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
        profile_id=load_profile(draft.scenario.faces.profile).id,
    )


def _people(draft: Draft, labels: Labels) -> pl.DataFrame:
    p = draft.people
    order = labels.rows("people", len(p))
    groups = [f"{region} {sex}" for region in REGIONS for sex in "FM"]
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
    # A carrier's or a neighbour's record of a departure that a camera recorded too.
    exits = np.flatnonzero((e["direction"] == EXIT) & (counterpart < 0))
    twice = exits[_captured_too(draft)[exits]]
    counterpart[twice] = journeys["entry"][e["journey"][twice]]
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


def _captured_too(draft: Draft) -> NDArray[np.bool_]:
    """Say which encounters are a person's own exit in a journey that ended with a capture."""
    e, journeys = draft.encounters, draft.journeys
    exit_ = journeys["exit"][e["journey"]]
    captured = (exit_ >= 0) & (e["source"][np.maximum(exit_, 0)] == CAPTURE)
    return np.asarray(captured & (e["person"] == journeys["person"][e["journey"]]))


def _true_stays(draft: Draft, labels: Labels, calendar: Calendar) -> pl.DataFrame:
    journeys, e = draft.journeys, draft.encounters
    entry = journeys["entry"]
    rows = np.flatnonzero(~journeys["resident"] & (entry >= 0))
    rows = rows[e["source"][entry[rows]] == PORT]
    order = rows[labels.rows("stays", len(rows))]
    statuses, departed, lawful = true_statuses(draft)
    exit_ = journeys["exit"][order]
    gone = np.isfinite(departed[order])
    port = e["port"][entry[order]]
    # A departure that nobody recorded is told by the clock of the port of entry.
    left = moments(draft.scenario, (np.where(gone, departed[order], 0.0) * DAY_MS).astype(np.int64), port)
    recorded = exit_ >= 0
    left = np.where(recorded, e["moment"][np.maximum(exit_, 0)], left)
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
    order = listed(draft, labels)
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
                "document_number": blank(numbers(draft.seed, safe), known),
                "document_issuer": blank(texts(list(ISSUERS), draft.documents["issuer"][safe]), known),
            }
        )
    )
