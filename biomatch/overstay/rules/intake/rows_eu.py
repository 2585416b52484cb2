"""A user's own file for the European rule; every fault names its row."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from pathlib import Path

import polars as pl

from biomatch.errors import TableError
from biomatch.overstay.rules.base import LAST_DAY, counted
from biomatch.overstay.rules.eu import MAX_LIMIT_DAYS, SHORT_STAY
from biomatch.overstay.rules.eu_countries import COUNTS_FROM, country_code
from biomatch.overstay.rules.intake.cells import Intake, Stays, take_in
from biomatch.overstay.rules.intake.source import ROW
from biomatch.tables.observed import MODES

EU_NEEDED = ("traveller", "entry", "exit")
EU_OPTIONAL = ("basis", "max_days", "country", "mode", "valid_until", "document")


def read_eu(path: Path, *, reject: bool = False, exit_only: bool = False) -> Stays:
    """Read a file for the European rule.

    Parameters
    ----------
    path : pathlib.Path
        CSV with ``traveller,entry,exit`` and optionally ``basis`` and ``max_days``; ``country`` (of the
        stay: a code or a name, days count from its accession, by ``mode``: air, sea, land) and
        ``valid_until`` (last day on which the visa is valid).
    reject : bool
        Whether rows with faults are set aside and listed; else they are refused.
    exit_only : bool
        Whether a row may have an exit and no entry: only the exit's day is then known to be one of presence.

    Returns
    -------
    Stays
        Rows of one traveller may overlap or repeat: the rule unites them.

    Raises
    ------
    TableError
        With the number of the row (the first after the header is 1) and of its line.
    """
    intake = take_in(path, EU_NEEDED, EU_OPTIONAL, ("entry", "exit", "valid_until"), exit_only=exit_only)
    notes: list[str] = []
    alone = int(intake.frame["entry"].is_null().sum()) if exit_only else 0
    if alone:
        notes.append(f"{counted(alone, 'row')} with an exit and no entry: only the day of the exit counts")
        intake.frame = intake.frame.with_columns(pl.coalesce("entry", "exit").alias("entry"))
    if "max_days" in intake.frame.columns:
        number = pl.col("max_days").cast(pl.Int64, strict=False)
        wrong = pl.col("max_days").is_not_null() & ~number.is_between(1, MAX_LIMIT_DAYS).fill_null(
            value=False
        )
        intake.refuse(wrong, "max_days", f"a whole number from 1 to {MAX_LIMIT_DAYS}, or nothing for 90")
        intake.frame = intake.frame.with_columns(number)
    if "basis" in intake.frame.columns:
        _read_basis(intake)
    if "mode" in intake.frame.columns:
        intake.frame = intake.frame.with_columns(pl.col("mode").str.to_lowercase())
        intake.refuse(~pl.col("mode").is_in(MODES), "mode", f"{', '.join(MODES)}, or nothing")
    if "country" in intake.frame.columns:
        notes += _read_country(intake)
    intake.finish(reject=reject)
    intake.keep()
    frame = intake.frame
    if "accession" in frame.columns:
        frame, more = _from_accession(frame)
        notes += more
    later = pl.col("entry").max().over("traveller") > pl.col("entry")
    count = frame.select((pl.col("exit").is_null() & later).sum()).item() if frame["exit"].null_count() else 0
    if count:
        notes.append(
            f"{counted(count, 'row')} without an exit though the traveller entered again later: "
            "taken as inside all the time"
        )
    frame = frame.drop([name for name in frame.columns if name == ROW or name.startswith("raw ")])
    return Stays(frame, tuple(notes), intake.faults.table(), intake.given)


def _read_basis(intake: Intake) -> None:
    """Read the bases; a misspelt ``short_stay`` would take its days out of the count, so it is refused."""
    read: dict[str, str] = {}
    allowed = f"{SHORT_STAY}, or a reason (residence_permit) that takes its days out of the count"
    for text in intake.frame["basis"].unique().drop_nulls().sort().to_list():
        plain = re.sub(r"[\s\-]+", "_", text.lower())
        if plain != SHORT_STAY and SequenceMatcher(None, plain, SHORT_STAY).ratio() > 0.85:

            def make(row: int, text: str = text) -> TableError:
                return intake.file.fault(
                    row, f"basis {text!r}", allowed=allowed, remedy=f"did you mean {SHORT_STAY!r}?"
                )

            intake.wrong(intake.frame["basis"] == text, "basis", f"is not {SHORT_STAY}, but nearly", make)
        read[text] = plain
    intake.frame = intake.frame.with_columns(pl.col("basis").replace(read))


def _read_country(intake: Intake) -> list[str]:
    """Read where a stay was, and from when days there count; elsewhere they never do."""
    read: dict[str, str] = {}
    for text in intake.frame["country"].unique().drop_nulls().sort().to_list():
        try:
            read[text] = country_code(text)
        except TableError as fault:

            def make(row: int, fault: TableError = fault) -> TableError:
                return intake.file.fault(row, fault.given, allowed=fault.allowed, remedy=fault.remedy)

            intake.wrong(intake.frame["country"] == text, "country", "is no country that is known here", make)
    frame = intake.frame.with_columns(
        pl.col("country").replace_strict(read, default=None, return_dtype=pl.String)
    )
    by_land = {code: land for code, (_, land) in COUNTS_FROM.items()}
    other = {code: other for code, (other, _) in COUNTS_FROM.items()}
    here = pl.col("country")
    mode = pl.col("mode") if "mode" in frame.columns else pl.lit("air")
    since = (
        pl.when((mode == "land").fill_null(value=False))
        .then(here.replace_strict(by_land, default=LAST_DAY, return_dtype=pl.Date))
        .otherwise(here.replace_strict(other, default=LAST_DAY, return_dtype=pl.Date))
    )
    intake.frame = frame.with_columns(accession=pl.when(here.is_not_null()).then(since))
    outside = int((frame["country"].is_not_null() & ~frame["country"].is_in(list(COUNTS_FROM))).sum())
    return (
        [f"{counted(outside, 'row')} of countries outside the area: their days do not count"]
        if outside
        else []
    )


def _from_accession(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Let days count from a country's accession on: earlier ones get a basis of their own."""
    since, entry, exit_ = pl.col("accession"), pl.col("entry"), pl.col("exit")
    if "basis" not in frame.columns:
        frame = frame.with_columns(basis=pl.lit(None, dtype=pl.String))
    never = (since > entry) & ((exit_ < since).fill_null(value=False) | (since == LAST_DAY))
    part = (since > entry) & ~never.fill_null(value=False)
    counts = frame.select(
        clipped=part.fill_null(value=False).sum(),
        before=(never.fill_null(value=False) & (since != LAST_DAY)).sum(),
    ).row(0, named=True)
    frame = frame.with_columns(
        basis=pl.when(never.fill_null(value=False)).then(pl.lit("outside_the_area")).otherwise("basis"),
        entry=pl.when(part.fill_null(value=False)).then(since).otherwise(entry),
    ).drop("accession")
    notes = []
    if counts["clipped"] or counts["before"]:
        notes.append(
            f"{counted(counts['before'], 'row')} before the country's accession, not counted; "
            f"{counted(counts['clipped'], 'row')} across it, counted from it on"
        )
    return frame, notes


def read_retention(path: Path, *, reject: bool = False) -> Stays:
    """Read a file for the periods of retention.

    Parameters
    ----------
    path : pathlib.Path
        CSV with ``traveller,entry,exit`` and optionally ``authorised_until`` and ``family_member`` (yes, no).
    reject : bool
        Whether rows with faults are set aside and listed; else they are refused.

    Raises
    ------
    TableError
        With the number of the row and of its line.
    """
    optional = ("authorised_until", "family_member", "document", "country")
    intake = take_in(path, EU_NEEDED, optional, ("entry", "exit", "authorised_until"))
    if "family_member" in intake.frame.columns:
        plain = pl.col("family_member").str.to_lowercase()
        known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
        intake.refuse(~plain.is_in(list(known)), "family_member", "yes, no, or nothing")
        intake.frame = intake.frame.with_columns(
            plain.replace_strict(known, default=None, return_dtype=pl.Boolean)
        )
    intake.finish(reject=reject)
    intake.keep()
    frame = intake.frame
    frame = frame.drop([name for name in frame.columns if name == ROW or name.startswith("raw ")])
    return Stays(frame, (), intake.faults.table(), intake.given)
