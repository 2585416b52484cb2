"""What the rules say of linked stays: last lawful day, status, days over, severity."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.overstay.rules import us
from biomatch.overstay.rules.short_stays import assess_linked
from biomatch.overstay.rules.us_classes import CLASSES, Admission
from biomatch.overstay.rules.us_days import SEVERITIES
from biomatch.tables.observed import Observed
from biomatch.tables.zones import local_dates, zones_of

RULES = ("us", "eu")
_DATED = [entry.code for entry in CLASSES if entry.admission is Admission.DATE]
_TERMS = (
    "programme_end",
    "extension_filed_on",
    "extension_decision",
    "extension_decided_on",
    "extended_until",
    "adjusted_on",
    "satisfactory_departure_until",
)


def judge(
    observed: Observed,
    records: pl.DataFrame,
    stays: pl.DataFrame,
    on: date,
    rules: str,
    person: NDArray[np.int64],
) -> pl.DataFrame:
    """Judge stays by the rules of a jurisdiction as of a day.

    Parameters
    ----------
    observed : Observed
        As `to_observed` made it.
    records : polars.DataFrame
        As read, indexed by ``record``.
    stays : polars.DataFrame
        Schema ``LINKS``.
    on : datetime.date
        The day.
    rules : str
        ``us`` or ``eu``.
    person : ndarray of int64
        Shape (encounters,): whose each record is, for the European union of days over passports.

    Returns
    -------
    polars.DataFrame
        Row by row: ``entry``, ``exit`` (Date), and the columns of `us.assess`.
    """
    days = records.select("record", "day")
    entered, left = days.rename({"day": "entry"}), days.rename({"day": "exit"})
    dated = (
        stays.select("entry_id", "exit_id", "entry_row", "next_entry_time")
        .join(entered, left_on="entry_id", right_on="record", how="left", maintain_order="left")
        .join(left, left_on="exit_id", right_on="record", how="left", maintain_order="left")
    )  # fmt: skip
    zones = zones_of(observed.about)
    port = observed.encounters["port"][stays["entry_row"]]
    again = local_dates(dated["next_entry_time"], port, zones)
    # West of the date line it may still be the day before.
    leave = pl.max_horizontal("exit", "entry")
    dated = dated.with_columns(
        exit=pl.when(pl.col("exit").is_not_null()).then(leave),
        next_entry=pl.max_horizontal(pl.lit(again), "entry") if len(dated) else pl.lit(again),
    ).with_columns(next_entry=pl.when(pl.lit(again).is_not_null()).then("next_entry"))
    if rules == "eu":
        permitted = records.select(entry_id="record", permitted_until="permitted_until")
        known = dated.join(permitted, on="entry_id", how="left", maintain_order="left")
        judged = assess_linked(known, person[dated["entry_row"].to_numpy()], on)
        lasting = pl.lit("none", dtype=pl.Enum(SEVERITIES)).alias("severity")
        return pl.concat([dated.select("entry", "exit"), judged], how="horizontal").with_columns(
            pl.col("last_lawful_day").dt.year().cast(pl.Int32).alias("fiscal_year"),
            pl.lit(value=True).alias("expected_departure"),
            lasting,
            pl.lit(value=False).alias("visa_void"),
        )
    terms = records.select("record", "class", "permitted_until", "mode", *_TERMS)
    table = dated.join(terms, left_on="entry_id", right_on="record", how="left", maintain_order="left")
    undated = pl.col("class").cast(pl.String).is_in(_DATED) & pl.col("permitted_until").is_null()
    other = pl.lit("OTHER", dtype=table.schema["class"])
    table = table.with_columns(
        admission_class=pl.when(undated).then(other).otherwise("class"), admitted_until="permitted_until"
    )
    wanted = ["admission_class", "entry", "exit", "admitted_until", "next_entry", "mode", *_TERMS]
    return pl.concat([dated.select("entry", "exit"), us.assess(table.select(wanted), on)], how="horizontal")
