"""Rule sets by name, as Python asks for them: those that ship and those that were registered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl

from biomatch.errors import TableError
from biomatch.overstay.rules import eu, us
from biomatch.overstay.rules.base import check_day
from biomatch.registry import RULES
from biomatch.tables.produced import STAY_STATUSES

Assess = Callable[[pl.DataFrame, date], pl.DataFrame]
GIVEN = ("last_lawful_day", "status", "days_over")
"""Columns that a registered rule set gives, a row a stay."""


def register_rules(name: str, assess: Assess, *, replace: bool = False) -> None:
    """Add a rule set of one's own; `stays` and ``stays.rules`` of a system take it.

    Parameters
    ----------
    name : str
        Its name.
    assess : callable
        ``assess(stays, on)`` takes a table of stays and a day, and gives a row a stay, in the same order,
        with ``last_lawful_day`` (Date), ``status`` (one of `biomatch.tables.produced.STAY_STATUSES`) and
        ``days_over`` (integer). It must use nothing that happened after the day.
    replace : bool
        Whether a rule set that was registered under this name may be replaced.

    Raises
    ------
    SettingsError
        For a name that is taken.

    Examples
    --------
    >>> def month(stays, on):
    ...     last = stays["entry"].dt.offset_by("29d")
    ...     over = (stays["exit"].fill_null(on) - last).dt.total_days().clip(lower_bound=0)
    ...     late = pl.Series(["suspected_in_country_overstay" if n else "not_yet_due" for n in over])
    ...     return pl.DataFrame({"last_lawful_day": last, "status": late, "days_over": over})
    >>> register_rules("a-month", month)
    >>> table = pl.DataFrame({"entry": [date(2024, 5, 1)], "exit": pl.Series([None], dtype=pl.Date)})
    >>> stays(table, "a-month", on=date(2024, 6, 1))["days_over"].to_list()
    [2]
    >>> RULES.remove("a-month")
    """
    RULES.add(name, assess, replace=replace)


def assess_by(name: str) -> Assess:
    """Give the function of a registered rule set, held to its contract.

    Raises
    ------
    SettingsError
        For a name that is not registered.
    """
    assess = RULES.get(name)

    def checked(stays: pl.DataFrame, on: date) -> pl.DataFrame:
        found = assess(stays, on)
        if not isinstance(found, pl.DataFrame) or set(GIVEN) - set(found.columns):
            raise TableError(f"the rules {name!r} gave no table of stays", allowed=", ".join(GIVEN))
        if found.height != stays.height:
            raise TableError(f"the rules {name!r} gave {found.height} rows for {stays.height} stays")
        unknown = sorted(set(found["status"].cast(pl.String).drop_nulls()) - set(STAY_STATUSES))
        if unknown:
            raise TableError(
                f"the rules {name!r} gave the status {unknown[0]!r}", allowed=", ".join(STAY_STATUSES)
            )
        return found.with_columns(pl.col("status").cast(pl.String).cast(pl.Enum(STAY_STATUSES)))

    return checked


def stays(table: pl.DataFrame, rules: str = "us", *, on: date) -> pl.DataFrame:
    """Judge a table of stays as of a day, by rules that ship or were registered.

    Parameters
    ----------
    table : polars.DataFrame
        A row a stay; columns as the rules want them (`biomatch.overstay.rules.us.assess`,
        `biomatch.overstay.rules.eu.assess`).
    rules : str
        ``"us"``, ``"eu"``, or a name given to `register_rules`.
    on : datetime.date
        The day of the check; what happened later is not used.

    Returns
    -------
    polars.DataFrame
        A row a stay (``"us"`` and registered rules) or a row a traveller (``"eu"``).

    Raises
    ------
    SettingsError
        For rules that there are not.
    TableError
        For a table that lacks a column or a row's sense; names the row.

    Examples
    --------
    >>> table = pl.DataFrame({
    ...     "admission_class": ["B2"], "entry": [date(2024, 1, 1)], "exit": pl.Series([None], dtype=pl.Date),
    ...     "admitted_until": [date(2024, 6, 30)]})
    >>> stays(table, "us", on=date(2024, 7, 10)).select("status", "days_over").row(0)
    ('suspected_in_country_overstay', 10)
    >>> trip = pl.DataFrame({"traveller": ["a"], "entry": [date(2024, 1, 1)], "exit": [date(2024, 1, 10)]})
    >>> stays(trip, "eu", on=date(2024, 2, 1)).select("used", "remaining").row(0)
    (10, 80)
    """
    if not isinstance(table, pl.DataFrame):
        raise TableError(f"a {type(table).__name__}", allowed="a polars.DataFrame of stays")
    check_day(on, "the day of the check")
    if rules == "us":
        return us.assess(table, on)
    if rules == "eu":
        return eu.assess(table, on)
    return assess_by(rules)(table, on)
