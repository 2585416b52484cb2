"""Which searches a policy makes: enumerated from records alone, before any answer is looked at."""

from __future__ import annotations

import numpy as np
import polars as pl

from biomatch.settings.system import System
from biomatch.system.references import movement_galleries
from biomatch.tables.candidates import CandidateLists
from biomatch.tables.galleries import ONE_GALLERY, search_of
from biomatch.tables.observed import Observed

COLUMNS = ["encounter_id", "gallery", "designed", "time", "template_row", "acquired"]


def due_searches(observed: Observed, system: System) -> pl.DataFrame:
    """List every search that the policies make, in time order.

    A search is due where a port record has a direction that a policy searches, and a capture was due (a
    camera was there); so is one for a capture that is itself the record of an exit. Records of carriers and
    neighbours are no search. One encounter is searched once for each policy that asks for it.

    Returns
    -------
    polars.DataFrame
        Columns encounter_id, gallery, designed, time, template_row (-1: failure to acquire), acquired;
        sorted by (time, encounter_id, designed, gallery).
    """
    probes = observed.encounters.filter(
        pl.col("source").is_in(["port", "capture"]) & (pl.col("failure") != "not_attempted")
    ).with_columns(acquired=pl.col("template_row") >= 0)
    due = [
        _due(observed, system, one.policy, probes.filter(pl.col("direction").is_in(one.directions)))
        for one in system.gallery.every_search
    ]
    return pl.concat([part.select(COLUMNS) for part in due]).sort(
        "time", "encounter_id", "designed", "gallery"
    )


def _due(observed: Observed, system: System, policy: str, probes: pl.DataFrame) -> pl.DataFrame:
    """List the searches of one policy, in any order."""
    if policy in ONE_GALLERY:
        return probes.with_columns(gallery=pl.lit(policy), designed=pl.lit(False))
    own = movement_galleries(observed, policy).select("movement", "gallery")
    due = probes.join(own, on="movement").with_columns(designed=pl.lit(False))
    if policy == "manifest" and system.gallery.designed_trials:
        return pl.concat([due, _designed(observed, probes).select(due.columns)])
    return due


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


def counted_sizes(lists: CandidateLists) -> dict[str, tuple[int, int, int]]:
    """Give median, least and greatest N of each policy's searches, those that the judge counts.

    Failures to acquire, trials that the design added and searches before ``measure_from`` are left out, as
    in every rate; zeros where nothing is left.

    Parameters
    ----------
    lists : CandidateLists
        With its world's observed side attached.

    Returns
    -------
    dict of str to tuple of int
        By policy, the primary one first.
    """
    system = System.from_mapping(lists.system)
    observed = lists.observed
    counted = lists.searches.filter(pl.col("acquired") & ~pl.col("designed"))
    if observed is not None:
        start = pl.lit(observed.measure_from)
        times = observed.encounters.select("encounter_id", "time")
        counted = counted.join(times, on="encounter_id", how="left").filter(pl.col("time") >= start)
    found: dict[str, tuple[int, int, int]] = {}
    for policy in system.gallery.policies:
        sizes = counted.filter(search_of() == policy)["enrolled_count"].to_numpy()
        found[policy] = (
            (int(np.median(sizes)), int(sizes.min()), int(sizes.max())) if len(sizes) else (0, 0, 0)
        )
    return found
