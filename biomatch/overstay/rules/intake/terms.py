"""Last lawful days as people write them: a date, duration of status, or a period from the entry."""

from __future__ import annotations

import re

import polars as pl

from biomatch.overstay.rules import us_days
from biomatch.overstay.rules.base import FIRST_DAY, LAST_DAY
from biomatch.overstay.rules.intake.cells import day

_DURATION_OF_STATUS = re.compile(r"d\s*/?\s*s|duration of status", re.IGNORECASE)
_PERIOD = re.compile(r"(\d{1,3})\s*(month|day)s?", re.IGNORECASE)


def read_admission(cells: pl.Series, entry: pl.Series, *, timed: bool = False) -> tuple[pl.Series, pl.Series]:
    """Read a column of last lawful days: a date, ``D/S``, a period such as ``6 months``, or nothing.

    Parameters
    ----------
    cells : polars.Series
        Shape (n,), String, Date or Datetime.
    entry : polars.Series
        Shape (n,), Date: the first day of a period.
    timed : bool
        Whether a time of day may follow a date; it is left out.

    Returns
    -------
    tuple of polars.Series
        Date (null: nothing, or duration of status), and why a cell cannot be read (null where it can).
    """
    if cells.dtype != pl.String:
        days = cells.cast(pl.Date, strict=False)
        wrong = cells.is_not_null() & ~days.is_between(pl.Series([FIRST_DAY]), pl.Series([LAST_DAY]))
        reason = pl.lit(f"is not between {FIRST_DAY} and {LAST_DAY}")
        bad = wrong.fill_null(value=True) & cells.is_not_null()
        return days, pl.select(pl.when(bad).then(reason)).to_series()
    text = cells.str.strip_chars().replace("", None)
    if timed:
        text = text.str.replace(r"^(\d{4}-\d{2}-\d{2})[T ]\d{2}:.*$", "$1")
    until = text.to_frame("t").select(day("t")).to_series()
    others = text.is_not_null() & until.is_null()
    plain = text.str.to_lowercase()
    is_status = plain.str.contains(f"^(?:{_DURATION_OF_STATUS.pattern})$")
    is_period = plain.str.contains(f"^(?:{_PERIOD.pattern})$") & ~plain.str.contains(r"^0+\s")
    bad = others & ~is_status & ~is_period
    reason = pl.lit("is no date (2026-03-31), D/S or period (6 months, 90 days)")
    wrong = pl.select(pl.when(bad).then(reason)).to_series()
    for said in text.filter(others & is_period).unique().sort().to_list():
        rows, period = (text == said).arg_true(), _PERIOD.fullmatch(said)
        first = entry.gather(rows)
        if period is None or not first.drop_nulls().len():
            continue
        if period[2].lower() == "month":
            last = pl.Series(us_days.last_day_of_months(first.to_numpy(), int(period[1]))).cast(pl.Date)
        else:
            last = first.dt.offset_by(f"{int(period[1]) - 1}d")
        until = until.scatter(rows, last)
    return until, wrong
