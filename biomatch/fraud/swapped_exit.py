"""Two travellers left on each other's document: each face fits the other's entry and not its own."""

from __future__ import annotations

import numpy as np
import polars as pl

from biomatch.fraud.facts import CONFLICT_FLOOR, Facts
from biomatch.portable.types import Floats, Ints

KIND = "swapped_exit"
GAP_FLOOR = 0.0
"""Crossed fit minus own fit below which nothing is kept: the crossed pairs must fit better."""
LAND_MINUTES = 60
"""How close in time two exits at a land port are taken as travelling together (assumed)."""
_MOST = 64  # conflicts of one departure that are paired with each other: bounds a broken camera's cost


def find(facts: Facts) -> pl.DataFrame:
    """Find pairs of exits on one departure whose faces fit crosswise.

    Returns
    -------
    polars.DataFrame
        Schema ``ALERTS``; subject: each of the two encounters; score: the poorer crossed fit minus the
        better own fit, above ``GAP_FLOOR``.
    """
    rows, partner, cross, gap = crossed(facts)
    times = facts.table["time"]
    later = np.where((times.gather(partner) > times.gather(rows)).to_numpy(), partner, rows)
    return facts.alerts(
        KIND,
        rows,
        gap,
        raised_at=times.gather(later),
        evidence={
            "crossed_similarity": cross,
            "entry_similarity": facts.entry_similarity[rows],
            "other_encounter_id": facts.table["encounter_id"].gather(partner),
        },
    )


def crossed(facts: Facts) -> tuple[Ints, Ints, Floats, Floats]:
    """Give rows, their partners, the poorer crossed fit, and how much it beats the better own fit."""
    own = facts.entry_similarity
    left, right = _together(facts, np.flatnonzero(own < CONFLICT_FLOOR))
    entry = facts.entry_of
    cross = np.minimum(facts.compare(left, entry[right]), facts.compare(right, entry[left]))
    gap = cross - np.maximum(own[left], own[right])
    keep = gap > GAP_FLOOR
    left, right = left[keep], right[keep]
    both, partner = np.concatenate([left, right]), np.concatenate([right, left])
    return both, partner, np.tile(cross[keep], 2), np.tile(gap[keep], 2)


def _together(facts: Facts, rows: Ints) -> tuple[Ints, Ints]:
    """Pair rows of one departure (or of one land port within ``LAND_MINUTES``)."""
    part = facts.table[rows].select("port", "movement", "time").with_columns(row=pl.Series(rows))
    flown = part.filter(pl.col("movement") >= 0).with_columns(
        pl.len().over("movement").alias("conflicts"), party=pl.col("movement")
    )
    flown = flown.filter(pl.col("conflicts") <= _MOST)
    pairs = flown.join(flown, on="party", suffix="_other").filter(pl.col("row") < pl.col("row_other"))
    walked = part.filter(pl.col("movement") < 0).with_columns(
        hour=pl.col("time").dt.epoch("ms") // (60_000 * LAND_MINUTES)
    )
    near = (
        pl.concat([walked.with_columns(pl.col("hour") + shift) for shift in (0, 1)])
        if len(walked)
        else walked
    )
    met = walked.join(near, on=["port", "hour"], suffix="_other").filter(
        (pl.col("row") != pl.col("row_other"))
        & ((pl.col("time") - pl.col("time_other")).dt.total_minutes().abs() <= LAND_MINUTES)
    )
    one = np.r_[pairs["row"].to_numpy(), met["row"].to_numpy()].astype(np.int64)
    two = np.r_[pairs["row_other"].to_numpy(), met["row_other"].to_numpy()].astype(np.int64)
    low, high = np.minimum(one, two), np.maximum(one, two)
    unique = np.unique(np.stack([low, high], axis=1), axis=0)
    return unique[:, 0], unique[:, 1]
