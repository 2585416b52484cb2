"""Arithmetic of the United States' rules: calendar months, the last lawful day, severity of an overstay."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from biomatch.errors import TableError
from biomatch.overstay.rules.us_classes import CLASSES, Admission

Days = NDArray[np.datetime64]
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


def last_lawful_days(
    table: pl.DataFrame, codes: NDArray[np.unsignedinteger], waiver_counts_entry: bool
) -> Days:
    """Give the last lawful day of every stay.

    Parameters
    ----------
    table : polars.DataFrame
        Columns ``entry``, ``admitted_until``, ``programme_end`` (Date), ``programme_ended`` (String).
    codes : ndarray
        Shape (n,), unsigned; index of each stay's class in `us_classes.CLASSES`.
    waiver_counts_entry : bool
        Whether the day of entry is the first of a period of days.

    Returns
    -------
    ndarray
        Shape (n,), datetime64[D]: the I-94 date where there is one; else the programme's end and grace, or
        the class's usual period; NaT for duration of status whose end is not known.

    Raises
    ------
    TableError
        For a class that needs a date and has none, or an unknown way in which a programme ended.
    """
    last = np.array(table["admitted_until"].to_numpy(), dtype="datetime64[D]")
    missing = table["admitted_until"].is_null().to_numpy()
    for code in np.flatnonzero(np.bincount(codes[missing], minlength=len(CLASSES))).tolist():
        kind = CLASSES[code]
        rows = np.flatnonzero(missing & (codes == code))
        entry = table["entry"].gather(rows).to_numpy().astype("datetime64[D]")
        if kind.admission is Admission.DATE:
            raise TableError(
                f"row {rows[0] + 1}: class {kind.code} without a date in admitted_until",
                allowed="the date on the I-94",
                remedy="give it: the class has no usual period from which it could be told",
            )
        if kind.admission is Admission.STATUS:
            end = table["programme_end"].gather(rows).to_numpy().astype("datetime64[D]")
            last[rows] = end + _grace(table["programme_ended"].gather(rows), rows, code)
        elif kind.months:
            last[rows] = last_day_of_months(entry, kind.months)
        else:
            last[rows] = entry + np.timedelta64(kind.days - int(waiver_counts_entry), "D")
    return last


def _grace(ended: pl.Series, rows: NDArray[np.int64], code: int) -> NDArray[np.timedelta64]:
    """Give the days after a programme's end: in full, shortened by a withdrawal, none after a termination."""
    kind = CLASSES[code]
    days = dict(zip(PROGRAMME_ENDS, (kind.grace_days, kind.withdrawn_days, 0), strict=True))
    known = ended.fill_null("completed")
    wrong = ~known.is_in(PROGRAMME_ENDS)
    if wrong.any():
        row = int(wrong.arg_true()[0])
        raise TableError(
            f"row {rows[row] + 1}: programme_ended is {known[row]!r}", allowed=", ".join(PROGRAMME_ENDS)
        )
    return known.replace_strict(days, return_dtype=pl.Int64).to_numpy().astype("timedelta64[D]")


def severity(
    last: pl.Series, end: pl.Series, days_over: pl.Series, tolled: pl.Series | None = None
) -> pl.Series:
    """Sort overstays into the bins on which the bars to return depend [S10].

    Parameters
    ----------
    last, end : polars.Series
        Date; the last lawful day, and the exit (or the day of the snapshot).
    days_over : polars.Series
        Integers; 0 where there is no overstay.
    tolled : polars.Series, optional
        Integers; days for which a timely filing was pending, of which up to 120 count, and only towards
        the bin ``over_180_days``.

    Returns
    -------
    polars.Series
        Enum of `SEVERITIES`, named ``severity``. Bins are counted per single stay, never summed. A year is
        a calendar year that begins on the day after the last lawful one.
    """
    over = days_over.to_numpy()
    found = np.zeros(len(over), dtype=np.uint8)
    late = np.flatnonzero(over > 0)
    found[late] = 1
    counted = over[late].astype(np.int64)
    if tolled is not None:
        counted -= np.minimum(tolled.fill_null(0).to_numpy()[late], TOLLED_DAYS)
    found[late[counted > 180]] = 2
    first = last.gather(late).to_numpy().astype("datetime64[D]") + np.timedelta64(1, "D")
    year = add_months(first, 12) - np.timedelta64(1, "D")
    found[late[end.gather(late).to_numpy().astype("datetime64[D]") >= year]] = 3
    names = np.array(SEVERITIES)
    return pl.Series(
        "severity",
        pl.Series(found).replace_strict(dict(enumerate(names.tolist())), return_dtype=pl.Enum(SEVERITIES)),
    )
