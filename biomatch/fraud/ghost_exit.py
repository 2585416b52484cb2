"""The manifest says boarded, and nobody was seen.

A departure that only the carrier declared is ordinary where a port records few, and strange where it
records all: the score is the surprise, in nats, that this port did not see this traveller. How often it
sees nobody is what an audit says (``alerts.unseen_departures``) or else what the earlier departures of the
same port show, where ghost exits count like honest departures: the more there are, the less each surprises.
A later record of the document inside the country, without an entry
between, adds ``SEEN_AGAIN``.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import portable
from biomatch.fraud.facts import Facts
from biomatch.portable.types import Floats, Ints
from biomatch.tables.observed import DOCUMENT_KEY

KIND = "ghost_exit"
SEEN_AGAIN = 6.0
"""What a later exit on the same document without an entry between adds, in nats (assumed: a manifest
row that is wrong about one traveller in a few hundred)."""
_PRIOR = (1.0, 20.0)  # unseen and all, before the port's first departure (assumed)


def find(facts: Facts) -> pl.DataFrame:
    """Find departures that a carrier declared and no port saw.

    Returns
    -------
    polars.DataFrame
        Schema ``ALERTS``; subject: the stay, by its entry_id, which is also the encounter; score: the
        surprise in nats, from 0.
    """
    rows, surprise, again, scheduled, came_to_light = surprises(facts)
    return facts.alerts(
        KIND,
        rows,
        surprise + SEEN_AGAIN * again,
        subject_type="stay",
        raised_at=came_to_light,
        evidence={"surprise": surprise, "seen_again": again, "scheduled": scheduled.cast(pl.String)},
    )


def surprises(facts: Facts) -> tuple[Ints, Floats, NDArray[np.bool_], pl.Series, pl.Series]:
    """Give entries whose declared departure nobody saw: row, surprise, seen again, departure, when known."""
    declared = _declared(facts).sort("scheduled", "encounter_id")
    # How often this port did not see whom the carrier declared, up to the departure before this one.
    counts = (
        declared.group_by("port", "scheduled")
        .agg(unseen=(~pl.col("seen")).sum(), declared=pl.len())
        .sort("port", "scheduled")
        .with_columns(
            unseen=(pl.col("unseen").cum_sum() - pl.col("unseen")).over("port") + _PRIOR[0],
            declared=(pl.col("declared").cum_sum() - pl.col("declared")).over("port") + _PRIOR[1],
        )
    )
    ghosts = declared.filter(~pl.col("seen")).join(
        counts, on=["port", "scheduled"], how="left", maintain_order="left"
    )
    learnt = (ghosts["unseen"] / ghosts["declared"]).to_numpy()
    audited = ghosts.select(
        pl.coalesce(
            pl.col(name).cast(pl.String).replace_strict(facts.unseen, default=None, return_dtype=pl.Float64)
            for name in ("port", "mode")
        )
    ).to_series()
    surprise = -portable.log(np.where(audited.is_null(), learnt, audited.fill_null(1.0).to_numpy()))
    return (
        facts.rows_of(ghosts["encounter_id"]),
        surprise,
        ghosts["again"].to_numpy(),
        ghosts["scheduled"],
        ghosts["known"],
    )


def unseen_shares(facts: Facts) -> dict[str, float]:
    """Give the share of declared departures that each port did not see: what an audit would state.

    Returns
    -------
    dict of str to float
        By port, those with declared departures only, in (0, 1): one of either sort is added, so that no
        share is 0 or 1. For ``alerts.unseen_departures`` it wants records believed to be free of ghosts.
    """
    counts = _declared(facts).group_by("port").agg(unseen=(~pl.col("seen")).sum(), all=pl.len()).sort("port")
    return {str(port): (unseen + 1.0) / (total + 2.0) for port, unseen, total in counts.iter_rows()}


def _declared(facts: Facts) -> pl.DataFrame:
    """List stays that a carrier's departure closed: seen by the port or not, and whether seen again.

    Returns
    -------
    polars.DataFrame
        Columns encounter_id (the entry), port, mode, scheduled, seen, again, known (when it came to light).
    """
    observed = facts.observed
    stays = facts.table.filter(
        (pl.col("direction") == "entry") & (pl.col("admission_class") != "RESIDENT")
    ).select("encounter_id", "time", *DOCUMENT_KEY)
    known = pl.lit(value=True) if facts.cut is None else pl.col("received_at") <= facts.cut
    departures = (
        observed.manifests.filter(known)
        .join(observed.movements.filter(pl.col("direction") == "exit"), on="movement")
        .select(*DOCUMENT_KEY, "movement", "port", "mode", "scheduled")
    )
    if facts.cut is not None:
        departures = departures.filter(pl.col("scheduled") <= facts.cut)
    departures = departures.sort("scheduled", "movement")
    entries = stays.sort("time", "encounter_id").rename({"time": "entered"})
    closed = departures.join_asof(
        entries, left_on="scheduled", right_on="entered", by=DOCUMENT_KEY, strategy="backward",
        check_sortedness=False,
    ).filter(pl.col("encounter_id").is_not_null())  # fmt: skip
    exits = facts.table.filter(pl.col("direction") == "exit").select(
        *DOCUMENT_KEY, "movement", exit_time="time"
    )
    seen = exits.select(*DOCUMENT_KEY, "movement").unique().with_columns(seen=pl.lit(value=True))
    later = exits.rename({"movement": "exit_movement"}).sort("exit_time")
    following = stays.select(*DOCUMENT_KEY, next_entry="time").sort("next_entry")
    return (
        closed.join(seen, on=[*DOCUMENT_KEY, "movement"], how="left")
        .sort("scheduled", "encounter_id")
        .join_asof(
            later, left_on="scheduled", right_on="exit_time", by=DOCUMENT_KEY, strategy="forward",
            allow_exact_matches=False, check_sortedness=False,
        )
        .join_asof(
            following, left_on="scheduled", right_on="next_entry", by=DOCUMENT_KEY, strategy="forward",
            check_sortedness=False,
        )
        .with_columns(
            seen=pl.col("seen").fill_null(value=False),
            # An exit with no entry before it: whoever left later had never left.
            again=(
                pl.col("exit_time").is_not_null()
                & (pl.col("exit_movement") != pl.col("movement"))
                & (pl.col("next_entry").is_null() | (pl.col("exit_time") < pl.col("next_entry")))
            ),
        )
        .with_columns(known=pl.when("again").then("exit_time").otherwise("scheduled"))
        .sort("scheduled", "encounter_id")
        .unique("encounter_id", keep="last", maintain_order=True)
        .select("encounter_id", "port", "mode", "scheduled", "seen", "again", "known")
    )  # fmt: skip
