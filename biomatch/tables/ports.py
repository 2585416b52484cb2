"""The tables of a port: hours of arrivals, flights and rosters, from a user's CSV or an agency's export."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from biomatch.errors import TableError
from biomatch.paths import models_dir
from biomatch.tables.portfiles import (
    BANDS,
    Cells,
    column_names,
    count,
    dates,
    flag,
    hours_of_day,
    number,
    read_cells,
    times,
)
from biomatch.tables.schema import Schema

MOST_AN_HOUR = 100_000
"""Passengers of one hour: the busiest hour of 60 terminals has 5,600; more is a column mistaken."""
UNBALANCED = 0.005
"""Share of rows whose bands may disagree with the total: 0.1% do in the agency's own tables (measured)."""
WAITS = ("mean_wait", "max_wait", "us_mean_wait", "us_max_wait", "other_mean_wait", "other_max_wait")
HOURS = Schema(
    "port_hours",
    {
        "row": pl.Int64,  # of the source file's data rows, from 0
        "airport": pl.String,
        "terminal": pl.String,
        "date": pl.Date,
        "hour": pl.Int64,
        "passengers": pl.Float64,
        "flights": pl.Float64,
        "booths": pl.Float64,
        "visitor_share": pl.Float64,
        "gate_share": pl.Float64,
        **dict.fromkeys(WAITS, pl.Float64),
        **dict.fromkeys(BANDS, pl.Float64),
        "excluded": pl.Float64,
    },
    frozenset(
        (
            "airport",
            "terminal",
            "flights",
            "booths",
            "visitor_share",
            "gate_share",
            "excluded",
            *WAITS,
            *BANDS,
        )
    ),
    ("airport", "terminal", "date", "hour"),
)
FLIGHTS = Schema(
    "port_flights",
    {
        "gate_time": pl.Datetime("ms"),
        "passengers": pl.Float64,
        "visitor_share": pl.Float64,
        "gate_share": pl.Float64,
        "connecting_share": pl.Float64,
        "coached": pl.Boolean,
    },
    frozenset(("visitor_share", "gate_share", "connecting_share", "coached")),
)
ROSTER = Schema(
    "port_roster", {"begins": pl.Float64, "ends": pl.Float64, "lane": pl.String, "booths": pl.Int64}
)
BUILT_IN = {
    "ohare-week": "ohare-2018-2019.parquet",
    "cruise-day": "cruise-day.csv",
    "land-day": "land-day.csv",
    "boarding-day": "boarding-day.csv",
}


@dataclass(frozen=True)
class PortHours:
    """Traffic of a port by the hour.

    Attributes
    ----------
    frame : polars.DataFrame
        Schema ``HOURS``, by airport, terminal, date and hour; minutes for waits, people for counts.
    source : polars.DataFrame
        The file as it was read, text for text, for writing predictions beside it.
    notes : tuple of str
        What was left out, in words.
    """

    frame: pl.DataFrame
    source: pl.DataFrame
    notes: tuple[str, ...] = ()

    def between(self, first: object, last: object) -> pl.DataFrame:
        """Rows of the days from `first` to `last`, both included."""
        return self.frame.filter(pl.col("date").is_between(pl.lit(first), pl.lit(last)))

    def terminals(self) -> list[tuple[str, str]]:
        """Name the (airport, terminal) pairs of the file."""
        pairs = self.frame.select(pl.col("airport", "terminal").fill_null("")).unique().rows()
        return sorted((str(a), str(b)) for a, b in pairs)

    def only(self, airport: str | None, terminal: str | None) -> PortHours:
        """Keep the rows of one terminal.

        Raises
        ------
        TableError
            Where there are none, or still several.
        """
        frame = self.frame
        for name, value in (("airport", airport), ("terminal", terminal)):
            if value is not None:
                frame = frame.filter(pl.col(name) == value)
        kept = PortHours(frame, self.source, self.notes)
        if len(kept.terminals()) != 1:
            shown = "; ".join(f"{a} {b}".strip() for a, b in self.terminals()[:12])
            raise TableError(
                f"{len(kept.terminals())} terminals in the file",
                allowed="one hall at a time",
                remedy=f"name one with --airport and --terminal: {shown}",
            )
        return kept


