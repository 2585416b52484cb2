"""What each policy enrols, from when, and until when: records decide, never a face.

The gallery is an *open loop*: receipt of documents, departures and manifests enrols and retires, so
that one search serves every threshold.
"""

from __future__ import annotations

import polars as pl

from biomatch.settings.system import System
from biomatch.tables.galleries import MOVEMENT
from biomatch.tables.observed import DOCUMENT_KEY, Observed
from biomatch.tables.produced import REFERENCES
from biomatch.tables.zones import local_dates, zones_of


def references(observed: Observed, system: System) -> pl.DataFrame:
    """List every reference that a system's policies ever enrol; a face in two galleries is two references.

    Parameters
    ----------
    observed : Observed
        The world's observed side.
    system : System
        Settings; the policies of ``gallery``, ``reopen_days``, ``images`` and ``retention_days`` count here.

    Returns
    -------
    polars.DataFrame
        Schema ``REFERENCES``, sorted by (available_from, template_row); `reference_id` is the row.
    """
    parts = [_listed(observed, system, policy) for policy in system.gallery.policies]
    listed = pl.concat(parts, how="vertical_relaxed")
    kept_until = pl.col("enrolled_at") + pl.duration(days=1) * system.gallery.retention_days
    return REFERENCES.frame(
        listed.with_columns(
            retired_at=pl.min_horizontal("retired_at", kept_until.dt.cast_time_unit("ms")),
        )
        # Retired before it was received: it never was there to be searched.
        .filter(pl.col("retired_at") > pl.col("available_from"))
        .sort("available_from", "gallery", "template_row")
        .with_row_index("reference_id")
        .to_dict(as_series=True)
    )


def _listed(observed: Observed, system: System, policy: str) -> pl.DataFrame:
    """List the references of one policy (without reference_id)."""
    if policy == "open_stays":
        return _open_stays(observed, system)
    if policy == "all":
        return _all_entries(observed, system.gallery.images)
    if policy == "watchlist":
        return _watchlist(observed)
    return _from_manifests(observed, policy)


def _entries(observed: Observed) -> pl.DataFrame:
    return observed.encounters.filter(
        (pl.col("source") == "port") & (pl.col("direction") == "entry") & (pl.col("template_row") >= 0)
    )


def _shape(frame: pl.DataFrame, *, gallery: pl.Expr, kind: str) -> pl.DataFrame:
    """Bring entry encounters into the columns of references (without reference_id)."""
    return frame.select(
        gallery=gallery,
        encounter_id="encounter_id",
        document_number="document_number",
        document_issuer="document_issuer",
        template_row="template_row",
        enrolled_at="time",
        available_from="recorded_at",
        retired_at="retired_at",
        kind=pl.lit(kind),
    )


def _open_stays(observed: Observed, system: System) -> pl.DataFrame:
    """Entry photos of stays whose departure has not been received (or not for `reopen_days` yet)."""
    reopen = pl.duration(days=1) * system.gallery.reopen_days
    # Any later record on the same document ends a stay once it is received: a departure says so, another
    # entry implies it. The earliest *receipt* of any of them counts, as a ledger kept day by day would
    # have it: a record that happened sooner but came in later must not change what was known before.
    closed = (
        observed.encounters.filter(
            (pl.col("admission_class") != "RESIDENT") & (pl.col("source") != "manifest")
        )
        .sort("time", "encounter_id", descending=True)
        .with_columns(received=pl.col("recorded_at").cum_min().shift(1).over(DOCUMENT_KEY))
        .with_columns(retired_at=(pl.col("received") + reopen).dt.cast_time_unit("ms"))
        .join(_entries(observed).select("encounter_id"), on="encounter_id", how="semi")
    )
    return _shape(closed, gallery=pl.lit("open_stays"), kind="entry_photo")


def _all_entries(observed: Observed, images: int) -> pl.DataFrame:
    """Every entry photo; with `images`, each until so many newer ones of its document were received."""
    never = pl.lit(None, dtype=pl.Datetime("ms"))
    newer = never if images == 0 else pl.col("recorded_at").shift(-images).over(DOCUMENT_KEY)
    # In the order of receipt, not of time: a photo that comes in late retires nothing before it is there.
    kept = _entries(observed).sort("recorded_at", "encounter_id").with_columns(retired_at=newer)
    return _shape(kept, gallery=pl.lit("all"), kind="entry_photo")


def _watchlist(observed: Observed) -> pl.DataFrame:
    return observed.watchlist.select(
        gallery=pl.lit("watchlist"),
        encounter_id=pl.lit(-1),
        document_number=pl.lit(None, dtype=pl.String),
        document_issuer=pl.lit(None, dtype=pl.String),
        template_row="template_row",
        enrolled_at="since",
        available_from="since",
        retired_at=pl.lit(None, dtype=pl.Datetime("ms")),
        kind=pl.lit("watchlist"),
    )


def movement_galleries(observed: Observed, policy: str) -> pl.DataFrame:
    """Name the gallery of each carrier movement: the movement itself, or its port, day and direction."""
    movements = observed.movements
    day = local_dates(movements["scheduled"], movements["port"], zones_of(observed.about))
    label = (
        pl.format(MOVEMENT + "{}", "movement")
        if policy == "manifest"
        else pl.format("{}/{}/{}", "port", pl.lit(day), "direction")
    )
    return movements.select("movement", "port", "scheduled", "direction", gallery=label)


def _from_manifests(observed: Observed, policy: str) -> pl.DataFrame:
    """Document photos of the people whom the carrier announced, available once announced."""
    photos = observed.documents.filter(pl.col("template_row") >= 0).select(
        "template_row",
        document_number="number",
        document_issuer="issuer",
        kind=pl.format("{}_photo", pl.col("kind").cast(pl.String)),
    )
    return (
        observed.manifests.join(movement_galleries(observed, policy), on="movement")
        .join(photos, on=DOCUMENT_KEY)
        .group_by("gallery", "template_row", maintain_order=True)
        .agg(pl.first(*DOCUMENT_KEY, "kind"), pl.col("received_at").min())
        .select(
            gallery="gallery",
            encounter_id=pl.lit(-1),
            document_number="document_number",
            document_issuer="document_issuer",
            template_row="template_row",
            enrolled_at="received_at",
            available_from="received_at",
            retired_at=pl.lit(None, dtype=pl.Datetime("ms")),
            kind="kind",
        )
    )
