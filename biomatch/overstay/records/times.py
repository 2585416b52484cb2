"""Dates and times of crossings: a day at the port, and a moment to order records by.

A cell holds a date, a time by the port's clock, or a time with its offset from UTC. Whatever it holds, the
day is the one at the port: of the written clock, or of the port's time zone where that is known. Moments
order records; where only a date is known they are made so that a document's entries and exits alternate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from biomatch.errors import SettingsError
from biomatch.overstay.rules.base import FIRST_DAY, LAST_DAY
from biomatch.portable.types import Ints
from biomatch.tables.schema import Time
from biomatch.tables.zones import check_zone, local_times, utc_times

EVERY_PORT = "*"
_CLOCK = (
    r"^(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*"
    r"(?:([Zz])|([+-])(\d{2}):?(\d{2}))?$"
)
FIRST_HOUR, LAST_HOUR = 8, 20
"""Of a day of which nothing more is known entries are taken to come at 8 and exits to leave at 20."""


@dataclass(frozen=True, eq=False)
class Clock:
    """What cells say about time; shape (n,) each.

    Attributes
    ----------
    day : polars.Series
        Date as written; null: the cell is empty or cannot be read.
    clock : polars.Series
        `Time` as written, without an offset; null where only a date is known.
    offset : polars.Series
        Minutes east of UTC (Int64); null where none is given.
    wrong : polars.Series
        Why the cell cannot be read; null where it can, or is empty.
    """

    day: pl.Series
    clock: pl.Series
    offset: pl.Series
    wrong: pl.Series


def parse_zones(given: Sequence[str] | Mapping[str, str] | None) -> dict[str, str]:
    """Read time zones of ports: ``LAX=America/Los_Angeles``, or one zone for every port.

    Raises
    ------
    SettingsError
        For an unknown zone.

    Examples
    --------
    >>> parse_zones(["LAX=America/Los_Angeles", "Europe/Lisbon"])
    {'LAX': 'America/Los_Angeles', '*': 'Europe/Lisbon'}
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {str(port): check_zone(str(zone)) for port, zone in given.items()}
    found: dict[str, str] = {}
    for text in given:
        port, mark, zone = text.partition("=")
        if mark and not (port.strip() and zone.strip()):
            raise SettingsError(f"--zone {text!r}", allowed="PORT=ZONE, such as LAX=America/Los_Angeles")
        key = port.strip() if mark else EVERY_PORT
        if key in found:
            raise SettingsError(f"--zone gives {key!r} twice", remedy="give each port one zone")
        found[key] = check_zone((zone if mark else port).strip())
    return found


def read_clock(cells: pl.Series) -> Clock:
    """Read a column of dates or times."""
    kind = cells.dtype
    count = len(cells)
    minutes = pl.Series([None], dtype=pl.Int64).new_from_index(0, count)
    if kind == pl.Date:
        day = _within(cells)
        clock = pl.Series([None], dtype=Time).new_from_index(0, count)
        return Clock(day, clock, minutes, _told(cells, day))
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is not None:
            clock = cells.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(Time)
            minutes = clock.is_not_null().cast(pl.Int64) * 0
        else:
            clock = cells.cast(Time)
        day = _within(clock.dt.date())
        return Clock(day, clock, minutes, _told(cells, day))
    return _read_text(cells.cast(pl.String).str.strip_chars())


def _within(days: pl.Series) -> pl.Series:
    inside = days.is_between(pl.Series([FIRST_DAY]), pl.Series([LAST_DAY]))
    return pl.select(pl.when(inside).then(days)).to_series()


def _told(cells: pl.Series, day: pl.Series) -> pl.Series:
    wrong = cells.is_not_null() & day.is_null()
    text = pl.lit(f"is not between {FIRST_DAY} and {LAST_DAY}")
    return pl.select(pl.when(wrong).then(text)).to_series()


