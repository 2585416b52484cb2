"""Records of a user as the tables that linkage reads."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.overstay.linkage.tables import cut_of
from biomatch.tables.observed import (
    CLASSES,
    DOCUMENTS,
    ENCOUNTERS,
    MANIFESTS,
    MODES,
    MOVEMENTS,
    SEXES,
    SOURCES,
    STATUS_EVENTS,
    WATCHLIST,
    Observed,
)
from biomatch.tables.schema import Time

RESIDENT = "RESIDENT"


def unite_keys(records: pl.DataFrame) -> pl.DataFrame:
    """Fill issuers and persons of documents where other records of the same number tell them.

    Parameters
    ----------
    records : polars.DataFrame
        Columns ``document``, ``issuer``, ``person``.

    Returns
    -------
    polars.DataFrame
        The same rows with ``issuer`` and ``person`` filled where exactly one value is known for the number,
        and ``key``: the person where known, else document and issuer; null where there is neither.
    """
    for name in ("issuer", "person"):
        if records[name].null_count() in (0, len(records)):
            continue
        told = (
            records.filter(pl.col(name).is_not_null() & pl.col("document").is_not_null())
            .group_by("document")
            .agg(pl.col(name).first().alias("told"), count=pl.col(name).n_unique())
            .filter(pl.col("count") == 1)
            .select("document", "told")
        )
        records = (
            records.join(told, on="document", how="left", maintain_order="left")
            .with_columns(pl.coalesce(name, "told").alias(name))
            .drop("told")
        )
    document = pl.concat_str(pl.col("document"), pl.col("issuer").fill_null(""), separator=" ")
    person = pl.concat_str(pl.lit("person "), pl.col("person"))
    return records.with_columns(key=pl.coalesce(person, document))


def to_observed(
    records: pl.DataFrame, on: date, templates: NDArray[np.float32] | None
) -> tuple[Observed, dict[str, int]]:
    """Give the records that were known by a day as linkage reads them.

    Parameters
    ----------
    records : polars.DataFrame
        From `order`: its rows become ``encounter_id`` 0, 1, ...
    on : datetime.date
        Records of later days, or received later, are left out.
    templates : ndarray or None
        Shape (n, d), float32, unit length.

    Returns
    -------
    tuple of Observed and dict
        And how many records are of later days, and received later.
    """
    later = pl.col("day") > on
    late = (pl.col("received") > on).fill_null(value=False)
    counts = records.select(dated_later=later.sum(), received_later=(~later & late).sum()).row(0, named=True)
    used = records.filter(~later & ~late)
    cut = pl.lit(cut_of(on)).cast(Time)
    number = pl.concat_str(pl.lit("?"), pl.col("record").cast(pl.String))
    face = pl.col("template_row") >= 0
    residents = _residents(used)
    person = pl.col("person").is_not_null()
    frame = used.select(
        encounter_id="record",
        source=pl.col("source").cast(pl.Enum(SOURCES)),
        time="time",
        # A clock ahead of UTC may show the day already: what happened by that day's end is known.
        recorded_at=pl.min_horizontal(
            pl.max_horizontal("time", pl.col("received").cast(Time)), cut
        ).cast(Time),
        port=pl.col("zone").fill_null("UTC"),
        mode=pl.col("mode").fill_null("air").cast(pl.Enum(MODES)),
        direction=pl.col("direction").cast(ENCOUNTERS.columns["direction"]),
        movement=pl.lit(-1, dtype=pl.Int64),
        document_number=pl.when(person).then("person").otherwise(pl.col("document").fill_null(number)),
        document_issuer=pl.when(person)
        .then(pl.lit("person"))
        .when(pl.col("document").is_null())
        .then(number)
        .otherwise(pl.col("issuer").fill_null("")),
        claimed_name="name",
        birth_date="birth_date",
        sex=pl.col("sex").cast(pl.Enum(SEXES)),
        nationality="nationality",
        admission_class=pl.when(residents)
        .then(pl.lit(RESIDENT))
        .when(pl.col("class").cast(pl.String).is_in(CLASSES))
        .then(pl.col("class").cast(pl.String))
        .otherwise(pl.lit("OTHER"))
        .cast(ENCOUNTERS.columns["admission_class"]),
        permitted_until="permitted_until",
        camera=pl.when(face).then(pl.lit("own")),
        attempts=pl.lit(1, dtype=pl.Int16),
        quality=pl.when(face).then(pl.col("quality").fill_null(1.0)).cast(pl.Float32),
        template_row="template_row",
        failure=pl.when(face).then(pl.lit("none")).otherwise(pl.lit("not_attempted")).cast(
            ENCOUNTERS.columns["failure"]
        ),
    )  # fmt: skip
    zones = {name: name for name in frame["port"].unique().sort().to_list() if name != "UTC"}
    none = np.empty((0, 1), dtype=np.float32)
    observed = Observed(
        encounters=frame,
        documents=DOCUMENTS.empty(),
        movements=MOVEMENTS.empty(),
        manifests=MANIFESTS.empty(),
        status_events=STATUS_EVENTS.empty(),
        watchlist=WATCHLIST.empty(),
        templates=none if templates is None else templates,
        about={"zones": zones},
    )
    return observed.check(), counts


def _residents(records: pl.DataFrame) -> pl.Series:
    """Say whose document is a resident's: an exit seldom says so, and owes no entry a partner."""
    is_resident = records["class"].cast(pl.String) == RESIDENT
    keys = records["key"].filter(is_resident).drop_nulls().unique()
    exits = records["direction"] == "exit"
    return is_resident | (exits & records["key"].is_in(keys.implode()).fill_null(value=False))
