"""The annual table of overstays: counts by fiscal year, and how they are restated later.

Counts are handed on; a rate is made of them at the last moment, by `biomatch.rates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from biomatch.errors import TableError
from biomatch.overstay.rules import us
from biomatch.rates import Rate, rate


@dataclass(frozen=True)
class OverstayCounts:
    """Overstays of one fiscal year, or of a part of it.

    Attributes
    ----------
    expected : int
        Expected departures: admissions whose last lawful day falls in the year.
    out_of_country, in_country : int
        Overstays with a departure recorded late, and without any departure recorded.
    due : int or None
        Expected departures whose last lawful day was over on the date of the count; None: not counted.
    """

    expected: int
    out_of_country: int
    in_country: int
    due: int | None = None

    @property
    def total(self) -> int:
        """All overstay events."""
        return self.out_of_country + self.in_country

    @property
    def total_rate(self) -> Rate:
        """``total / expected``, in [0, 1]; no value where no departure was expected. Source [S1]."""
        return rate(self.total, self.expected)

    @property
    def in_country_rate(self) -> Rate:
        """``in_country / expected``, in [0, 1]; no value where no departure was expected. Source [S1]."""
        return rate(self.in_country, self.expected)

    @property
    def rate_of_due(self) -> Rate:
        """``total / due``, in [0, 1]: what a year that still runs can be judged by."""
        return rate(self.total, self.expected if self.due is None else self.due)

    def __str__(self) -> str:
        """Say the counts in a sentence; of a year that still runs also what was due, which rates it."""
        count = f"{self.total:,} overstay{'' if self.total == 1 else 's'} in {self.expected:,} expected "
        count += f"departure{'' if self.expected == 1 else 's'}"
        whole = self.due is None or self.due == self.expected
        due = "" if whole else f", of which {self.due:,} due so far"
        return (
            f"{count}{due}: {self.rate_of_due}; out of country {self.out_of_country:,}, "
            f"suspected in country {self.in_country:,}"
        )

    def to_json(self) -> dict[str, object]:
        """Give the counts with both rates, and what was due so far where it was counted."""
        due: dict[str, object] = {}
        if self.due is not None:
            due = {"due_so_far": self.due, "total_rate_of_due": self.rate_of_due.to_json()}
        return {
            **due,
            "expected_departures": self.expected,
            "out_of_country": self.out_of_country,
            "suspected_in_country": self.in_country,
            "total_rate": self.total_rate.to_json(),
            "suspected_in_country_rate": self.in_country_rate.to_json(),
        }


def annual_table(results: pl.DataFrame, by: Sequence[str] = (), *, on: date | None = None) -> pl.DataFrame:
    """Count expected departures and overstays by fiscal year of the last lawful day.

    Parameters
    ----------
    results : polars.DataFrame
        Columns ``fiscal_year``, ``expected_departure`` and ``status`` of `us.assess`, and those in `by`.
    by : sequence of str
        Further columns to count by, for example the class of admission.
    on : datetime.date, optional
        The date of the results. With it, and their column ``last_lawful_day``, the table says how many
        expected departures were due so far: a year that still runs expects some that are not.

    Returns
    -------
    polars.DataFrame
        One row a year (and group), ascending: ``fiscal_year``, `by`, ``expected_departures``,
        ``overstays``, ``out_of_country``, ``suspected_in_country`` (Int64), and with `on`
        ``due_so_far``: those whose last lawful day is over. Only stays that are expected departures count,
        in the numerators too; every overstay is among those that were due.
    """
    needed = ("fiscal_year", "expected_departure", "status", *by, *(("last_lawful_day",) if on else ()))
    missing = [n for n in needed if n not in results.columns]
    if missing:
        raise TableError(f"the results lack the column {missing[0]!r}", remedy="give what us.assess returned")
    keys = ["fiscal_year", *by]
    is_out = pl.col("status") == "out_of_country_overstay"
    is_in = pl.col("status") == "suspected_in_country_overstay"
    return (
        results.filter("expected_departure")
        .group_by(keys)
        .agg(
            pl.len().cast(pl.Int64).alias("expected_departures"),
            (is_out | is_in).sum().cast(pl.Int64).alias("overstays"),
            is_out.sum().cast(pl.Int64).alias("out_of_country"),
            is_in.sum().cast(pl.Int64).alias("suspected_in_country"),
            *([(pl.col("last_lawful_day") < on).sum().cast(pl.Int64).alias("due_so_far")] if on else []),
        )
        .sort(keys)
    )


def with_rates(table: pl.DataFrame) -> pl.DataFrame:
    """Add the rates of the published table, each with its interval.

    Parameters
    ----------
    table : polars.DataFrame
        From `annual_table` with a date: every year with what was due so far.

    Returns
    -------
    polars.DataFrame
        `table` with `RATE_COLUMNS` (Float64): overstays, and those suspected in the country, in expected
        departures that were due so far; null where none was.
    """
    rows = [
        [
            value
            for name in ("overstays", "suspected_in_country")
            for found in [rate(row[name], row["due_so_far"])]
            for value in (found.value, *(found.interval if row["due_so_far"] else (None, None)))
        ]
        for row in table.iter_rows(named=True)
    ]
    rates = pl.DataFrame(rows, schema=dict.fromkeys(RATE_COLUMNS, pl.Float64), orient="row")
    return pl.concat([table, rates], how="horizontal")


RATE_COLUMNS = tuple(
    f"{name}{end}"
    for name in ("total_rate_of_due", "suspected_in_country_rate_of_due")
    for end in ("", "_low", "_high")
)
"""Rates of `with_rates` with the ends of their 95% intervals."""


def counts_of_year(results: pl.DataFrame, fiscal_year: int) -> OverstayCounts:
    """Count one fiscal year; a year without expected departures has zeros and rates without a value."""
    table = annual_table(results).filter(pl.col("fiscal_year") == fiscal_year)
    if table.is_empty():
        return OverstayCounts(0, 0, 0)
    row = table.row(0, named=True)
    return OverstayCounts(row["expected_departures"], row["out_of_country"], row["suspected_in_country"])


def snapshots(
    stays: pl.DataFrame, fiscal_year: int, dates: Iterable[date], rules: us.UsRules = us.RULES
) -> pl.DataFrame:
    """Count one fiscal year as of several dates: the first is the snapshot, the others restate it.

    Parameters
    ----------
    stays : polars.DataFrame
        As `us.assess` takes them.
    fiscal_year : int
        The year that is counted.
    dates : iterable of datetime.date
        Dates of the snapshots.
    rules : us.UsRules
        The rule set.

    Returns
    -------
    polars.DataFrame
        One row a date: ``as_of`` (Date), ``expected_departures``, ``overstays``, ``out_of_country``,
        ``suspected_in_country`` (Int64).
    """
    made = []
    for day in dates:
        counts = counts_of_year(us.assess(stays, day, rules), fiscal_year)
        made.append((day, counts.expected, counts.total, counts.out_of_country, counts.in_country))
    columns = {
        "as_of": pl.Date,
        "expected_departures": pl.Int64,
        "overstays": pl.Int64,
        "out_of_country": pl.Int64,
        "suspected_in_country": pl.Int64,
    }
    return pl.DataFrame(made, schema=columns, orient="row")
