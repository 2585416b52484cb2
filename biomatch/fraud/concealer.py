"""A capture that was degraded on purpose: poor quality after several attempts, or none acquired.

Nobody can tell a concealer from an unlucky honest traveller by one image; the score says how poor the
capture was and how often it was tried, and the curve says what that is worth.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from biomatch.fraud.facts import Facts

KIND = "concealer"
FLOOR = 0.95
"""Suspicion below which nothing is kept: one good try in twenty (quality is uniform by rank), more of
those that took several tries (assumed)."""
ATTEMPT = 0.1
"""What each further attempt adds (assumed)."""


def find(facts: Facts) -> pl.DataFrame:
    """Find poor captures that took several attempts.

    Returns
    -------
    polars.DataFrame
        Schema ``ALERTS``; subject: the encounter; score: ``1 - quality / 100 + 0.1 * (attempts - 1)``,
        with quality 0 where a face was due and none was acquired; from ``FLOOR``. Opting out and cameras
        that were not there are no evidence.
    """
    due = facts.table["camera"].is_not_null() & ~facts.table["failure"].is_in(["not_attempted", "opt_out"])
    quality = facts.table["quality"].cast(pl.Float64).fill_null(0.0).to_numpy()
    attempts = facts.table["attempts"].to_numpy().astype(np.float64)
    score = 1.0 - quality / 100.0 + ATTEMPT * np.maximum(attempts - 1.0, 0.0)
    rows = np.flatnonzero(due.to_numpy() & (score >= FLOOR))
    return facts.alerts(
        KIND,
        rows,
        score[rows],
        evidence={
            "quality": facts.table["quality"].gather(rows).cast(pl.Float64),
            "attempts": facts.table["attempts"].gather(rows),
            "failure": facts.table["failure"].gather(rows).cast(pl.String),
        },
    )
