"""Which searches a policy makes: enumerated from records alone, before any answer is looked at."""

from __future__ import annotations

import polars as pl

from biomatch.settings.system import System
from biomatch.system.references import movement_galleries
from biomatch.tables.observed import Observed

COLUMNS = ["encounter_id", "gallery", "designed", "time", "template_row", "acquired"]


def due_searches(observed: Observed, system: System) -> pl.DataFrame:
    """List every search that the policy makes, in time order.

    A search is due where a port record has the direction that the policy searches, and a capture was
    due (a camera was there); so is one for a capture that is itself the record of an exit. Records of
    carriers and neighbours are no search.

    Returns
    -------
    polars.DataFrame
        Columns encounter_id, gallery, designed, time, template_row (-1: failure to acquire), acquired;
        sorted by (time, encounter_id, designed).
    """
    gallery = system.gallery
    probes = observed.encounters.filter(
        pl.col("source").is_in(["port", "capture"])
        & pl.col("direction").is_in(gallery.directions)
        & (pl.col("failure") != "not_attempted")
    ).with_columns(acquired=pl.col("template_row") >= 0)
    if gallery.policy in ("open_stays", "all", "watchlist"):
        due = probes.with_columns(gallery=pl.lit(gallery.policy), designed=pl.lit(False))
    else:
        own = movement_galleries(observed, gallery.policy).select("movement", "gallery")
        due = probes.join(own, on="movement").with_columns(designed=pl.lit(False))
        if gallery.policy == "manifest" and gallery.designed_trials:
            due = pl.concat([due, _designed(observed, probes).select(due.columns)])
    return due.select(COLUMNS).sort("time", "encounter_id", "designed")


def _designed(observed: Observed, probes: pl.DataFrame) -> pl.DataFrame:
    """Each probe against the manifest of the departure before its own, at its own port.

    Non-mated trials are rare where everybody was announced: these are added by the design, marked as
    such, and reported apart.
    """
    movements = movement_galleries(observed, "manifest").sort("port", "direction", "scheduled", "movement")
    other = movements.with_columns(
        gallery=pl.col("gallery").shift(1).over("port", "direction"),
    ).filter(pl.col("gallery").is_not_null())
    return probes.join(other.select("movement", "gallery"), on="movement").with_columns(designed=pl.lit(True))
