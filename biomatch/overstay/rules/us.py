"""The United States' rules of stay: last lawful day, status as of a date, days over, fiscal year.

One function on columns of dates, `assess`; a status uses only what had been received by its date, so the
same stays give a snapshot at the end of a fiscal year and, later, its restatement.

What decides, in this order: an exit in time (or within a granted satisfactory departure) is compliant; an
adjustment or a timely filing changed the status; a later exit is an out-of-country overstay; a second
arrival without an exit between infers the departure; until the last lawful day is over nothing is due;
what remains is a suspected in-country overstay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import TableError
from biomatch.overstay.rules.base import RuleSet, check_columns, check_day, refuse_disorder, refuse_outside
from biomatch.overstay.rules.us_classes import CLASSES, CODES, Admission
from biomatch.overstay.rules.us_days import (
    NEVER,
    SEVERITIES,
    day_numbers,
    fiscal_years,
    last_lawful_days,
    number,
    severities,
)
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
BLOCK_ROWS = 1 << 16
"""Stays judged at a time: what is computed from them stays within the processor's cache."""
COMPLIANT, NOT_YET_DUE, OUT_OF_COUNTRY, IN_COUNTRY, INFERRED, CHANGED = (
    np.uint8(STAY_STATUSES.index(name))
    for name in (
        "compliant",
        "not_yet_due",
        "out_of_country_overstay",
        "suspected_in_country_overstay",
        "departure_inferred",
        "status_changed",
    )
)
_OVERRULES = np.array([IN_COUNTRY, NOT_YET_DUE, INFERRED, OUT_OF_COUNTRY, CHANGED, COMPLIANT])
"""From the weakest reason to the strongest: what comes later overrules."""
_LATE_EXIT = 3
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
            What became of the stay as of `on`.
        ``days_over`` (Int32)
            Days after the last lawful day, to the exit or to `on`; 0 unless an overstay.
        ``fiscal_year`` (Int32)
            Of the last lawful day, 1 October to 30 September; null where that is null.
        ``expected_departure`` (Boolean)
            Whether the stay counts in the denominator of its fiscal year: it began by `on`, its last
            lawful day is known, and it was not by land.
        ``severity`` (Enum of `SEVERITIES`)
            Of an overstay, by its length.
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
    codes = _check(stays)
    # What is not known must not delay a departure, nor prolong a stay: the earliest day, not the latest.
    early = ("exit_received_on", "satisfactory_departure_until")
    columns: dict[str, NDArray[Any]] = {
        name: day_numbers(stays, name, missing=-NEVER if name in early else NEVER)
        for name in OPTIONAL
        if not name.startswith("programme")
    }
    columns |= {"class": codes, "entry": day_numbers(stays, "entry"), "exit": day_numbers(stays, "exit")}
    columns["last"] = last_lawful_days(stays, codes, rules.waiver_counts_entry)
    columns["by_land"] = np.asarray(False)
    if "mode" in stays.columns:
        columns["by_land"] = (stays["mode"].cast(pl.String) == "land").fill_null(False).to_numpy()
    kinds: dict[str, Any] = {"status": np.uint8, "days_over": np.int32, "fiscal_year": np.int32}
    kinds |= {"expected_departure": np.bool_, "severity": np.uint8, "visa_void": np.bool_}
    made = {name: np.empty(len(stays), dtype=kind) for name, kind in kinds.items()}
    for low in range(0, len(stays), BLOCK_ROWS):
        part = slice(low, low + BLOCK_ROWS)
        block = {name: column[part] if column.ndim else column for name, column in columns.items()}
        for name, found in _judge(block, number(on), rules).items():
            made[name][part] = found
    is_known = columns["last"] != NEVER
    return pl.DataFrame(
        [
            _where(is_known, pl.Series("last_lawful_day", columns["last"]).cast(pl.Date)),
            _named(made["status"], STAY_STATUSES).alias("status"),
            pl.Series("days_over", made["days_over"]),
            _where(is_known, pl.Series("fiscal_year", made["fiscal_year"])),
            pl.Series("expected_departure", made["expected_departure"]),
            _named(made["severity"], SEVERITIES).alias("severity"),
            pl.Series("visa_void", made["visa_void"]),
        ]
    )


def _where(is_known: NDArray[np.bool_], values: pl.Series) -> pl.Series:
    """Keep the values that are known; the others become null."""
    if is_known.all():
        return values
    return pl.select(pl.when(pl.Series(is_known)).then(values).alias(values.name)).to_series()


