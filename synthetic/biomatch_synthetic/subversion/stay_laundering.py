"""Stay laundering: a second passport resets the count of days, which add up over both identities.

Two visits of a person close to each other become long; the second is made on the second passport
(overstays-and-ports.md 1.4: the union of days over all identities counts).
"""

from __future__ import annotations

import numpy as np

from biomatch.streams import stream
from biomatch_synthetic.documents import ISSUERS
from biomatch_synthetic.draft import DAY_MS
from biomatch_synthetic.subversion.common import Stage

KIND = "stay_laundering"
FIRST_DAYS, SECOND_DAYS = 85.0, 70.0
"""Longest first and second visit (assumed): together more than 90 days, each lawful for itself."""


def apply(stage: Stage) -> None:
    """Choose visitors with two visits, stretch both, and show another passport at the second."""
    draft = stage.draft
    journeys, trips = draft.journeys, draft.trips
    person, trip = journeys["person"], journeys["trip"]
    later = np.flatnonzero(trips.round[trip] >= 1)
    before = np.full(len(person), -1)
    key = person * 64 + trips.round[trip]
    order = np.argsort(key, kind="stable")
    at = np.searchsorted(key[order], key[later] - 1)
    before[later] = order[np.minimum(at, len(order) - 1)]
    exits = stage.exits_at_port()
    paired = (before >= 0) & exits & exits[before] & stage.in_time & stage.in_time[before]
    gap = journeys["begin"] - journeys["end"][before]
    # Far enough apart that the two, stretched, add up to more than 90 days; near enough for one window.
    apart = journeys["begin"] - journeys["begin"][before]
    fits = (
        (gap < 60.0)
        & (apart > 96.0 - SECOND_DAYS)
        & (journeys["begin"] + SECOND_DAYS < draft.scenario.days - 1)
    )
    fits &= (journeys["lawful"] > journeys["begin"] + SECOND_DAYS) & (
        journeys["lawful"][before] > journeys["begin"][before] + FIRST_DAYS
    )
    eligible = stage.visits & stage.last_visit & paired & fits & ~stage.taken[before]
    second = stage.draw(KIND, draft.scenario.subversion.stay_laundering, eligible)
    first = before[second]
    stage.taken[first] = True
    top = int(draft.encounters["leg"].max(initial=0)) + 1
    stays = (
        (first, np.minimum(FIRST_DAYS, journeys["begin"][second] - journeys["begin"][first] - 2.0)),
        (second, np.full(len(second), SECOND_DAYS)),
    )
    for number, (rows, length) in enumerate(stays):
        # The party goes home; this one stays and leaves later, alone.
        hour = journeys["end"][rows] % 1.0
        journeys["end"][rows] = np.floor(journeys["begin"][rows] + np.maximum(length, 1.0)) + hour
        left = journeys["exit"][rows]
        draft.encounters["time"][left] = (journeys["end"][rows] * DAY_MS).astype(np.int64)
        draft.encounters["leg"][left] = top + number * len(rows) + np.arange(len(rows))
    owner = person[second]
    rng = stream(draft.seed, "subversion.stay_laundering.issuer")
    abroad = rng.integers(1, len(ISSUERS), len(person))[second]
    lacks = draft.second_passport[owner] < 0
    fresh = owner[lacks]
    draft.second_passport[fresh] = draft.documents.copy_rows(
        draft.passport[fresh], issuer=abroad[lacks], nationality=abroad[lacks]
    )
    rows, which = stage.encounters_of(second)
    document = draft.second_passport[owner][which]
    stage.show(rows, document)
    draft.note(KIND, rows, owner[which], -1, document)
