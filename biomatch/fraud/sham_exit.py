"""The face that leaves is not the face that entered on this document.

The pair is the document's own: an exit and the last entry before it on the same number and issuer. The
detector makes it from records alone, so that no face decision (a link that the face check has broken)
can hide a sham exit. Where the exit's candidate list names somebody else's stay, the alert says so.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from biomatch.fraud.comparison import compared
from biomatch.fraud.facts import CONFLICT_FLOOR, Facts

KIND = "sham_exit"


def find(facts: Facts) -> pl.DataFrame:
    """Find stays whose exit shows another face than their entry.

    Returns
    -------
    polars.DataFrame
        Schema ``ALERTS``; subject: the stay, by its entry_id; score: minus the similarity of exit and
        entry, above ``-CONFLICT_FLOOR``. Its evidence says in ``entry_nats`` and ``photo_nats`` what
        each comparison alone weighs (`compared`).
    """
    similarity = facts.entry_similarity
    stays = (facts.table["admission_class"] != "RESIDENT").to_numpy()
    rows = np.flatnonzero((similarity < CONFLICT_FLOOR) & stays)
    top, other = best_other(facts)
    return facts.alerts(
        KIND,
        rows,
        -similarity[rows],
        subject_type="stay",
        subject_rows=facts.entry_of[rows],
        evidence={
            "entry_similarity": similarity[rows],
            "entry_nats": compared(facts, rows, "entry"),
            "photo_similarity": facts.photo_similarity[rows],
            "photo_nats": compared(facts, rows, "photo"),
            "other_similarity": top[rows],
            "other_encounter_id": other[rows],
            "quality": facts.table["quality"].gather(rows).cast(pl.Float64),
        },
    )


def best_other(facts: Facts) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], pl.Series]:
    """Give each record's best candidate of another document: its score (NaN: none) and encounter_id (-1)."""
    found = facts.candidates
    top = np.full(len(facts), np.nan)
    who = np.full(len(facts), -1, dtype=np.int64)
    wanted = (facts.lists.references["kind"] == "watchlist").to_numpy()[found.reference]
    order = np.lexsort((found.place, -found.score, found.row))
    order = order[~wanted[order]]  # nobody's document: a watchlist's face closes no stay
    first = order[np.r_[True, np.diff(found.row[order]) > 0]] if len(order) else order
    top[found.row[first]] = found.score[first]
    who[found.row[first]] = facts.lists.references["encounter_id"].to_numpy()[found.reference[first]]
    return top, pl.Series(who)
