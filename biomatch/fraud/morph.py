"""One document's photo verifies two people: both faces are like the photo and unlike each other.

A morphed photo is the mean of two faces. What gives it away is the difference between how well two live
faces fit the photo and how well they fit each other; one bad image fits neither, and so scores low. Where
the accomplice never shows the document, another document in the same name still bears their own photo: a
live face that fits the one and not the other is as telling.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from biomatch.fraud.facts import Facts
from biomatch.portable.types import Floats, Ints

KIND = "morph"
GAP_FLOOR = 0.1
"""Difference of similarities below which nothing is kept (assumed: about one deviation of honest faces)."""


def find(facts: Facts) -> pl.DataFrame:
    """Find documents whose photo fits two faces that do not fit each other.

    Returns
    -------
    polars.DataFrame
        Schema ``ALERTS``; subject: the document, named by its first encounter; score: the poorer of the
        two fits to the photo minus the fit of the two faces, from ``GAP_FLOOR``.
    """
    parts = []
    for other, gap, fit, similarity in gaps(facts, np.arange(len(facts))):
        at = np.flatnonzero(gap >= GAP_FLOOR)
        parts.append((at, gap[at], fit[at], similarity[at], other[at]))
    at, gap, fit, similarity, other = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    ids = facts.table["encounter_id"].to_numpy()
    return facts.alerts(
        KIND,
        at,
        gap,
        subject_type="document",
        subject_rows=facts.begin[at],
        evidence={
            "photo_fit": fit,
            "similarity": similarity,
            "other_encounter_id": np.where(other >= 0, ids[np.maximum(other, 0)] if len(ids) else -1, -1),
            "quality": facts.table["quality"].gather(at).cast(pl.Float64),
        },
    )


def gaps(facts: Facts, rows: Ints) -> list[tuple[Ints, Floats, Floats, Floats]]:
    """Compare rows with the previous and the first face on their document, and with the holder's photos.

    Returns
    -------
    list of tuple
        For each of the three: the other row (-1: none, or a photo), the gap, the fit to the document's
        photo (the poorer of the two faces'), and the similarity to the other face; NaN where there is
        nothing to compare.
    """
    alone = facts.photo_similarity[rows]
    other_photo = facts.other_photo_similarity[rows]
    found = [(np.full(len(rows), -1), alone - other_photo, alone, other_photo)]
    for other, similarity in (
        (facts.previous_face[rows], facts.previous_similarity[rows]),
        (facts.first_face[rows], facts.first_similarity[rows]),
    ):
        photo = facts.photo_similarity
        fit = np.where(other >= 0, np.minimum(photo[rows], photo[other]), np.nan)
        found.append((other, fit - similarity, fit, similarity))
    return found