def read_hours(path: str | Path | pl.DataFrame) -> PortHours:
    """Read hours of arrivals.

    Parameters
    ----------
    path : path or polars.DataFrame
        CSV (comma, semicolon or tab; with a title above the header or without), Parquet, or a frame. Columns
        of our own (``date, hour, passengers, flights, booths`` and, optionally, ``airport, terminal,
        visitor_share, gate_share, mean_wait, max_wait, n_0_15 ... n_over_120, excluded``) or an agency's:
        ``Airport, Terminal, Date, Hour, Average, Max, p015, ...``; ``all_avg_wait, all_n_0..15, ...``. Hours
        may be 13, 13:00 or ``1300 - 1400``. Others are carried.

    Returns
    -------
    PortHours

    Raises
    ------
    TableError
        For a missing column, an hour twice, numbers that cannot be, bands that do not add up.

    Examples
    --------
    >>> frame = pl.DataFrame({"Date": ["7/9/2018"], "Hour": ["1300 - 1400"], "Total": [420], "Booths": [9]})
    >>> read_hours(frame).frame.select("date", "hour", "passengers").row(0)
    (datetime.date(2018, 7, 9), 13, 420.0)
    """
    cells = read_cells(path)
    names = column_names(cells, ("date", "hour", "passengers"))
    values: dict[str, pl.Series] = {
        "row": pl.Series(range(cells.height), dtype=pl.Int64),
        "date": dates(cells, names["date"]),
        "hour": hours_of_day(cells, names["hour"]),
    }
    for name in ("airport", "terminal"):
        values[name] = (
            cells.text(names[name]) if name in names else pl.Series([None] * cells.height, dtype=pl.String)
        )
    for name in ("passengers", "flights", "booths", "excluded", *BANDS):
        values[name] = count(cells, names.get(name), MOST_AN_HOUR)
    for name in WAITS:
        values[name] = number(cells, names.get(name), 0.0, 24 * 60.0)
    for name in ("visitor_share", "gate_share"):
        values[name] = number(cells, names.get(name), 0.0, 1.0)
    frame = pl.DataFrame(values).select(list(HOURS.columns))
    notes = list(cells.notes)
    empty = frame["passengers"].is_null() | (frame["passengers"] == 0)
    if empty.any():
        notes.append(f"{int(empty.sum()):,} rows without passengers are left out")
        frame = frame.filter(~empty)
    if frame.is_empty():
        raise TableError(f"{cells.where} has no hour with passengers", remedy="give at least one")
    _no_hour_twice(frame, cells)
    frame, unbalanced = _balanced(frame, cells)
    notes += unbalanced
    return PortHours(
        HOURS.check(frame).sort("airport", "terminal", "date", "hour"), cells.frame, tuple(notes)
    )


def _no_hour_twice(frame: pl.DataFrame, cells: Cells) -> None:
    key = ["airport", "terminal", "date", "hour"]
    twice = frame.filter(pl.struct(key).is_duplicated())
    if len(twice):
        row = twice.row(0, named=True)
        raise TableError(
            f"{cells.where} has {row['date']} hour {row['hour']} twice",
            allowed="one row an hour of each terminal",
            remedy="name a terminal column, or add the rows together (where the clock went back, both hours)",
        )


def _balanced(frame: pl.DataFrame, cells: Cells) -> tuple[pl.DataFrame, list[str]]:
    """Check that the bands add up to the passengers; forget those of the few rows where they do not."""
    have = [name for name in BANDS if frame[name].null_count() < len(frame)]
    if not have:
        return frame, []
    if len(have) < len(BANDS):
        lost = ", ".join(name for name in BANDS if name not in have)
        raise TableError(
            f"{cells.where} has wait bands, but not {lost}", remedy="give all seven bands, or none"
        )
    total = pl.sum_horizontal(BANDS, ignore_nulls=False) + pl.col("excluded").fill_null(0)
    # Without a column of excluded people the bands may hold fewer than came, never more.
    gap = total - pl.col("passengers")
    wrong = gap != 0 if frame["excluded"].null_count() < len(frame) else gap > 0
    bad = frame.with_columns(total.alias("sum")).filter(wrong)
    if len(bad) > UNBALANCED * len(frame):
        row = bad.row(0, named=True)
        raise TableError(
            f"{len(bad):,} of {len(frame):,} rows have wait bands that do not add up "
            f"(first: {row['date']} hour {row['hour']}: bands and excluded {row['sum']:g}, "
            f"passengers {row['passengers']:g})",
            allowed=f"bands + excluded = passengers in all but {UNBALANCED:.1%} of rows",
            remedy="mend those rows, or leave the bands out",
        )
    if bad.is_empty():
        return frame, []
    cleared = [pl.when(wrong).then(None).otherwise(pl.col(name)).alias(name) for name in BANDS]
    return frame.with_columns(cleared), [
        f"the wait bands of {len(bad):,} rows do not add up and are not used"
    ]


