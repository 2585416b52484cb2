"""What both jurisdictions share: a dated rule set, and the checks at a rule's door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from biomatch.errors import TableError, closest

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
"""Days outside are taken for keying errors (0202-01-01) or for stand-ins of an empty cell (9999-12-31)."""


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """A set of rules, named, versioned and dated.

    Attributes
    ----------
    name : str
        Jurisdiction and subject, for example ``"eu-short-stay"``.
    version : str
        Changes whenever a result could.
    effective : datetime.date
        First day on which these rules were in force, as far as the sources tell.
    sources : tuple of str
        Where each rule was read.
    """

    name: str
    version: str
    effective: date
    sources: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Name the rules, as every result of ``biomatch stays`` does."""
        return {"name": self.name, "version": self.version, "effective": self.effective.isoformat()}


def check_columns(frame: pl.DataFrame, needed: Mapping[str, Any], optional: Mapping[str, Any]) -> None:
    """Refuse a frame that lacks a column or has one of another type.

    Parameters
    ----------
    frame : polars.DataFrame
        A table of stays; columns beyond the named ones are left alone.
    needed, optional : mapping of str to polars data type
        Column and type; a null column (no value at all) passes for an optional one.

    Raises
    ------
    TableError
        Naming the column, what it holds, and what it must hold.
    """
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise TableError(f"the stays lack the column {missing[0]!r}", allowed=", ".join([*needed, *optional]))
    for name, kind in {**needed, **optional}.items():
        if name not in frame.columns or kind is None:
            continue
        given = frame.schema[name]
        if given != kind and not (given == pl.Null and name in optional):
            raise TableError(f"column {name!r} of the stays is {given}", allowed=str(kind))


def refuse_rows(frame: pl.DataFrame, wrong: pl.Expr, why: str, remedy: str) -> None:
    """Refuse a frame in which `wrong` holds for a row, naming the first one (counted from 1)."""
    found = frame.select(wrong.fill_null(False).arg_true().head(1)).to_series()
    if len(found):
        raise TableError(f"row {found[0] + 1}: {why}", remedy=remedy)


def refuse_outside(frame: pl.DataFrame, name: str) -> None:
    """Refuse a frame with a date outside `FIRST_DAY` to `LAST_DAY`; its row is looked for only then."""
    column = frame[name]
    least, most = column.min(), column.max()
    if isinstance(least, date) and isinstance(most, date) and (least < FIRST_DAY or most > LAST_DAY):
        outside = ~pl.col(name).is_between(FIRST_DAY, LAST_DAY)
        refuse_rows(frame, outside, f"{name} is out of range", f"give dates from {FIRST_DAY} to {LAST_DAY}")


def refuse_disorder(frame: pl.DataFrame) -> None:
    """Refuse a frame with a stay that has no entry, or whose exit is before it."""
    entry, exit_ = frame["entry"], frame["exit"]
    if entry.null_count():
        refuse_rows(frame, pl.col("entry").is_null(), "no entry date", "give the first day of each stay")
    if (exit_ < entry).any():
        wrong = pl.col("exit") < pl.col("entry")
        refuse_rows(frame, wrong, "the exit is before the entry", "exchange or correct the two dates")


def check_day(day: date, name: str) -> date:
    """Refuse a day that no border of our time can have recorded."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise TableError(f"{name} is {day}", allowed=f"{FIRST_DAY} to {LAST_DAY}")
    return day


def counted(count: int, noun: str) -> str:
    """Give a number with its noun.

    Examples
    --------
    >>> counted(1, "row"), counted(1_200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def nearest(name: str, known: list[str]) -> str:
    """Say which known name is meant, as half a sentence; empty where none is near."""
    close = closest(name, known)
    return f"did you mean {close!r}?" if close else ""
