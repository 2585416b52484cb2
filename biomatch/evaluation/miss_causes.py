"""Every miss has a cause: never acquired, lost by the index, lost by the score, or outranked."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.policy import accept

CAUSES = ("not acquired", "lost by the index", "lost by the score", "outranked")


def causes_of_misses(mated: pl.DataFrame, thresholds: NDArray[np.float64], rank: int) -> pl.Series:
    """Say why each mated trial was missed; null where it was not.

    Parameters
    ----------
    mated : polars.DataFrame
        Mated rows of `Trials.frame`.
    thresholds : ndarray
        Shape (n,), the threshold of each trial.
    rank : int
        Best rank that still counts, 1 to L.

    Returns
    -------
    polars.Series
        Strings of `CAUSES`, or null for a hit. The causes are exclusive, tried in the order: not
        acquired; the mate's own score is below the threshold (score); it is not in the list although
        its own score beats the list's last, or the list had room (index); others stood before it.
    """
    acquired = mated["acquired"].to_numpy()
    own, last = mated["mate_score"].to_numpy(), mated["last_score"].to_numpy()
    place = mated["mate_rank"].to_numpy()
    reached = accept(own, thresholds)
    listed = place > 0
    hit = acquired & listed & (place <= rank) & accept(mated["mate_listed_score"].to_numpy(), thresholds)
    lost_by_index = ~listed & (own > last)
    cause = np.select(
        [hit, ~acquired, ~reached, lost_by_index],
        ["", CAUSES[0], CAUSES[2], CAUSES[1]],
        default=CAUSES[3],
    )
    return pl.Series("cause", cause).replace("", None)


def count_causes(causes: pl.Series) -> dict[str, int]:
    """Count misses by cause, every cause named."""
    found = dict(causes.drop_nulls().value_counts().iter_rows())
    return {cause: int(found.get(cause, 0)) for cause in CAUSES}