def _read_text(text: pl.Series) -> Clock:
    t = pl.col("t")
    part = t.str.extract_groups(_CLOCK)
    names = ("date", "hour", "minute", "second", "fraction", "zulu", "sign", "off_hour", "off_minute")
    only_date = t.str.len_bytes() == 10
    frame = (
        text.to_frame("t")
        .with_columns(pl.when(t != "").then(t).alias("t"))
        .with_columns(
            part.struct.rename_fields(list(names)).alias("p"),
            only=only_date,
            plain=pl.when(only_date).then(t),
        )
        .unnest("p")
        .with_columns(
            day=pl.coalesce("date", "plain").str.to_date("%Y-%m-%d", strict=False),
            hour=pl.col("hour").cast(pl.Int64),
            minute=pl.col("minute").cast(pl.Int64),
            second=pl.col("second").cast(pl.Int64).fill_null(0),
            milli=pl.col("fraction").str.slice(0, 3).str.pad_end(3, "0").cast(pl.Int64).fill_null(0),
            shift=(pl.col("off_hour").cast(pl.Int64) * 60 + pl.col("off_minute").cast(pl.Int64))
            * pl.when(pl.col("sign") == "-").then(-1).otherwise(1),
        )
        .with_columns(
            day=pl.when(pl.col("day").is_between(FIRST_DAY, LAST_DAY)).then("day"),
            offset=pl.when(pl.col("zulu").is_not_null()).then(0).otherwise("shift"),
            sound=(pl.col("hour") < 24)
            & (pl.col("minute") < 60)
            & (pl.col("second") < 60)
            & (pl.col("shift").fill_null(0).abs() <= 14 * 60),
        )
        .with_columns(
            clock=(
                pl.col("day").cast(Time)
                + pl.duration(
                    hours="hour", minutes="minute", seconds="second", milliseconds="milli", time_unit="ms"
                )
            ).cast(Time),
            wrong=pl.when(t.is_null() | (pl.col("day").is_not_null() & pl.col("sound").fill_null(value=True)))
            .then(None)
            .when(t.str.contains(r"^\d{4}-\d{2}-\d{2}"))
            .then(pl.lit("is no day and time of the calendar between 1900 and 2199"))
            .otherwise(
                pl.lit("is no ISO date or time (2026-03-31, 2026-03-31T20:30, 2026-03-31T20:30-07:00)")
            ),
        )
    )
    bad = frame["wrong"].is_not_null()
    frame = frame.with_columns(pl.when(~bad).then(pl.col("day", "clock", "offset")).name.keep())
    return Clock(frame["day"], frame["clock"], frame["offset"], frame["wrong"])


