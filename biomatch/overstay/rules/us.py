"""The United States' rules of stay: last lawful day, status as of a date, days over, fiscal year.

One function on columns of dates, `assess`; a status uses only what had been received by its date, so the
same stays give a snapshot at the end of a fiscal year and, later, its restatement.

What decides, in this order: an exit in time (or within a granted satisfactory departure) is compliant; an
adjustment or a timely filing changed the status; a later exit is an out-of-country overstay; a second
arrival without an exit between infers the departure; until the last lawful day is over nothing is due;
what remains is a suspected in-country overstay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import TableError
from biomatch.overstay.rules.base import RuleSet, check_columns, check_day, refuse_disorder, refuse_outside
from biomatch.overstay.rules.us_classes import CLASSES, CODES, Admission
from biomatch.overstay.rules.us_days import (
    NEVER,
    SEVERITIES,
    DayNumbers,
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
    "extension_decision": pl.String,
    "extension_decided_on": pl.Date,
    "extended_until": pl.Date,
}
DECISIONS = ("granted", "denied", "pending")
"""What became of a filing."""
DECISIVE = (
    "exit",
    "exit_received_on",
    "admitted_until",
    "extension_filed_on",
    "adjusted_on",
    "satisfactory_departure_until",
    "next_entry",
)
"""Columns that decide on a stay which did not end in time."""
BLOCK_ROWS = 1 << 16
"""Stays judged at a time."""
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
        ``extension_decision``, ``extension_decided_on``, ``extended_until``
            What became of the filing (String, one of `DECISIONS`; null: pending), since when that is known
            (null: from the start), and the last lawful day of an extension that was granted. A granted one
            moves the last lawful day; without a day of its own, and while it is pending, the stay counts as
            changed; a denied one protects from its decision on as if nothing had been filed.
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
            Of an overstay, by its length; ``none`` in duration of status, where unlawful presence does not
            accrue without a formal finding [S10].
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
    day, last = number(on), last_lawful_days(stays, codes, rules.waiver_counts_entry)
    last, is_settled = _decided(stays, codes, last, day)
    years = np.empty(len(stays), dtype=np.int32)
    for part in _blocks(len(stays)):
        years[part] = fiscal_years(last[part])
    is_known = years != 0
    expected = is_known & (day_numbers(stays, "entry") <= day)
    if "mode" in stays.columns:
        expected &= ~(stays["mode"].cast(pl.String) == "land").fill_null(False).to_numpy()
    status = np.full(len(stays), COMPLIANT)
    days_over = np.zeros(len(stays), dtype=np.int32)
    severity, visa_void = np.zeros(len(stays), dtype=np.uint8), np.zeros(len(stays), dtype=np.bool_)
    others = np.flatnonzero(~_left_in_time(stays, last, day))
    decisive = stays.select(name for name in DECISIVE if name in stays.columns)
    for part in _blocks(len(others)):
        rows = others[part]
        judged = _judge(decisive[rows], codes[rows], (last[rows], is_settled[rows]), day, rules)
        status[rows], days_over[rows], severity[rows], visa_void[rows] = judged
    return pl.DataFrame(
        [
            _where(is_known, pl.Series("last_lawful_day", last).cast(pl.Date)),
            _named(status, STAY_STATUSES).alias("status"),
            pl.Series("days_over", days_over),
            _where(is_known, pl.Series("fiscal_year", years)),
            pl.Series("expected_departure", expected),
            _named(severity, SEVERITIES).alias("severity"),
            pl.Series("visa_void", visa_void),
        ]
    )


def _blocks(count: int) -> Iterator[slice]:
    """Cut so many rows into blocks whose columns stay within the processor's cache."""
    return (slice(low, low + BLOCK_ROWS) for low in range(0, count, BLOCK_ROWS))


def _where(is_known: NDArray[np.bool_], values: pl.Series) -> pl.Series:
    """Keep the values that are known; the others become null."""
    if is_known.all():
        return values
    return pl.select(pl.when(pl.Series(is_known)).then(values).alias(values.name)).to_series()


