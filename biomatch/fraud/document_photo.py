"""The live face is not the face of the photo in the document that was presented (1:1)."""

from __future__ import annotations

import numpy as np
import polars as pl

from biomatch.fraud.comparison import compared
from biomatch.fraud.facts import CONFLICT_FLOOR, Facts

KIND = "document_photo_conflict"


def find(facts: Facts) -> pl.DataFrame:
    """Find encounters whose face is unlike the document's photo.

    Returns
    -------
    polars.DataFrame
        Schema ``ALERTS``; subject: the encounter; score: minus the similarity, above ``-CONFLICT_FLOOR``.
        Its evidence says in ``photo_nats`` what the comparison alone weighs (`compared`).
    """
    similarity = facts.photo_similarity
    rows = np.flatnonzero(similarity < CONFLICT_FLOOR)
    return facts.alerts(
        KIND,
        rows,
        -similarity[rows],
        evidence={
            "photo_similarity": similarity[rows],
            "photo_nats": compared(facts, rows, "photo"),
            "quality": facts.table["quality"].gather(rows).cast(pl.Float64),
            "photo_years": facts.photo_years[rows],
            "attempts": facts.table["attempts"].gather(rows),
        },
    )