def read_day(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Read a column of days; a time of day is left out. Gives the days, and why a cell cannot be read."""
    clock = read_clock(cells)
    return clock.day, clock.wrong


def zone_of_rows(ports: pl.Series, zones: Mapping[str, str], offset: pl.Series) -> pl.Series:
    """Give each row's zone: its port's, else the one of every port, else its offset's; null: unknown."""
    named = {port: zone for port, zone in zones.items() if port != EVERY_PORT}
    zone = ports.replace_strict(named, default=zones.get(EVERY_PORT), return_dtype=pl.String)
    hours = (offset.cast(pl.Float64) / 60).round().cast(pl.Int64).clip(-12, 14)
    # Signs of Etc/GMT are those of POSIX: GMT+7 is seven hours west.
    fixed = pl.select(
        pl.when(hours.is_null() | (hours == 0))
        .then(None)
        .when(hours > 0)
        .then(pl.concat_str(pl.lit("Etc/GMT-"), hours.abs().cast(pl.String)))
        .otherwise(pl.concat_str(pl.lit("Etc/GMT+"), hours.abs().cast(pl.String)))
    ).to_series()
    return zone.fill_null(fixed)


def at_ports(read: Clock, zone: pl.Series, known: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Give day and clock at the port.

    Parameters
    ----------
    read : Clock
        As written.
    zone : polars.Series
        From `zone_of_rows`.
    known : polars.Series
        Boolean: the zone is the port's, not the written offset's.

    Returns
    -------
    tuple of polars.Series
        Date, and `Time` by the port's clock (null: only the date is known).
    """
    moved = (read.offset.is_not_null() & known).fill_null(value=False)
    if not moved.any():
        return read.day, read.clock
    written = pl.DataFrame({"clock": read.clock, "offset": read.offset})
    shift = pl.duration(minutes="offset", time_unit="ms")
    utc = written.select((pl.col("clock") - shift).cast(Time)).to_series()
    names = sorted(zone.drop_nulls().unique().to_list())
    there = local_times(utc, zone.fill_null("UTC"), {name: name for name in names})
    clock = pl.select(pl.when(moved).then(there).otherwise(read.clock)).to_series()
    day = pl.select(pl.when(moved).then(there.dt.date()).otherwise(read.day)).to_series()
    return day, clock


def moments(records: pl.DataFrame) -> pl.Series:
    """Give each record's moment in UTC, made up within the day where only the day is known.

    Parameters
    ----------
    records : polars.DataFrame
        Columns code (Int64: of the document or person), direction (``entry``, ``exit``), day (Date), clock
        (`Time`, by the port), zone (String).

    Returns
    -------
    polars.Series
        `Time`. On a day on which a document both came and went without a clock, who was inside before
        leaves first, and who was outside comes first: a day trip and a visa run are both one day.
    """
    clock = records["clock"]
    untimed = np.flatnonzero(clock.is_null().to_numpy())
    if len(untimed):
        minute = _made_minutes(records, untimed)
        made = records["day"].gather(untimed).cast(Time) + pl.Series(minute * 60_000).cast(pl.Duration("ms"))
        clock = clock.scatter(untimed, made.cast(Time))
    names = sorted(records["zone"].drop_nulls().unique().to_list())
    return utc_times(clock, records["zone"].fill_null("UTC"), {name: name for name in names}).alias("time")


def _made_minutes(records: pl.DataFrame, untimed: Ints) -> Ints:
    """Make up a minute of the day for the rows of which only the day is known.

    One sort by code and day, and what is inside at the start of a day is the sign of the last day on which a
    code's entries and exits differed in number.
    """
    code = records["code"].to_numpy()
    day = records["day"].to_physical().to_numpy().astype(np.int64)
    entry = (records["direction"] == "entry").to_numpy()
    group = code * (int(day.max()) - int(day.min()) + 1) + (day - int(day.min()))
    order = pl.Series(group).arg_sort().to_numpy()
    begin = np.flatnonzero(np.r_[True, np.diff(group[order]) != 0])
    entries = np.add.reduceat(entry[order].astype(np.int64), begin)
    exits = np.diff(np.r_[begin, len(order)]) - entries
    # The last earlier day of the code with a net; none of it: outside.
    at = np.arange(len(begin))
    last = np.maximum.accumulate(np.where(entries != exits, at, -1))
    last = np.r_[-1, last[:-1]]
    key = code[order[begin]]
    known = (last >= 0) & (key[last] == key)
    inside = known & (entries[last] > exits[last])
    both = (entries > 0) & (exits > 0)

    number = np.empty(len(group), dtype=np.int64)
    number[order] = np.repeat(at, np.diff(np.r_[begin, len(order)]))
    place, comes = number[untimed], entry[untimed]
    turn = _turns(2 * place + comes)
    first = comes != inside[place]
    alone = np.where(comes, FIRST_HOUR, LAST_HOUR) * 60 + turn
    return np.where(both[place], FIRST_HOUR * 60 + 2 * turn + ~first, alone)


def _turns(group: Ints) -> Ints:
    """Number the rows of each group from 0, in the order in which they stand."""
    order = np.argsort(group, kind="stable")
    begin = np.flatnonzero(np.r_[True, np.diff(group[order]) != 0])
    turn = np.empty(len(group), dtype=np.int64)
    turn[order] = np.arange(len(group)) - np.repeat(begin, np.diff(np.r_[begin, len(group)]))
    return turn


def dense_codes(values: pl.Series) -> Ints:
    """Number the values of a column in their order, from 0; equal ones alike, nulls as the last.

    Examples
    --------
    >>> dense_codes(pl.Series(["b", None, "a", "b"])).tolist()
    [1, 2, 0, 1]
    """
    listed = values.unique().sort(nulls_last=True)
    codes = pl.DataFrame({"value": listed, "code": pl.int_range(len(listed), dtype=pl.Int64, eager=True)})
    frame = values.to_frame("value")
    return frame.join(codes, on="value", how="left", maintain_order="left", nulls_equal=True)[
        "code"
    ].to_numpy()
