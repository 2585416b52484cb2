"""The United States' rules of stay: last lawful day, status as of a date, days over, fiscal year.

One function on columns of dates, `assess`; a status uses only what had been received by its date, so the
same stays give a snapshot at the end of a fiscal year and, later, its restatement.

What decides, in this order: an exit in time (or within a granted satisfactory departure) is compliant; an
adjustment or a timely filing changed the status; a later exit is an out-of-country overstay; a second
arrival without an exit between infers the departure; until the last lawful day is over nothing is due;
what remains is a suspected in-country overstay.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from biomatch.errors import TableError
from biomatch.overstay.rules.base import FIRST_DAY, LAST_DAY, RuleSet, check_columns, check_day, refuse_rows
from biomatch.overstay.rules.us_classes import CLASSES, CODES, Admission
from biomatch.overstay.rules.us_days import last_lawful_days, severity
from biomatch.tables.produced import STAY_STATUSES


@dataclass(frozen=True, kw_only=True)
class UsRules(RuleSet):
    """The rules of stay.

    Attributes
    ----------
    waiver_counts_entry : bool
        Whether the day of entry is the first of the waiver's 90 days (last day entry + 89) or not (+ 90).
        No source settles it; assumed true, as the day of admission counts in a period of months [S3].
    satisfactory_departure_days : int
        The most that may be granted after the last lawful day: 30 [S10].
    """

    waiver_counts_entry: bool = True
    satisfactory_departure_days: int = 30


RULES = UsRules(
    name="us-nonimmigrant-stay",
    version="1",
    effective=date(2014, 10, 1),  # first day of FY2015, the first year reported on these definitions [S9]
    sources=(
        "S1, S5, S8, S9: definitions of the entry/exit overstay reports",
        "S3, S4: the I-94 date is the last lawful day; months are calendar months",
        "S6, S13, S14: duration of status and grace",
        "S10: severity, tolling, satisfactory departure",
    ),
)

NEEDED = {"admission_class": None, "entry": pl.Date, "exit": pl.Date}
OPTIONAL = {
    "admitted_until": pl.Date,
    "programme_end": pl.Date,
    "programme_ended": pl.String,
    "extension_filed_on": pl.Date,
    "adjusted_on": pl.Date,
    "satisfactory_departure_until": pl.Date,
    "exit_received_on": pl.Date,
    "next_entry": pl.Date,
}
OVERSTAYS = ("out_of_country_overstay", "suspected_in_country_overstay")
_MAY_FILE = np.array([entry.may_extend for entry in CLASSES])
_IS_WAIVER = np.array([entry.is_waiver for entry in CLASSES])
_HAS_STATUS = np.array([entry.admission is Admission.STATUS for entry in CLASSES])


def assess(stays: pl.DataFrame, on: date, rules: UsRules = RULES) -> pl.DataFrame:
    """Judge every stay as of a date, with what had been received by then.

    Parameters
    ----------
    stays : polars.DataFrame
        One row a stay (an admission), in any order. Needed: ``admission_class`` (String or Enum of codes
        as in `us_classes.CODES`), ``entry``, ``exit`` (Date; null: none). Optional, all Date unless said:

        ``admitted_until``
            The I-94 date, inclusive. Null: duration of status, or the class's usual period.
        ``programme_end``
            For duration of status; ``programme_ended`` (String) says how: ``completed`` (or null),
            ``withdrawn`` (an authorised early withdrawal) or ``terminated``.
        ``extension_filed_on``
            Filing for an extension or change of status; timely up to the last lawful day. Without effect
            for classes that may not file (visa waiver, transit, crew).
        ``adjusted_on``
            Adjustment to permanent residence.
        ``satisfactory_departure_until``
            What was granted; visa waiver only, 30 days at most.
        ``exit_received_on``
            When the exit's record arrived; null: on the day of the exit.
        ``next_entry``
            The same traveller's next arrival.
        ``mode``
            ``land`` takes the stay out of the expected departures.
    on : datetime.date
        The date of the snapshot.
    rules : UsRules
        The rule set.

    Returns
    -------
    polars.DataFrame
        Row by row as `stays`:

        ``last_lawful_day`` (Date)
            Null: duration of status without a known end.
        ``status`` (Enum of `biomatch.tables.produced.STAY_STATUSES`)
        ``days_over`` (Int32)
            Days after the last lawful day, to the exit or to `on`; 0 unless an overstay.
        ``fiscal_year`` (Int32)
            Of the last lawful day, 1 October to 30 September; null where that is null.
        ``expected_departure`` (Boolean)
            Whether the stay counts in the denominator of its fiscal year: it began by `on`, its last
            lawful day is known, and it was not by land.
        ``severity`` (Enum of `SEVERITIES`)
        ``visa_void`` (Boolean)
            Any overstay of an admission with a date voids the visa [S3][S10].

    Raises
    ------
    TableError
        For a missing or mistyped column, an unknown class, an exit before its entry, or a class that
        needs ``admitted_until`` without one.

    Examples
    --------
    >>> stay = {"admission_class": ["B2"], "entry": [date(2007, 7, 15)], "exit": [date(2008, 1, 15)]}
    >>> assess(pl.DataFrame(stay), date(2008, 9, 30)).row(0)[:3]
    (datetime.date(2008, 1, 14), 'out_of_country_overstay', 1)
    """
    check_day(on, "the date of the snapshot")
    table = _complete(stays)
    codes = table["admission_class"].to_physical().to_numpy()
    table = table.with_columns(
        pl.Series("last", last_lawful_days(table, codes, rules.waiver_counts_entry)).cast(pl.Date),
        pl.Series("may_file", _MAY_FILE[codes]),
        pl.Series("is_waiver", _IS_WAIVER[codes]),
        pl.Series("has_status", _HAS_STATUS[codes]),
        _left(on),
    )
    table = table.with_columns(_status(on, rules).alias("status"))
    overstay = pl.col("status").is_in(OVERSTAYS)
    end = pl.col("left").fill_null(on)
    days_over = pl.when(overstay).then((end - pl.col("last")).dt.total_days()).otherwise(0).cast(pl.Int32)
    # 1 October begins the next fiscal year
    fiscal_year = pl.col("last").dt.year() + (pl.col("last").dt.month() >= 10).cast(pl.Int32)
    expected = pl.col("last").is_not_null() & (pl.col("entry") <= on) & ~_by_land(stays)
    found = table.select(
        pl.col("last").alias("last_lawful_day"),
        "status",
        days_over.alias("days_over"),
        fiscal_year.alias("fiscal_year"),
        expected.alias("expected_departure"),
        (overstay & (pl.col("admitted_until").is_not_null() | ~pl.col("has_status"))).alias("visa_void"),
        end.alias("end"),
    )
    bins = severity(found["last_lawful_day"], found["end"], found["days_over"])
    return found.select(pl.exclude("visa_void", "end"), bins, "visa_void")


def _complete(stays: pl.DataFrame) -> pl.DataFrame:
    """Check the stays; add the columns that they lack as nulls; classes become codes of `CODES`."""
    check_columns(stays, NEEDED, OPTIONAL)
    entry, exit_ = pl.col("entry"), pl.col("exit")
    refuse_rows(stays, entry.is_null(), "no entry date", "give the day of entry of each stay")
    refuse_rows(stays, exit_ < entry, "the exit is before the entry", "exchange or correct the two dates")
    outside = (entry < FIRST_DAY) | (entry > LAST_DAY) | (exit_ > LAST_DAY)
    refuse_rows(stays, outside, "a date is out of range", f"give dates from {FIRST_DAY} to {LAST_DAY}")
    given = stays["admission_class"].cast(pl.String)
    codes = given.cast(pl.Enum(CODES), strict=False)
    if codes.null_count():
        row = int(codes.is_null().arg_true()[0])
        raise TableError(
            f"row {row + 1}: class {given[row]!r} is unknown",
            allowed=", ".join(CODES),
            remedy="read other spellings with class_code(); leave residents out",
        )
    return stays.select(
        codes.alias("admission_class"),
        "entry",
        "exit",
        *(
            pl.col(name).cast(kind) if name in stays.columns else pl.lit(None, kind).alias(name)
            for name, kind in OPTIONAL.items()
        ),
    )


def _left(on: date) -> pl.Expr:
    """Give the day of the exit that was known by `on`: it had happened and its record had arrived."""
    received = pl.col("exit_received_on").fill_null(pl.col("exit"))
    return pl.when((pl.col("exit") <= on) & (received <= on)).then("exit").alias("left")


def _status(on: date, rules: UsRules) -> pl.Expr:
    """Give the status; the order of the branches is the order of the module's second paragraph."""
    last, left, filed = pl.col("last"), pl.col("left"), pl.col("extension_filed_on")
    asked = pl.col("satisfactory_departure_until")
    most = last + timedelta(days=rules.satisfactory_departure_days)
    granted = pl.when(asked > most).then(most).otherwise(asked)
    due = pl.when(pl.col("is_waiver") & (granted > last)).then(granted).otherwise(last)
    timely = pl.col("may_file") & (filed <= on) & (filed <= last).fill_null(True)
    adjusted = (pl.col("adjusted_on") <= on) & (pl.col("adjusted_on") <= left).fill_null(True)

    def status(name: str) -> pl.Expr:
        return pl.lit(name, dtype=pl.Enum(STAY_STATUSES))

    return (
        pl.when((left <= due) | (left.is_not_null() & last.is_null()))
        .then(status("compliant"))
        .when(timely | adjusted)
        .then(status("status_changed"))
        .when(left.is_not_null())
        .then(status("out_of_country_overstay"))
        .when(pl.col("next_entry") <= on)
        .then(status("departure_inferred"))
        .when((due >= on).fill_null(True))
        .then(status("not_yet_due"))
        .otherwise(status("suspected_in_country_overstay"))
    )


def _by_land(stays: pl.DataFrame) -> pl.Expr:
    if "mode" not in stays.columns:
        return pl.lit(False)
    return pl.lit((stays["mode"].cast(pl.String) == "land").fill_null(False))