def read_flights(path: str | Path | pl.DataFrame) -> pl.DataFrame:
    """Read flights (or ships, coaches): one row each.

    Parameters
    ----------
    path : path or polars.DataFrame
        Columns ``gate_time`` (ISO; local without an offset, or all with one and the same offset) and
        ``passengers``; optionally ``visitor_share, gate_share, connecting_share, coached``.

    Returns
    -------
    polars.DataFrame
        Schema ``FLIGHTS``, in the order of time.

    Raises
    ------
    TableError
        Among others for times whose offsets change inside the file (a clock change).
    """
    cells = read_cells(path)
    names = column_names(cells, ("gate_time", "passengers"))
    frame = pl.DataFrame(
        {
            "gate_time": times(cells, names["gate_time"]),
            "passengers": count(cells, names["passengers"], MOST_AN_HOUR),
            **{
                name: number(cells, names.get(name), 0.0, 1.0)
                for name in ("visitor_share", "gate_share", "connecting_share")
            },
            "coached": flag(cells, names.get("coached")),
        }
    )
    frame = frame.filter(pl.col("passengers").fill_null(0) > 0)
    if frame.is_empty():
        raise TableError(f"{cells.where} has no flight with passengers", remedy="give at least one")
    return FLIGHTS.check(frame).sort("gate_time", maintain_order=True)


def read_roster(path: str | Path | pl.DataFrame) -> pl.DataFrame:
    """Read a roster: how many booths of a lane are open from when to when.

    Parameters
    ----------
    path : path or polars.DataFrame
        Columns ``from, to, lane, booths``. Times of day (``06:00``, ``24:00``: every day) or hours after the
        first midnight as numbers (``30`` is 06:00 of the second day).

    Returns
    -------
    polars.DataFrame
        Schema ``ROSTER``: hours. A row of times of day that ends before it begins goes over midnight.
    """
    cells = read_cells(path)
    names = column_names(cells, ("from", "to", "lane", "booths"))
    rows = []
    texts = [cells.text(names[name]).to_list() for name in ("from", "to", "lane")]
    booths = count(cells, names["booths"], 2000).to_list()
    for at, (begins, ends, lane, number_) in enumerate(zip(*texts, booths, strict=True)):
        if lane is None or number_ is None:
            raise TableError(f"row {at + 1} of {cells.where} has no lane or no booths", remedy="fill it in")
        low, high = _clock(begins, at, cells), _clock(ends, at, cells)
        if low == high or (high < low and high > 24):
            raise TableError(
                f"row {at + 1} of {cells.where}: from {begins} to {ends}", allowed="from before to"
            )
        rows.append({"begins": low, "ends": high, "lane": lane, "booths": int(number_)})
    if not any(row["booths"] for row in rows):
        raise TableError(f"{cells.where}: no booth ever open", remedy="open at least one booth in one row")
    return ROSTER.frame(pl.DataFrame(rows).to_dict(as_series=False))


def _clock(text: str | None, at: int, cells: Cells) -> float:
    found = re.fullmatch(r"(\d{1,2}):(\d{2})(?::\d{2})?", text or "")
    if found:
        hours = int(found[1]) + int(found[2]) / 60.0
        if hours <= 24 and int(found[2]) < 60:
            return hours
    try:
        value = float(text or "")
    except ValueError:
        value = -1.0
    if not 0 <= value <= 24 * 3660:
        raise TableError(
            f"row {at + 1} of {cells.where}: time {text!r}",
            allowed="06:00, or hours after the first midnight",
        )
    return value


def built_in(name: str) -> tuple[PortHours | None, pl.DataFrame | None]:
    """Read the traffic of a built-in port: hours or flights."""
    if name not in BUILT_IN:
        raise TableError(f"unknown traffic {name!r}", allowed=", ".join(sorted(BUILT_IN)))
    path = models_dir() / "ports" / BUILT_IN[name]
    if name == "ohare-week":
        inside = pl.col("date").is_between(date(2018, 7, 9), date(2018, 7, 15))
        return read_hours(pl.read_parquet(path).filter(inside)), None
    if name == "land-day":
        return read_hours(path), None
    return None, read_flights(path)


def sample_hours() -> Mapping[str, PortHours]:
    """Read the measured hours that ship with the package, by name."""
    return {"ohare": read_hours(models_dir() / "ports" / BUILT_IN["ohare-week"])}
