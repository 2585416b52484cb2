"""Arithmetic of the United States' rules: calendar months, the last lawful day, severity of an overstay."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from biomatch.errors import TableError
from biomatch.overstay.rules.base import FIRST_DAY, LAST_DAY
from biomatch.overstay.rules.us_classes import CLASSES, Admission

Days = NDArray[np.datetime64]
DayNumbers = NDArray[np.int32]
NEVER = 1 << 30
"""Stands for the day of what has not happened: later than every day, so that comparisons come out right."""
SEVERITIES = ("none", "up_to_180_days", "over_180_days", "one_year_or_more")
"""Bins on a single stay [S10]: the third carries the 3-year bar, the fourth the 10-year bar."""
TOLLED_DAYS = 120
"""The most by which a pending timely filing holds up the count towards the 3-year bar [S10]."""
PROGRAMME_ENDS = ("completed", "withdrawn", "terminated")


def add_months(days: ArrayLike, months: int) -> Days:
    """Go some calendar months on; where the month has no such day, to its last.

    Parameters
    ----------
    days : array_like
        Shape (n,), datetime64[D].
    months : int
        Calendar months.

    Returns
    -------
    ndarray
        Shape (n,), datetime64[D].
    """
    given = np.asarray(days, dtype="datetime64[D]")
    month = given.astype("datetime64[M]")
    target = month + np.timedelta64(months, "M")
    ends = (target + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
    return np.asarray(
        np.minimum(target.astype("datetime64[D]") + (given - month.astype("datetime64[D]")), ends)
    )


def last_day_of_months(entry: ArrayLike, months: int) -> Days:
    """Give the last lawful day of an admission for calendar months; the day of entry is the first.

    Source [S3]. Where the last month has no such day, its last day is taken before one day is
    subtracted (assumed: no published example).

    Examples
    --------
    >>> print(last_day_of_months(["2007-07-15"], 6))
    ['2008-01-14']
    """
    return np.asarray(add_months(entry, months) - np.timedelta64(1, "D"))


def number(day: date) -> int:
    """Give the number of a day: days since 1970-01-01."""
    return (day - date(1970, 1, 1)).days


def day_numbers(table: pl.DataFrame, name: str, missing: int = NEVER) -> DayNumbers:
    """Give a column of dates as day numbers, nulls as `missing`; one number for a column that is absent."""
    if name not in table.columns or table.schema[name] == pl.Null:
        return np.asarray(missing, dtype=np.int32)
    column = table[name].to_physical()
    return (column.fill_null(missing) if column.null_count() else column).to_numpy()


def last_lawful_days(table: pl.DataFrame, codes: NDArray[np.uint8], waiver_counts_entry: bool) -> DayNumbers:
    """Give the last lawful day of every stay.

    Parameters
    ----------
    table : polars.DataFrame
        Columns ``entry`` (Date) and, optionally, ``admitted_until``, ``programme_end`` (Date),
        ``programme_ended`` (String).
    codes : ndarray
        Shape (n,), uint8; index of each stay's class in `us_classes.CLASSES`.
    waiver_counts_entry : bool
        Whether the day of entry is the first of a period of days.

    Returns
    -------
    ndarray
        Shape (n,), int32, day numbers: the I-94 date where there is one; else the programme's end and
        grace, or the class's usual period; `NEVER` for duration of status whose end is not known.

    Raises
    ------
    TableError
        For a class that needs a date and has none, or an unknown way in which a programme ended.
    """
    last = np.broadcast_to(day_numbers(table, "admitted_until"), len(table)).copy()
    missing = np.flatnonzero(last == NEVER)
    missing_codes = codes[missing]
    for code in np.flatnonzero(np.bincount(missing_codes, minlength=len(CLASSES))).tolist():
        kind = CLASSES[code]
        rows = missing[missing_codes == code]
        if kind.admission is Admission.DATE:
            raise TableError(
                f"row {rows[0] + 1}: class {kind.code} without a date in admitted_until",
                allowed="the date on the I-94",
                remedy="give it: the class has no usual period from which it could be told",
            )
        if kind.admission is Admission.STATUS:
            last[rows] = _after_programme(table, rows, code)
        elif kind.months:
            entry = day_numbers(table, "entry")[rows].astype("datetime64[D]")
            last[rows] = last_day_of_months(entry, kind.months).astype(np.int64)
        else:
            last[rows] = day_numbers(table, "entry")[rows] + kind.days - int(waiver_counts_entry)
    return last


def _after_programme(table: pl.DataFrame, rows: NDArray[np.int64], code: int) -> DayNumbers:
    """Give the programme's end and grace: in full, shortened by a withdrawal, none after a termination."""
    end = np.broadcast_to(day_numbers(table, "programme_end"), len(table))[rows]
    kind = CLASSES[code]
    grace = np.full(len(rows), kind.grace_days, dtype=np.int32)
    if "programme_ended" in table.columns and table.schema["programme_ended"] != pl.Null:
        ended = table["programme_ended"].gather(rows).fill_null("completed")
        wrong = (~ended.is_in(PROGRAMME_ENDS)).arg_true()
        if len(wrong):
            row = int(wrong[0])
            raise TableError(
                f"row {rows[row] + 1}: programme_ended is {ended[row]!r}", allowed=", ".join(PROGRAMME_ENDS)
            )
        days = dict(zip(PROGRAMME_ENDS, (kind.grace_days, kind.withdrawn_days, 0), strict=True))
        grace = ended.replace_strict(days, return_dtype=pl.Int32).to_numpy()
    return np.where(end == NEVER, NEVER, end + grace)


def fiscal_years(days: DayNumbers) -> NDArray[np.int32]:
    """Give the fiscal year of each day, 1 October to 30 September, named by its end; 0 for `NEVER`."""
    return _fiscal_year_table().take(days - number(FIRST_DAY), mode="clip")


@lru_cache(maxsize=1)
def _fiscal_year_table() -> NDArray[np.int32]:
    days = np.arange(number(FIRST_DAY), number(LAST_DAY) + 1000).astype("datetime64[D]")
    month = days.astype("datetime64[M]").astype(np.int64)  # 0 is January 1970
    return np.append((month + 3) // 12 + 1970, 0).astype(np.int32)


def severities(last: DayNumbers, end: DayNumbers, tolled: DayNumbers | None = None) -> NDArray[np.uint8]:
    """Sort overstays into the bins on which the bars to return depend [S10].

    Parameters
    ----------
    last, end : ndarray
        Shape (n,), int32, day numbers: the last lawful day, and the exit or the day of the snapshot, later.
    tolled : ndarray, optional
        Shape (n,), int32; days for which a timely filing was pending, of which up to 120 count, and only
        towards the bin ``over_180_days``.

    Returns
    -------
    ndarray
        Shape (n,), uint8; index into `SEVERITIES`, 1 to 3. Bins are counted per single stay, never summed. A
        year is a calendar year that begins on the day after the last lawful one.
    """
    counted = end - last
    if tolled is not None:
        counted = counted - np.minimum(tolled, TOLLED_DAYS)
    found = np.where(counted > 180, 2, 1).astype(np.uint8)
    found[end >= _year_table().take(last - number(FIRST_DAY), mode="clip")] = 3
    return found


@lru_cache(maxsize=1)
def _year_table() -> DayNumbers:
    """Give the last day of the calendar year that begins on the day after each day from `FIRST_DAY` on."""
    days = np.arange(number(FIRST_DAY), number(LAST_DAY) + 1000).astype("datetime64[D]")
    return last_day_of_months(days + np.timedelta64(1, "D"), 12).astype(np.int64).astype(np.int32)
