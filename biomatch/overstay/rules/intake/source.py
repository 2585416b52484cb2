"""A user's table as it stands: CSV, Parquet or a frame, with rows that are no rows set aside by number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from biomatch import files
from biomatch.errors import TableError
from biomatch.overstay.rules.intake import csvfile
from biomatch.overstay.rules.intake.faults import Faults

ROW = "__row"
"""Column that numbers the rows, the first after the header as 1."""


@dataclass(frozen=True, eq=False)
class Source:
    """A table as a user gave it.

    Attributes
    ----------
    name : str
        File's name, or what the frame is.
    frame : polars.DataFrame
        Its columns, and `ROW` (Int64). Text of CSV files is not interpreted.
    given : int
        Rows of the table, those that are no rows among them.
    """

    name: str
    frame: pl.DataFrame
    given: int


def load(given: Any, name: str, faults: Faults) -> Source:
    """Load a table.

    Parameters
    ----------
    given : path, polars.DataFrame or pandas.DataFrame
        A ``.csv`` or ``.parquet`` file, or a frame.
    name : str
        What a frame is called in messages; a file has its own name.
    faults : Faults
        Gets rows with too many or too few cells, or bytes that are no text.

    Raises
    ------
    TableError
        For what is no table at all.
    """
    if isinstance(given, (str, Path)):
        path = Path(given)
        if path.suffix.lower() in (".parquet", ".pq"):
            frame = _parquet(path)
        else:
            return _csv(path, faults)
        name = path.name
    elif isinstance(given, pl.LazyFrame):
        frame = given.collect()
    elif isinstance(given, pl.DataFrame):
        frame = given
    elif type(given).__module__.split(".")[0] == "pandas":
        frame = _from_pandas(given, name)
    else:
        raise TableError(
            f"{name} is a {type(given).__name__}",
            allowed="a path of a CSV or Parquet file, or a Polars or pandas frame",
        )
    if ROW in frame.columns:
        raise TableError(f"{name} has a column {ROW!r}", remedy="rename it")
    return Source(name, frame.with_columns(_numbers(len(frame))), len(frame))


def _numbers(count: int) -> pl.Series:
    return pl.int_range(1, count + 1, dtype=pl.Int64, eager=True).alias(ROW)


def _parquet(path: Path) -> pl.DataFrame:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise TableError(f"{path} {what}", allowed="a CSV or Parquet file")
    try:
        return files.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as fault:
        reason = str(fault).splitlines()[0]
        raise TableError(f"{path.name} is no readable Parquet file ({reason})") from None


def _from_pandas(given: Any, name: str) -> pl.DataFrame:
    try:
        columns = {}
        for column in given.columns:
            values = [None if value != value else value for value in given[column].tolist()]
            columns[str(column)] = pl.Series(str(column), values, strict=False)
        return pl.DataFrame(columns)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as fault:
        raise TableError(f"{name} cannot be read: {fault}", remedy="give a Polars frame or a file") from None


def _csv(path: Path, faults: Faults) -> Source:
    csvfile.check_kind(path, "a CSV or Parquet file")
    names = _header(path)
    try:
        quoted = csvfile.check_bytes(path)
        count = csvfile.check_cells(path, len(names), quoted=quoted)
    except TableError:
        return _csv_by_row(path, names, faults)
    try:
        frame = files.scan_csv(path, infer_schema=False, with_column_names=lambda _: list(names))
        table = frame.collect(engine="streaming")
    except pl.exceptions.PolarsError:
        return _csv_by_row(path, names, faults)
    if len(table) != count:
        return _csv_by_row(path, names, faults)
    blank = pl.all_horizontal(pl.all().str.strip_chars().fill_null("") == "")
    table = table.filter(~blank)
    return Source(path.name, table.with_columns(_numbers(len(table))), len(table))


def _header(path: Path) -> tuple[str, ...]:
    try:
        _, cells = next(csvfile.records(path, errors="surrogateescape"))
    except StopIteration:
        raise TableError(f"{path.name} is empty", allowed="a header and rows") from None
    names = tuple(cell.strip() for cell in cells)
    csvfile.check_commas(path, names)
    for place, name in enumerate(names):
        if not name:
            raise TableError(f"{path.name}: column {place + 1} has no name", remedy="name it or leave it out")
        if names.count(name) > 1:
            raise TableError(f"{path.name}: column {name!r} stands there twice", remedy="keep one of them")
        if name == ROW:
            raise TableError(f"{path.name} has a column {ROW!r}", remedy="rename it")
    return names


def _csv_by_row(path: Path, names: tuple[str, ...], faults: Faults) -> Source:
    """Read row by row, where something is wrong: rows without the header's number of cells are faults."""
    kept: list[list[str]] = []
    numbers: list[int] = []
    wrong: list[tuple[int, str, str]] = []
    row = 0
    records = csvfile.records(path, errors="surrogateescape")
    next(records)
    for line, cells in records:
        if not any(cell.strip() for cell in cells):
            continue
        row += 1
        shown = ",".join(cells)
        if len(cells) != len(names):
            wrong.append((row, shown, f"has {len(cells)} cells; the header has {len(names)} (line {line})"))
        elif not shown.isprintable() and any(
            "\udc80" <= letter <= "\udcff" or letter == "\0" for letter in shown
        ):
            wrong.append((row, shown, f"is not UTF-8 text (line {line})"))
        else:
            kept.append(cells)
            numbers.append(row)
    table = pl.DataFrame(
        list(zip(*kept, strict=True)) or [[] for _ in names], schema=dict.fromkeys(names, pl.String)
    ).with_columns(pl.Series(ROW, numbers, dtype=pl.Int64))
    rows, values, reasons = zip(*wrong, strict=True) if wrong else ((), (), ())
    clean = [value.encode("utf-8", "replace").decode("utf-8").replace("\0", "?") for value in values]
    faults.add(
        path.name,
        "",
        pl.Series(rows, dtype=pl.Int64),
        pl.Series(clean, dtype=pl.String),
        pl.Series(reasons, dtype=pl.String),
    )
    return Source(path.name, table, row)
