"""The door of ``stays``: a file's cells as text, dates read, and every fault kept with its row.

Where rejects are asked for, rows with a fault are set aside and the others go on; else the first fault is
the refusal, with four more named and the rest counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from biomatch import files
from biomatch.errors import TableError
from biomatch.overstay.rules.base import FIRST_DAY, LAST_DAY
from biomatch.overstay.rules.intake import csvfile
from biomatch.overstay.rules.intake.csvfile import CsvFile
from biomatch.overstay.rules.intake.faults import FAULT_COLUMNS, FIRST, Faults, sentence
from biomatch.overstay.rules.intake.source import ROW, load

ISO = "an ISO date such as 2026-03-31"


@dataclass(frozen=True)
class Stays:
    """Stays as a user's file gives them.

    Attributes
    ----------
    frame : polars.DataFrame
        The columns that `eu.assess` or `us.assess` takes, with ``traveller``; rows as in the file.
    notes : tuple of str
        What was read in a way that its user may want to know.
    rejects : polars.DataFrame
        Faults of the rows that were set aside: columns `FAULT_COLUMNS`.
    given : int
        Rows of the file: those of `frame` and those that were set aside.
    """

    frame: pl.DataFrame
    notes: tuple[str, ...]
    rejects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FAULT_COLUMNS))
    given: int = 0


Making = Callable[[int], TableError]
"""Makes the message for a row (0 is the first of the file that is not blank)."""


@dataclass(eq=False)
class Intake:
    """Rows of a file on their way in.

    Attributes
    ----------
    file : CsvFile
        The file; it finds lines again for messages.
    frame : polars.DataFrame
        Its cells, trimmed, empty ones null; named columns as dates; `ROW`.
    given : int
        Rows of the file, blank lines left out.
    bad : polars.Series
        Boolean: the row has a fault.
    """

    file: CsvFile
    frame: pl.DataFrame
    given: int
    faults: Faults
    first: TableError | None = None
    bad: pl.Series = field(init=False)

    def __post_init__(self) -> None:
        self.bad = pl.repeat(False, len(self.frame), dtype=pl.Boolean, eager=True)

    def wrong(self, mask: pl.Series, column: str, reason: str | pl.Series, make: Making) -> None:
        """Record a fault where `mask` holds, in rows that have none yet.

        Parameters
        ----------
        mask : polars.Series
            Boolean, a row each; null: no fault.
        column : str
            Where; empty: the row as a whole.
        reason : str or polars.Series
            Why.
        make : callable
            Makes the refusal for the first such row.
        """
        fresh = mask.fill_null(value=False) & ~self.bad
        rows = fresh.arg_true()
        if not len(rows):
            return
        numbers = self.frame[ROW].gather(rows)
        if self.first is None:
            self.first = make(int(numbers[0]) - 1)
        values = pl.Series([None], dtype=pl.String).new_from_index(0, len(rows))
        if column:
            raw = f"raw {column}" if f"raw {column}" in self.frame.columns else column
            values = self.frame[raw].gather(rows).cast(pl.String)
        reasons = (
            pl.Series([reason], dtype=pl.String).new_from_index(0, len(rows))
            if isinstance(reason, str)
            else reason.gather(rows)
        )
        self.faults.add(self.file.path.name, column, numbers, values, reasons)
        self.bad = self.bad | fresh

    def keep(self) -> None:
        """Set the rows with faults aside."""
        if self.bad.any():
            self.frame = self.frame.filter(~self.bad)
            self.bad = pl.repeat(False, len(self.frame), dtype=pl.Boolean, eager=True)

    def finish(self, *, reject: bool) -> None:
        """Refuse the file for its faults, unless they are to be listed.

        Raises
        ------
        TableError
            The first fault as found; of several, up to five are named and the rest counted.
        """
        table = self.faults.table()
        if reject or self.first is None or table.is_empty():
            return
        if len(table) == 1:
            raise self.first
        first = self.first
        named = re.search(r"row ([\d,]+) ", first.given)
        row = int(named[1].replace(",", "")) if named else int(table["row"][0])
        others = [one for one in table.iter_rows(named=True) if one["row"] != row]
        said = [first.given, *(sentence(one) for one in others[: FIRST - 1])]
        rest = len(others) - (len(said) - 1)
        more = f"; and {rest:,} more fault{'' if rest == 1 else 's'}" if rest > 0 else ""
        remedy = "; ".join(filter(None, [first.remedy, "or give --rejects FILE to judge the other rows"]))
        raise TableError("; ".join(said) + more, allowed=first.allowed, remedy=remedy)

    def refuse(self, wrong: pl.Expr, name: str, allowed: str) -> None:
        """Record cells of a column that are not among what is allowed."""

        def make(row: int) -> TableError:
            text = self.file.locate(row)[1].get(name, "").strip()
            return self.file.fault(row, f"{name} {text!r}" if text else f"{name} is empty", allowed=allowed)

        self.wrong(self.frame.select(wrong).to_series(), name, f"is not {allowed}", make)


def take_in(
    path: Path,
    needed: Sequence[str],
    optional: Sequence[str],
    dates: Sequence[str],
    *,
    exit_only: bool = False,
) -> Intake:
    """Read a file: its shape, its cells, its dates, who and when.

    Parameters
    ----------
    path : pathlib.Path
        CSV.
    needed, optional : sequence of str
        Its columns.
    dates : sequence of str
        Those of dates (columns that the file lacks are passed over).
    exit_only : bool
        Whether a row may have an exit and no entry.
    """
    faults = Faults()
    shape: TableError | None = None
    try:
        file = csvfile.check(path, needed, optional)
        cells = _whole(file)
    except csvfile.RowError as fault:
        shape = fault
        columns = csvfile.header(path, needed, optional)
        source = load(path, path.name, faults)
        if not faults.parts:
            raise
        file = CsvFile(path, columns, source.given)
        names = [name for name in source.frame.columns if name != ROW]
        cells = source.frame.rename(dict(zip(names, columns, strict=True)))
        given = source.given
    else:
        given = len(cells)
    present = [name for name in dates if name in file.columns]
    text = [pl.col(name).str.strip_chars() for name in file.columns]
    cells = cells.with_columns(pl.when(cell.str.len_bytes() > 0).then(cell).name.keep() for cell in text)
    wrong = [(pl.col(n).is_not_null() & day(n).is_null()).any().alias(n) for n in present]
    faulty = [n for n, any_ in cells.select(wrong).row(0, named=True).items() if any_] if present else []
    frame = cells.with_columns(
        *(pl.col(name).alias(f"raw {name}") for name in faulty), *(day(name).alias(name) for name in present)
    )
    intake = Intake(file, frame, given, faults, shape)
    for name in present:
        if name in faulty:
            mask = (frame[f"raw {name}"].is_not_null()) & frame[name].is_null()
            intake.wrong(mask, name, f"is no day of the calendar: {ISO}", _wrong_date_maker(file, name))
    _who_and_when(intake, exit_only=exit_only)
    return intake


def _whole(file: CsvFile) -> pl.DataFrame:
    """Read the cells of a file whose shape is in order; blank lines are left out."""
    lines = files.scan_csv(file.path, infer_schema=False, with_column_names=lambda _: list(file.columns))
    try:
        frame = lines.collect(engine="streaming")
    except pl.exceptions.PolarsError as wrong:
        raise TableError(f"{file.path.name} cannot be read: {str(wrong).splitlines()[0]}") from None
    if len(frame) != file.line_count:
        raise TableError(
            f"{file.path.name} has {file.line_count:,} lines after the header; {len(frame):,} were read",
            allowed='cells quoted as "...", with quotes inside doubled',
        )
    traveller = "traveller" if "traveller" in frame.columns else frame.columns[0]
    if frame[traveller].str.strip_chars().replace("", None).null_count():
        frame = frame.filter(~pl.all_horizontal(pl.all().str.strip_chars().fill_null("") == ""))
    return frame.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ROW))


def day(name: str) -> pl.Expr:
    """Read a column as dates: exactly ``YYYY-MM-DD``, within the days that can be; else null."""
    cell = pl.col(name)
    found = cell.str.to_date("%Y-%m-%d", strict=False)
    return pl.when((cell.str.len_bytes() == 10) & found.is_between(FIRST_DAY, LAST_DAY)).then(found)


def _wrong_date_maker(file: CsvFile, name: str) -> Making:
    return lambda row: wrong_date(file, row, name)


def wrong_date(file: CsvFile, row: int, name: str) -> TableError:
    """Say what is wrong with a date, and what to do."""
    text = file.locate(row)[1].get(name, "").strip()
    remedy = "give it as year-month-day"
    if re.match(r"\d{4}-\d{2}-\d{2}[T ]\d", text):
        zone = re.search(r"(Z|[+-]\d{2}:?\d{2})$", text[10:])
        what = "is a time" + (" with a time zone" if zone else "")
        remedy = "give the calendar date at the border: another zone can have another day"
    elif re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        inside = FIRST_DAY.isoformat() <= text <= LAST_DAY.isoformat()
        what = "is no day of the calendar" if inside else f"is not between {FIRST_DAY} and {LAST_DAY}"
        remedy = "correct it; someone who is still inside has no exit at all"
    else:
        what = "is no ISO date"
    return file.fault(row, f"{name} {text!r} {what}", allowed=ISO, remedy=remedy)


def _who_and_when(intake: Intake, *, exit_only: bool) -> None:
    intake.refuse(pl.col("traveller").is_null(), "traveller", "a name or number of the traveller")
    missing = pl.col("entry").is_null()
    intake.refuse(missing & pl.col("exit").is_null() if exit_only else missing, "entry", ISO)
    frame, file = intake.frame, intake.file

    def make(row: int) -> TableError:
        at = int((frame[ROW] == row + 1).arg_max() or 0)
        return file.fault(
            row,
            f"the exit {frame['exit'][at]} is before the entry {frame['entry'][at]}",
            remedy="exchange or correct the two dates",
        )

    intake.wrong(frame["exit"] < frame["entry"], "exit", "is before the entry", make)
