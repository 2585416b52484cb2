"""Somebody on the watchlist is at the border: the candidate lists of the watchlist's own search.

Its score is the comparison's, also where alerts of fraud are fused: who is wanted is told by the face alone,
and nothing about their document or journey makes them more so.
"""

from __future__ import annotations

import polars as pl

from biomatch.fraud.facts import Facts

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
    found, references = facts.candidates, facts.lists.references
    use = (references["kind"] == "watchlist").to_numpy()[found.reference]
    rows, score = found.row[use], found.score[use]
    template = references["template_row"].to_numpy()[found.reference[use]]
    return facts.alerts(
        KIND,
        rows,
        score,
        evidence={
            "watchlist_similarity": score,
            "template_row": template,
            "quality": facts.table["quality"].gather(rows).cast(pl.Float64),
        },
    )
