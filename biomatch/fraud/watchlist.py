"""Somebody on the watchlist is at the border.

Where the policy searched the watchlist, its candidate lists are read. Under any other policy the faces
are compared with the watchlist here: it is short, and no list of open stays can name anybody on it.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from biomatch.fraud.facts import CANDIDATE_FLOOR, Facts, Floats, Ints

KIND = "watchlist"
_BATCH = 8_192  # faces compared at once with the whole watchlist


def find(facts: Facts) -> pl.DataFrame:
    """Find encounters whose face is like one on the watchlist.

    Returns
    -------
    polars.DataFrame
        Schema ``ALERTS``; subject: the encounter; score: the best similarity, from ``CANDIDATE_FLOOR``,
        over the references that were on the list by the time of the encounter.
    """
    if (facts.lists.references["kind"] == "watchlist").any():
        rows, reference, score = _listed(facts)
    else:
        rows, reference, score = _compared(facts)
    return facts.alerts(
        KIND,
        rows,
        score,
        evidence={
            "watchlist_similarity": score,
            "template_row": reference,
            "quality": facts.table["quality"].gather(rows).cast(pl.Float64),
        },
    )


def _listed(facts: Facts) -> tuple[Ints, Ints, Floats]:
    found, references = facts.candidates, facts.lists.references
    use = (references["kind"] == "watchlist").to_numpy()[found.reference]
    rows = references["template_row"].to_numpy()[found.reference[use]]
    return found.row[use], rows, found.score[use]


def _compared(facts: Facts) -> tuple[Ints, Ints, Floats]:
    listed = facts.observed.watchlist.filter(pl.col("template_row") >= 0)
    wanted = listed["template_row"].to_numpy()
    rows = np.flatnonzero(facts.face >= 0)
    since = listed["since"].to_physical().to_numpy()
    time = facts.table["time"].to_physical().to_numpy()
    faces = facts.observed.templates
    gallery = np.asarray(faces[wanted])
    pairs: list[tuple[Ints, Ints]] = []
    for begin in range(0, len(rows) if len(wanted) else 0, _BATCH):
        part = rows[begin : begin + _BATCH]
        # A product of matrices only chooses; the scores that count come from the one exact routine.
        near = np.asarray(faces[facts.face[part]]) @ gallery.T >= np.float32(CANDIDATE_FLOOR - 1e-4)
        probe, reference = np.nonzero(near & (since[None, :] <= time[part][:, None]))
        pairs.append((part[probe], wanted[reference]))
    empty = np.zeros(0, dtype=np.int64)
    row = np.concatenate([one for one, _ in pairs]) if pairs else empty
    reference = np.concatenate([other for _, other in pairs]) if pairs else empty
    score = facts.compare_templates(facts.face[row], reference)
    keep = score >= CANDIDATE_FLOOR
    return row[keep], reference[keep], score[keep]