def _left_in_time(stays: pl.DataFrame, last: DayNumbers, on: int) -> NDArray[np.bool_]:
    """Say who left by the last lawful day: nearly everybody, and nothing else can overrule it."""
    exit_ = day_numbers(stays, "exit")
    received = np.broadcast_to(day_numbers(stays, "exit_received_on", missing=-NEVER), len(stays))
    in_time = np.empty(len(stays), dtype=np.bool_)
    for part in _blocks(len(stays)):
        # A missing exit is later than every day.
        in_time[part] = (exit_[part] <= np.minimum(last[part], on)) & (received[part] <= on)
    return in_time


def _decided(
    stays: pl.DataFrame, codes: NDArray[np.uint8], last: DayNumbers, on: int
) -> tuple[DayNumbers, NDArray[np.bool_]]:
    """Move last lawful days by extensions that were granted; say which filings are settled so or denied."""
    none = np.zeros(len(stays), dtype=np.bool_)
    if "extension_decision" not in stays.columns or stays.schema["extension_decision"] == pl.Null:
        return last, none
    decision = stays["extension_decision"]
    wrong = (~decision.is_in(DECISIONS)).fill_null(value=False)
    if wrong.any():
        row = int(wrong.arg_true()[0])
        raise TableError(
            f"row {row + 1}: extension_decision is {decision[row]!r}", allowed=", ".join(DECISIONS)
        )
    decided = np.broadcast_to(day_numbers(stays, "extension_decided_on", missing=-NEVER), len(stays))
    until = np.broadcast_to(day_numbers(stays, "extended_until", missing=-NEVER), len(stays))
    known = (decided <= on) & _MAY_FILE[codes]
    denied = known & (decision == "denied").fill_null(value=False).to_numpy()
    granted = known & (decision == "granted").fill_null(value=False).to_numpy() & (until != -NEVER)
    return np.where(granted & (last != NEVER), np.maximum(last, until), last), denied | granted


def _judge(
    stays: pl.DataFrame,
    code: NDArray[np.uint8],
    terms: tuple[DayNumbers, NDArray[np.bool_]],
    on: int,
    rules: UsRules,
) -> tuple[NDArray[np.uint8], DayNumbers, NDArray[np.uint8], NDArray[np.bool_]]:
    """Judge stays; dates are day numbers, `NEVER` what has not happened.

    Each reason that holds gives its place in `_OVERRULES`, and the last place of them decides: the module's
    second paragraph from its end. `terms` are last lawful days, and whether a filing has no more effect.
    Gives status, days over, severity and whether the visa is void.
    """
    last, is_settled = terms
    exit_ = day_numbers(stays, "exit")
    # It happened, and its record has arrived; without a day of receipt it came at once.
    is_gone = np.maximum(exit_, day_numbers(stays, "exit_received_on", missing=-NEVER)) <= on
    # What was not granted prolongs nothing: the earliest day, not the latest.
    granted = day_numbers(stays, "satisfactory_departure_until", missing=-NEVER)
    granted = np.minimum(granted, last + rules.satisfactory_departure_days)
    due = np.where(_IS_WAIVER[code], np.maximum(last, granted), last)
    is_timely = _MAY_FILE[code] & (day_numbers(stays, "extension_filed_on") <= np.minimum(last, on))
    is_timely &= ~is_settled
    is_adjusted = day_numbers(stays, "adjusted_on") <= np.where(is_gone, exit_, on)
    reasons = (
        due >= on,
        day_numbers(stays, "next_entry") <= on,
        is_gone,
        is_timely | is_adjusted,
        is_gone & (exit_ <= due),
    )
    place = np.zeros(last.shape, dtype=np.uint8)
    for rank, holds in enumerate(reasons, start=1):
        np.maximum(place, np.multiply(holds, rank, dtype=np.uint8), out=place)
    status = _OVERRULES[place]
    is_over = (status == IN_COUNTRY) | (status == OUT_OF_COUNTRY)
    end = np.where(is_gone, exit_, np.int32(on))
    is_dated = (day_numbers(stays, "admitted_until") != NEVER) | ~_HAS_STATUS[code]
    # Unlawful presence does not accrue in duration of status without a finding [S10].
    severity = np.where(is_over & is_dated, severities(last, end), np.uint8(0))
    return status, np.where(is_over, end - last, 0), severity, is_over & is_dated


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