def _judge(stay: dict[str, NDArray[Any]], on: int, rules: UsRules) -> dict[str, NDArray[Any]]:
    """Judge a block of stays; dates are day numbers, `NEVER` what has not happened.

    Each reason that holds gives its place in `_OVERRULES`, and the last place of them decides: the module's
    second paragraph from its end. Whole columns see comparisons and sums of small numbers alone, which the
    processor does by the dozen; what is rare (a filing, an overstay) is looked at by itself.
    """
    last, exit_, code = stay["last"], stay["exit"], stay["class"]
    is_gone = np.maximum(exit_, stay["exit_received_on"]) <= on  # it happened, and its record has arrived
    due = _due(stay, rules)
    is_timely = np.asarray(stay["extension_filed_on"] <= np.minimum(last, on))
    filed = np.flatnonzero(is_timely)
    is_timely[filed] = _MAY_FILE[code[filed]]
    is_adjusted = (stay["adjusted_on"] <= on) & ~(is_gone & (stay["adjusted_on"] > exit_))
    place = np.zeros(last.shape, dtype=np.uint8)
    reasons = (
        due >= on,
        stay["next_entry"] <= on,
        is_gone,
        is_timely | is_adjusted,
        is_gone & (exit_ <= due),
    )
    for rank, holds in enumerate(reasons, start=1):
        np.maximum(place, np.multiply(holds, rank, dtype=np.uint8), out=place)

    late = np.flatnonzero((place == 0) | (place == _LATE_EXIT))
    end = np.where(is_gone[late], exit_[late], np.int32(on))
    days_over = np.zeros(last.shape, dtype=np.int32)
    severity, visa_void = np.zeros(last.shape, dtype=np.uint8), np.zeros(last.shape, dtype=np.bool_)
    days_over[late] = end - last[late]
    severity[late] = severities(last[late], end)
    is_dated = np.broadcast_to(stay["admitted_until"], last.shape)[late] != NEVER
    visa_void[late] = is_dated | ~_HAS_STATUS.take(code[late])
    return {
        "status": _OVERRULES.take(place),
        "days_over": days_over,
        "fiscal_year": fiscal_years(last),
        "expected_departure": (last != NEVER) & (stay["entry"] <= on) & ~stay["by_land"],
        "severity": severity,
        "visa_void": visa_void,
    }


def _due(stay: dict[str, NDArray[Any]], rules: UsRules) -> NDArray[np.int32]:
    """Give the day up to which a departure is in time: the last lawful day, or a later granted one."""
    last, granted = stay["last"], stay["satisfactory_departure_until"]
    if not granted.ndim:  # nothing was granted to anybody
        return last
    rows = np.flatnonzero(granted > last)
    rows = rows[_IS_WAIVER[stay["class"][rows]]]
    due: NDArray[np.int32] = last.copy() if len(rows) else last
    due[rows] = np.minimum(granted[rows], last[rows] + rules.satisfactory_departure_days)
    return due


def _check(stays: pl.DataFrame) -> NDArray[np.uint8]:
    """Check the stays; give the index of each one's class in `us_classes.CLASSES`."""
    check_columns(stays, NEEDED, {**OPTIONAL, "mode": None})
    refuse_disorder(stays)
    for name in ("entry", "exit", *OPTIONAL):
        if name in stays.columns and stays.schema[name] == pl.Date:
            refuse_outside(stays, name)
    codes = _class_index(stays["admission_class"])
    if len(codes) and codes.max() == len(CODES):
        unknown = int(np.argmax(codes))
        raise TableError(
            f"row {unknown + 1}: class {stays['admission_class'][unknown]!r} is unknown",
            allowed=", ".join(CODES),
            remedy="read other spellings with class_code(); leave residents out",
        )
    return codes


def _class_index(given: pl.Series) -> NDArray[np.uint8]:
    """Give each class's index in `us_classes.CLASSES`; their number for a class that is not among them."""
    if isinstance(given.dtype, pl.Enum):  # its few names are looked up, not each row's
        names = given.dtype.categories.to_list()
        index = np.array(
            [CODES.index(n) if n in CODES else len(CODES) for n in names] + [len(CODES)], np.uint8
        )
        physical = given.to_physical()
        return index.take((physical.fill_null(len(names)) if given.null_count() else physical).to_numpy())
    codes = given.cast(pl.String).cast(pl.Enum(CODES), strict=False)
    return codes.to_physical().fill_null(len(CODES)).to_numpy().astype(np.uint8)


def _named(codes: NDArray[np.uint8], names: Sequence[str]) -> pl.Series:
    return pl.Series(codes).cat.to(pl.Enum(names))
