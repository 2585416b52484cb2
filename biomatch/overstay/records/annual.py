"""The published table from linked records: expected departures and overstays by fiscal year and group."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from biomatch.errors import SettingsError
from biomatch.overstay.rules.base import nearest
from biomatch.overstay.rules.us_report import annual_table

COLUMNS = {
    "class": "class",
    "country": "nationality",
    "nationality": "nationality",
    "mode": "mode",
    "port": "port",
    "carrier": "carrier",
    "sex": "sex",
}
"""What may be counted by, and the column of the stays that holds it."""


def check_by(by: Sequence[str]) -> None:
    """Refuse what cannot be counted by.

    Raises
    ------
    SettingsError
        For another name than those of `COLUMNS`, or one that stands there twice.
    """
    for place, name in enumerate(by):
        if name not in COLUMNS:
            raise SettingsError(
                f"counted by {name!r}", allowed=", ".join(COLUMNS), remedy=nearest(name, list(COLUMNS))
            )
        if name in by[:place]:
            raise SettingsError(f"counted by {name!r} twice", remedy="name it once")


def annual_of(stays: pl.DataFrame, by: Sequence[str], on: date) -> pl.DataFrame:
    """Count stays as of a day.

    Parameters
    ----------
    stays : polars.DataFrame
        As `tables.stays_table` gives them.
    by : sequence of str
        Names of `COLUMNS`; an empty cell counts as ``unknown``.
    on : datetime.date
        The day that the stays were judged as of.

    Returns
    -------
    polars.DataFrame
        ``as_of``, and the columns of `us_report.annual_table`.
    """
    needed = ("fiscal_year", "expected_departure", "status", "last_lawful_day")
    groups = [pl.col(COLUMNS[name]).cast(pl.String).fill_null("unknown").alias(name) for name in by]
    table = annual_table(stays.select(*needed, *groups), list(by), on=on)
    return table.select(pl.lit(on).alias("as_of"), pl.all())
