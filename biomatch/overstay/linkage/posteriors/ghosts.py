"""Departures that a carrier declared and that did not happen: how likely, learnt from those that are proved.

A line of a manifest is proved wrong where the port sees the same traveller leave at least a day later.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from biomatch.overstay.linkage.tables import cut_of
from biomatch.tables.observed import DOCUMENT_KEY, Observed


def ghost_share(observed: Observed, stays: pl.DataFrame, as_of: date | datetime) -> float:
    """Give the chance that a stay closed by a manifest's line alone has not ended so.

    Parameters
    ----------
    observed : Observed
        Reads encounters, manifests, movements.
    stays : polars.DataFrame
        Schema ``LINKS``.
    as_of : date or datetime
        Lines received later are not used.

    Returns
    -------
    float
        In (0, 1]: wrong lines that are to be expected among stays not yet seen to end, as many a stay as
        among those that were seen, over the stays that lines closed; 1 at most.
    """
    by_line = stays.filter((pl.col("how_linked") == "manifest") & (pl.col("exit_id") < 0)).height
    open_ = stays.filter(pl.col("how_linked") == "none").height
    closed = stays.filter(pl.col("how_linked") == "document")
    papers = observed.encounters.select(DOCUMENT_KEY)[closed["entry_row"]]
    leaving = observed.movements.filter(pl.col("direction") == "exit").select("movement", "scheduled")
    lines = observed.manifests.filter(pl.col("received_at") <= cut_of(as_of)).join(leaving, on="movement")
    wrong = (
        pl.concat([closed.select("entry_id", "entry_time", "exit_time"), papers], how="horizontal")
        .join(lines, on=DOCUMENT_KEY)
        .filter(
            (pl.col("scheduled") > pl.col("entry_time"))
            & (pl.col("scheduled") < pl.col("exit_time") - timedelta(days=1))
        )["entry_id"]
        .n_unique()
    )
    each = (wrong + 0.5) / (closed.height + 1.0)
    return float(min(1.0, each * (open_ + by_line) / max(by_line, 1)))
