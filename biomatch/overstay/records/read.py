"""A user's table, cell by cell: what can be read becomes a record, what cannot is a fault of its row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from biomatch.overstay.records import words
from biomatch.overstay.records.columns import ColumnPlan
from biomatch.overstay.records.observed import unite_keys
from biomatch.overstay.records.times import (
    EVERY_PORT,
    at_ports,
    dense_codes,
    moments,
    read_clock,
    read_day,
    zone_of_rows,
)
from biomatch.overstay.rules.base import counted
from biomatch.overstay.rules.intake.faults import Faults
from biomatch.overstay.rules.intake.source import ROW, Source
from biomatch.overstay.rules.intake.terms import read_admission
from biomatch.tables.schema import Time

RECORDS: dict[str, Any] = {
    "table": pl.Int8,  # which of the user's tables
    "row": pl.Int64,  # in that table, the first as 1
    "direction": pl.String,
    "document": pl.String,
    "issuer": pl.String,
    "person": pl.String,
    "day": pl.Date,  # at the port
    "clock": Time,  # at the port; null: only the day is known
    "zone": pl.String,
    "received": pl.Date,
    "name": pl.String,  # "FAMILY, GIVEN" where the parts are told apart
    "birth_date": pl.Date,
    "sex": pl.String,
    "nationality": pl.String,
    "class": pl.Enum(words.ADMISSIONS),
    "permitted_until": pl.Date,
    "port": pl.String,
    "mode": pl.String,
    "carrier": pl.String,
    "source": pl.String,
    "template_row": pl.Int64,
    "face_score": pl.Float64,  # of an exit, against the entry on its document
    "quality": pl.Float32,
    "programme_end": pl.Date,
    "extension_filed_on": pl.Date,
    "extension_decision": pl.String,
    "extension_decided_on": pl.Date,
    "extended_until": pl.Date,
    "adjusted_on": pl.Date,
    "satisfactory_departure_until": pl.Date,
}
"""Columns of records as read; all but table, row, direction and day may be null."""
STATUS_DAYS = (
    "programme_end",
    "extension_filed_on",
    "extension_decided_on",
    "extended_until",
    "adjusted_on",
    "satisfactory_departure_until",
)
DECISIONS: dict[str, tuple[str, ...]] = {
    "granted": ("granted", "approved", "yes", "grant"),
    "denied": ("denied", "refused", "rejected", "no", "withdrawn"),
    "pending": ("pending", "open", "filed"),
}


@dataclass(eq=False)
class Reader:
    """Reads one table.

    Attributes
    ----------
    source : Source
        The table.
    plan : ColumnPlan
        What its columns stand for.
    faults : Faults
        Gets what cannot be read.
    notes : list of str
        Gets what was read in a way that its user may want to know.
    bad : polars.Series
        Boolean, a row each: it has a fault.
    """

    source: Source
    plan: ColumnPlan
    faults: Faults
    notes: list[str]
    bad: pl.Series = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.source.frame)
        self.bad = pl.repeat(False, count, dtype=pl.Boolean, eager=True)

    def has(self, name: str) -> bool:
        """Say whether the table has such a column."""
        return name in self.plan.read

    def raw(self, name: str) -> pl.Series:
        """Give a column as it stands; nulls where the table has none."""
        if not self.has(name):
            return self.nothing(name, pl.String)
        return self.source.frame[self.plan.read[name]].alias(name)

    def nothing(self, name: str, kind: Any) -> pl.Series:
        """Give a column of nulls."""
        return pl.Series(name, [None], dtype=kind).new_from_index(0, len(self.source.frame))

    def text(self, name: str) -> pl.Series:
        """Give a column as text without blanks around it; empty cells are null."""
        cells = self.raw(name)
        if not self.has(name):
            return cells
        if isinstance(cells.dtype, (pl.Float32, pl.Float64)):
            whole = cells.is_null().all() or bool((cells.drop_nulls() == cells.drop_nulls().round()).all())
            cells = cells.cast(pl.Int64) if whole else cells  # numbers of documents that were read as floats
        plain = pl.col(name).cast(pl.String).str.strip_chars()
        return cells.to_frame().select(pl.when(plain.str.len_bytes() > 0).then(plain)).to_series()

    def fault(self, name: str, wrong: pl.Series, reason: str | pl.Series) -> None:
        """Add a fault of a column where `wrong` holds."""
        wrong = wrong.fill_null(value=False)
        if not wrong.any():
            return
        self.bad = self.bad | wrong
        rows = self.source.frame[ROW].filter(wrong)
        reasons = pl.Series([reason]).new_from_index(0, len(rows)) if isinstance(reason, str) else reason
        reasons = reasons if isinstance(reason, str) else reasons.filter(wrong)
        column = self.plan.read.get(name, name)
        self.faults.add(self.source.name, column, rows, self.text(name).filter(wrong), reasons)

    def day(self, name: str) -> pl.Series:
        """Read a column of days; cells that are none are faults."""
        if not self.has(name):
            return self.nothing(name, pl.Date)
        days, wrong = read_day(self.raw(name))
        self.fault(name, wrong.is_not_null(), wrong)
        return days

    def word(self, name: str, known: dict[str, tuple[str, ...]], otherwise: str | None) -> pl.Series:
        """Read a column of words; others are faults."""
        cells = self.text(name)
        if not self.has(name):
            return cells if otherwise is None else cells.fill_null(otherwise)
        found = words.one_of(known, cells)
        self.fault(name, cells.is_not_null() & found.is_null(), f"is none of {words.said_words(known)}")
        return found if otherwise is None else found.fill_null(otherwise)

    def note(self, count: int, text: str) -> None:
        """Add a note about so many rows, if there are any."""
        if count:
            self.notes.append(f"{self.source.name}: {counted(count, 'row')}: {text}")


def read_records(
    reader: Reader, table: int, direction: str | None, zones: Mapping[str, str], templates: int | None
) -> pl.DataFrame:
    """Read a table into records.

    Parameters
    ----------
    reader : Reader
        The table and its plan.
    table : int
        Its number.
    direction : str or None
        ``entry`` or ``exit`` of all rows; None: the column ``direction`` says it.
    zones : mapping of str to str
        Time zones of ports, as `times.parse_zones` gives them.
    templates : int or None
        How many templates there are; None: none were given.

    Returns
    -------
    polars.DataFrame
        Columns `RECORDS`: the rows without a fault.
    """
    count = len(reader.source.frame)
    made: dict[str, pl.Series] = {
        "table": pl.repeat(table, count, dtype=pl.Int8, eager=True),
        "row": reader.source.frame[ROW],
    }
    if direction is None:
        cells = reader.text("direction")
        made["direction"] = reader.word("direction", words.DIRECTIONS, None)
        reader.fault("direction", cells.is_null(), "needs entry or exit")
    else:
        made["direction"] = pl.repeat(direction, count, dtype=pl.String, eager=True)
    made |= _when(reader, zones)
    made |= _who(reader, made["day"], templates)
    made |= _terms(reader, made["day"], made["direction"])
    _repeated(reader)
    frame = pl.DataFrame([made[name].alias(name) for name in RECORDS], strict=False)
    return frame.select(pl.col(name).cast(kind) for name, kind in RECORDS.items()).filter(~reader.bad)


def _when(reader: Reader, zones: Mapping[str, str]) -> dict[str, pl.Series]:
    read = read_clock(reader.raw("date"))
    reader.fault("date", read.wrong.is_not_null(), read.wrong)
    reader.fault("date", read.day.is_null() & read.wrong.is_null(), "needs the day of the crossing")
    ports = reader.text("port")
    zone = zone_of_rows(ports, zones, read.offset)
    named = ports.is_in([port for port in zones if port != EVERY_PORT]).fill_null(value=False)
    day, clock = at_ports(read, zone, named | (EVERY_PORT in zones))
    in_utc = (read.offset == 0) & zone.is_null()
    reader.note(int(in_utc.sum()), "time in UTC at a port without a --zone, so the day is the day in UTC")
    return {
        "day": day,
        "clock": clock,
        "zone": zone,
        "received": reader.day("received_at"),
        "port": ports,
    }


def _who(reader: Reader, day: pl.Series, templates: int | None) -> dict[str, pl.Series]:
    document = reader.text("document").str.to_uppercase().str.replace_all(r"\s+", "")
    person, name = reader.text("person"), reader.text("name")
    if reader.has("family") or reader.has("given"):
        parts = pl.DataFrame([reader.text("family").alias("f"), reader.text("given").alias("g")])
        both = (
            pl.when(pl.col("g").is_null())
            .then("f")
            .otherwise(pl.concat_str([pl.col("f").fill_null(""), pl.col("g")], separator=", "))
        )
        name = name.fill_null(parts.select(both).to_series())
    births = _birth_dates(reader, day)
    face = _faces(reader, templates)
    nothing = document.is_null() & person.is_null()
    told = (name.is_not_null() & births.is_not_null()) | (face >= 0)
    reader.fault(
        "document" if reader.has("document") else "person",
        nothing & ~told.fill_null(value=False),
        "leaves nothing to link by: no document, no person, no name with a birth date, no face",
    )
    reader.note(int((nothing & told).sum()), "no document, so linked by what else the row says")
    quality, score = _number(reader, "quality"), _number(reader, "face_score")
    sex_text = reader.text("sex")
    sex = words.one_of(words.SEXES, sex_text)
    reader.note(int((sex_text.is_not_null() & sex.is_null()).sum()), "sex other than F, M, X, not used")
    return {
        "document": document,
        "issuer": reader.text("issuer").str.to_uppercase(),
        "person": person,
        "name": name,
        "birth_date": births,
        "sex": sex,
        "nationality": reader.text("nationality").str.to_uppercase(),
        "template_row": face,
        "face_score": score,
        "quality": quality,
    }


def _number(reader: Reader, name: str) -> pl.Series:
    """Read a column of finite numbers; other cells are faults."""
    cells = reader.text(name)
    found = cells.cast(pl.Float64, strict=False)
    reader.fault(name, cells.is_not_null() & ~found.is_finite().fill_null(value=False), "is no number")
    return found


def _birth_dates(reader: Reader, day: pl.Series) -> pl.Series:
    """Read birth dates; those of which a part is not known (1980, 1980-00-00) say nothing."""
    cells = reader.raw("birth_date")
    if cells.dtype == pl.String:
        partial = reader.text("birth_date").str.contains(
            r"^\d{4}(-(\d{2}|XX|xx)(-(00|XX|xx))?)?$|^\d{4}-00-\d{2}$"
        )
        partial = partial.fill_null(value=False)
        reader.note(int(partial.sum()), "birth date of which a part is unknown, not used")
        cells = cells.to_frame().select(pl.when(~partial).then("birth_date")).to_series()
    births, wrong = read_day(cells)
    reader.fault("birth_date", wrong.is_not_null(), wrong)
    reader.fault("birth_date", births > day, "is after the crossing")
    return births


def _faces(reader: Reader, templates: int | None) -> pl.Series:
    cells = reader.text("template_row")
    rows = cells.cast(pl.Int64, strict=False)
    reader.fault("template_row", cells.is_not_null() & rows.is_null(), "is no whole number")
    if templates is None:
        return rows.fill_null(-1) * 0 - 1
    reader.fault("template_row", (rows >= templates) | (rows < -1), f"is not among {templates:,} templates")
    return rows.fill_null(-1)


def _terms(reader: Reader, day: pl.Series, direction: pl.Series) -> dict[str, pl.Series]:
    """Read what an admission allows, and what became of its terms."""
    codes, unknown = words.classes(reader.text("class"))
    entering = direction == "entry"
    if unknown:
        others = int((reader.text("class").is_in(unknown) & entering).sum())
        shown = ", ".join(repr(text) for text in unknown[:5]) + (" ..." if len(unknown) > 5 else "")
        reader.note(others, f"class that is not known here ({shown}), so only permitted_until tells")
    until, wrong = read_admission(reader.raw("permitted_until"), day, timed=True)
    reader.fault("permitted_until", wrong.is_not_null() & entering, wrong)
    reader.fault("permitted_until", (until < day) & entering, "is before the entry")
    found = {name: reader.day(name) for name in STATUS_DAYS}
    for name in ("extension_filed_on", "adjusted_on"):
        reader.fault(name, (found[name] < day) & entering, "is before the entry")
    carrier = reader.text("carrier")
    return {
        "class": codes,
        "permitted_until": until,
        "mode": reader.word("mode", words.MODES, None),
        "carrier": carrier,
        "source": reader.word("source", words.SOURCES, "port"),
        "extension_decision": reader.word("extension_decision", DECISIONS, None),
        **found,
    }


def _repeated(reader: Reader) -> None:
    """Find rows that repeat another row in every cell; the later ones are faults."""
    frame = reader.source.frame.drop(ROW)
    if not len(frame):
        return
    hashes = frame.hash_rows(1)
    again = ~hashes.is_first_distinct()
    if not again.any():
        return
    suspects = hashes.is_in(hashes.filter(again).unique().implode())
    exact = reader.source.frame.filter(suspects).with_columns(
        first=pl.col(ROW).min().over(frame.columns), own=pl.col(ROW)
    )
    twice = exact.filter(pl.col("own") != pl.col("first"))
    first = reader.source.frame.select(ROW).join(
        twice.select(ROW, "first"), on=ROW, how="left", maintain_order="left"
    )["first"]
    reasons = pl.select(pl.concat_str(pl.lit("repeats row "), first.cast(pl.String))).to_series()
    wrong = first.is_not_null()
    reader.bad = reader.bad | wrong
    rows = reader.source.frame[ROW].filter(wrong)
    key = reader.text("document" if reader.has("document") else "person")
    reader.faults.add(reader.source.name, "", rows, key.filter(wrong), reasons.filter(wrong))


def order(read: list[pl.DataFrame]) -> pl.DataFrame:
    """Put the records of all tables into an order that their content alone gives, with their moments.

    Parameters
    ----------
    read : list of polars.DataFrame
        Columns `RECORDS`.

    Returns
    -------
    polars.DataFrame
        Columns `RECORDS`, ``key`` (as `unite_keys` gives it), ``time`` (UTC) and ``record`` (Int64: 0, 1, ...
        in order). The order of the user's rows is not in it.
    """
    frame = unite_keys(pl.concat(read))
    read.clear()
    frame = frame.with_columns(code=pl.Series(dense_codes(frame["key"])))
    frame = frame.with_columns(time=moments(frame))
    # Whatever is empty everywhere, or follows from the key, orders nothing.
    follows = ("document", "issuer") if frame["person"].null_count() == len(frame) else ()
    content = [
        name
        for name in RECORDS
        if name not in ("table", "row", "direction", *follows) and frame[name].null_count() < len(frame)
    ]
    frame = frame.sort(["code", "time", "direction", *content, "table", "row"], nulls_last=True).drop("code")
    return frame.with_columns(record=pl.int_range(pl.len(), dtype=pl.Int64))
