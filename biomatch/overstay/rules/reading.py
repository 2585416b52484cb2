"""A user's own file of stays, read into the frames that the rules take; every fault names its row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import polars as pl

from biomatch import files
from biomatch.errors import TableError
from biomatch.overstay.rules import csvfile, us_days
from biomatch.overstay.rules.base import FIRST_DAY, LAST_DAY
from biomatch.overstay.rules.csvfile import CsvFile
from biomatch.overstay.rules.eu import MAX_LIMIT_DAYS, SHORT_STAY
from biomatch.overstay.rules.us_classes import BY_CODE, Admission, class_code
from biomatch.tables.observed import MODES

EU_NEEDED, EU_OPTIONAL = ("traveller", "entry", "exit"), ("basis", "max_days")
US_NEEDED = ("traveller", "class", "entry", "exit", "admitted_until")
US_OPTIONAL = (
    "programme_end",
    "extension_filed_on",
    "adjusted_on",
    "satisfactory_departure_until",
    "exit_received_on",
    "programme_ended",
    "mode",
)
US_WORDS = {"programme_ended": us_days.PROGRAMME_ENDS, "mode": MODES}
"""Optional columns of words, and the words that they take."""
_ISO = "an ISO date such as 2026-03-31"
_DURATION_OF_STATUS = re.compile(r"d\s*/?\s*s|duration of status", re.IGNORECASE)
_PERIOD = re.compile(r"(\d{1,3})\s*(month|day)s?", re.IGNORECASE)


@dataclass(frozen=True)
class Stays:
    """Stays as a user's file gives them.

    Attributes
    ----------
    frame : polars.DataFrame
        The columns that `eu.assess` or `us.assess` takes, with ``traveller``; rows as in the file.
    notes : tuple of str
        What was read in a way that its user may want to know.
    """

    frame: pl.DataFrame
    notes: tuple[str, ...]


def read_eu(path: Path) -> Stays:
    """Read a file for the European rule.

    Parameters
    ----------
    path : pathlib.Path
        CSV with ``traveller,entry,exit`` and optionally ``basis`` and ``max_days``.

    Returns
    -------
    Stays
        Rows of one traveller may overlap or repeat: the rule unites them.

    Raises
    ------
    TableError
        With the number of the row (the first after the header is 1) and of its line.
    """
    file = csvfile.check(path, EU_NEEDED, EU_OPTIONAL)
    frame = _read(file, dates=("entry", "exit"))
    _check_traveller_and_dates(file, frame)
    if "max_days" in frame.columns:
        number = pl.col("max_days").cast(pl.Int64, strict=False)
        wrong = pl.col("max_days").is_not_null() & ~number.is_between(1, MAX_LIMIT_DAYS).fill_null(False)
        _refuse(
            file, frame, wrong, "max_days", f"a whole number from 1 to {MAX_LIMIT_DAYS}, or nothing for 90"
        )
        frame = frame.with_columns(number)
    if "basis" in frame.columns:
        frame = _with_basis(file, frame)
    later = pl.col("entry").max().over("traveller") > pl.col("entry")
    count = frame.select((pl.col("exit").is_null() & later).sum()).item() if frame["exit"].null_count() else 0
    text = "rows have no exit though the traveller entered again later: taken as inside all the time"
    return Stays(frame, (f"{count:,} {text}",) if count else ())


def read_us(path: Path) -> Stays:
    """Read a file for the United States' rules.

    Parameters
    ----------
    path : pathlib.Path
        CSV with ``traveller,class,entry,exit,admitted_until`` and optionally the columns of `US_OPTIONAL`.
        A class may be spelled ``B2``, ``B-2`` or ``b 2``. ``admitted_until`` holds the I-94 date, ``D/S``,
        a period (``6 months``, ``90 days``; the day of entry is the first) or nothing (the class's usual
        period). ``programme_ended`` holds ``completed`` (or nothing), ``withdrawn`` or ``terminated``;
        ``mode`` holds ``air``, ``sea`` or ``land``, which takes the stay out of the expected departures.

    Returns
    -------
    Stays
        With ``next_entry``, the same traveller's next arrival in the file.

    Raises
    ------
    TableError
        With the number of the row (the first after the header is 1) and of its line.
    """
    file = csvfile.check(path, US_NEEDED, US_OPTIONAL)
    others = [name for name in US_OPTIONAL if name in file.columns and name not in US_WORDS]
    frame = _read(file, dates=("entry", "exit", *others))
    _check_traveller_and_dates(file, frame)
    for name in ("extension_filed_on", "adjusted_on"):
        if name in others:
            _refuse(file, frame, pl.col(name) < pl.col("entry"), name, "a day from the entry on")
    if "exit_received_on" in others:
        orphan = pl.col("exit_received_on").is_not_null() & pl.col("exit").is_null()
        _refuse(file, frame, orphan, "exit_received_on", "nothing, as long as there is no exit")
    for name, words in US_WORDS.items():
        if name in file.columns:
            frame = frame.with_columns(pl.col(name).str.to_lowercase())
            _refuse(file, frame, ~pl.col(name).is_in(words), name, f"{', '.join(words)}, or nothing")
    frame = _with_admission(file, _with_class(file, frame))
    frame, notes = _with_next_entry(file, frame)
    return Stays(frame, (*notes, *_ineffective(frame)))


def _read(file: CsvFile, dates: Sequence[str]) -> pl.DataFrame:
    """Read the columns: trimmed text, empty cells as nulls, the named ones as dates."""
    lines = files.scan_csv(file.path, infer_schema=False, with_column_names=lambda _: list(file.columns))
    text = [pl.col(name).str.strip_chars() for name in file.columns]
    text = [pl.when(cell.str.len_bytes() > 0).then(cell).name.keep() for cell in text]
    made = lines.select(text).with_columns(
        *(_day(name).alias(name) for name in dates),
        *((pl.col(name).is_not_null() & _day(name).is_null()).alias(f"wrong {name}") for name in dates),
    )
    try:
        frame = made.collect(engine="streaming")
    except pl.exceptions.PolarsError as wrong:
        raise TableError(f"{file.path.name} cannot be read: {str(wrong).splitlines()[0]}") from None
    if len(frame) != file.line_count:
        raise TableError(
            f"{file.path.name} has {file.line_count:,} lines after the header; {len(frame):,} were read",
            allowed='cells quoted as "...", with quotes inside doubled',
        )
    wrong_names = [f"wrong {name}" for name in dates]
    blank = pl.all_horizontal(pl.col(*file.columns).is_null()) & ~pl.any_horizontal(wrong_names)
    if frame["traveller"].null_count():
        frame = frame.filter(~blank)
    for name in dates:
        rows = frame[f"wrong {name}"].arg_true()
        if len(rows):
            raise _wrong_date(file, int(rows[0]), name)
    return frame.drop(wrong_names)


def _day(name: str) -> pl.Expr:
    """Read a column as dates: exactly ``YYYY-MM-DD``, within the days that can be; else null."""
    cell = pl.col(name)
    day = cell.str.to_date("%Y-%m-%d", strict=False)
    return pl.when((cell.str.len_bytes() == 10) & day.is_between(FIRST_DAY, LAST_DAY)).then(day)


def _wrong_date(file: CsvFile, row: int, name: str) -> TableError:
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
    return file.fault(row, f"{name} {text!r} {what}", allowed=_ISO, remedy=remedy)


def _refuse(file: CsvFile, frame: pl.DataFrame, wrong: pl.Expr, name: str, allowed: str) -> None:
    rows = frame.select(wrong.fill_null(False).arg_true().head(1)).to_series()
    if len(rows):
        text = file.locate(int(rows[0]))[1].get(name, "").strip()
        raise file.fault(int(rows[0]), f"{name} {text!r}" if text else f"{name} is empty", allowed=allowed)


def _check_traveller_and_dates(file: CsvFile, frame: pl.DataFrame) -> None:
    _refuse(file, frame, pl.col("traveller").is_null(), "traveller", "a name or number of the traveller")
    _refuse(file, frame, pl.col("entry").is_null(), "entry", _ISO)
    rows = frame.select((pl.col("exit") < pl.col("entry")).fill_null(False).arg_true().head(1)).to_series()
    if len(rows):
        row = int(rows[0])
        raise file.fault(
            row,
            f"the exit {frame['exit'][row]} is before the entry {frame['entry'][row]}",
            remedy="exchange or correct the two dates",
        )


def _with_basis(file: CsvFile, frame: pl.DataFrame) -> pl.DataFrame:
    """Read the bases; a misspelt ``short_stay`` would take its days out of the count, so it is refused."""
    read: dict[str, str] = {}
    for text in frame["basis"].unique().drop_nulls().to_list():
        plain = re.sub(r"[\s\-]+", "_", text.lower())
        if plain != SHORT_STAY and SequenceMatcher(None, plain, SHORT_STAY).ratio() > 0.85:
            row = int((frame["basis"] == text).arg_true()[0])
            raise file.fault(
                row,
                f"basis {text!r}",
                allowed=f"{SHORT_STAY}, or a reason (residence_permit) that takes its days out of the count",
                remedy=f"did you mean {SHORT_STAY!r}?",
            )
        read[text] = plain
    return frame.with_columns(pl.col("basis").replace(read))


def _with_class(file: CsvFile, frame: pl.DataFrame) -> pl.DataFrame:
    _refuse(file, frame, pl.col("class").is_null(), "class", "a class of admission such as B2, WT or F1")
    codes: dict[str, str] = {}
    for text in frame["class"].unique(maintain_order=True).to_list():
        try:
            codes[text] = class_code(text)
        except TableError as wrong:
            row = int((frame["class"] == text).arg_true()[0])
            raise file.fault(row, wrong.given, allowed=wrong.allowed, remedy=wrong.remedy) from None
    return frame.with_columns(
        pl.col("class").replace_strict(codes, return_dtype=pl.Enum(list(BY_CODE))).alias("admission_class")
    ).drop("class")


def _with_admission(file: CsvFile, frame: pl.DataFrame) -> pl.DataFrame:
    """Read ``admitted_until``: a date, ``D/S``, a period, or nothing where the class tells."""
    until = frame.select(_day("admitted_until")).to_series()
    for text in frame.filter(until.is_null())["admitted_until"].unique(maintain_order=True).drop_nulls():
        rows = (frame["admitted_until"] == text).arg_true()
        period = _PERIOD.fullmatch(text)
        if _DURATION_OF_STATUS.fullmatch(text):
            continue
        if period is None or int(period[1]) == 0:
            raise _wrong_date(file, int(rows[0]), "admitted_until")
        entry = frame["entry"].gather(rows)
        if period[2].lower() == "month":
            last = pl.Series(us_days.last_day_of_months(entry.to_numpy(), int(period[1]))).cast(pl.Date)
        else:
            last = entry.dt.offset_by(f"{int(period[1]) - 1}d")
        until = until.scatter(rows, last)
    classes = {kind: [c.code for c in BY_CODE.values() if c.admission is kind] for kind in Admission}
    said = pl.Series("said", frame["admitted_until"].is_not_null() & until.is_null())
    frame = frame.with_columns(until.alias("admitted_until"))
    code = pl.col("admission_class").cast(pl.String)
    for wrong, what, remedy in (
        (
            pl.lit(said) & ~code.is_in(classes[Admission.STATUS]),
            "is not admitted for duration of status",
            "give the date on the I-94",
        ),
        (
            until.is_null() & frame["admission_class"].cast(pl.String).is_in(classes[Admission.DATE]),
            "has no usual period, and admitted_until is empty",
            "give the date on the I-94",
        ),
        (
            pl.col("admitted_until") < pl.col("entry"),
            "is admitted until a day before the entry",
            "correct admitted_until",
        ),
    ):
        rows = frame.select(pl.lit(wrong) if isinstance(wrong, pl.Series) else wrong).to_series()
        found = rows.fill_null(False).arg_true()
        if len(found):
            row = int(found[0])
            raise file.fault(row, f"class {frame['admission_class'][row]} {what}", remedy=remedy)
    return frame


def _with_next_entry(file: CsvFile, frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Add each traveller's next arrival; refuse a stay that stands there twice."""
    order = frame.select("traveller", "entry", "exit").with_row_index("row")
    order = order.sort("traveller", "entry", "exit", "row", nulls_last=True)
    same = pl.col("traveller") == pl.col("traveller").shift(-1)
    following = pl.when(same).then(pl.col("entry").shift(-1))
    order = order.with_columns(following.alias("next_entry"), pl.col("row").shift(-1).alias("next_row"))
    # Out and in again on one day are two stays; anything else with the same entry is one stay twice.
    twice = order.filter(
        (pl.col("next_entry") == pl.col("entry")) & (pl.col("exit") != pl.col("entry")).fill_null(True)
    )
    if len(twice):
        found = (
            twice.with_columns(pl.max_horizontal("row", "next_row").alias("last"))
            .sort("last")
            .row(0, named=True)
        )
        first, last = min(found["row"], found["next_row"]), found["last"]
        raise file.fault(
            last,
            f"traveller {frame['traveller'][last]!r} enters on {found['entry']} as in row {first + 1}",
            remedy="keep one row for each stay",
        )
    crossing = order.select((pl.col("exit") > pl.col("next_entry")).sum()).item()
    notes = (
        [f"{crossing:,} stays end after the same traveller's next entry: each is judged by its own dates"]
        if crossing
        else []
    )
    column = order.sort("row")["next_entry"]
    return frame.with_columns(column), notes


def _ineffective(frame: pl.DataFrame) -> list[str]:
    """Say which cells have no effect under the rules, so that none is dropped in silence."""
    code = pl.col("admission_class").cast(pl.String)
    waivers = [c.code for c in BY_CODE.values() if c.is_waiver]
    programmes = [c.code for c in BY_CODE.values() if c.admission is Admission.STATUS and c.grace_days]
    silent = [c.code for c in BY_CODE.values() if not c.may_extend]
    notes = []
    for name, wrong, why in (
        (
            "satisfactory_departure_until",
            ~code.is_in(waivers),
            "only the visa waiver has satisfactory departure",
        ),
        (
            "extension_filed_on",
            code.is_in(silent),
            "visa waiver, transit and crew may not file",
        ),
        *(
            (
                name,
                ~code.is_in(programmes) | pl.col("admitted_until").is_not_null(),
                "it counts only for duration of status of students and exchange visitors",
            )
            for name in ("programme_end", "programme_ended")
        ),
    ):
        if name in frame.columns:
            rows = frame.select((pl.col(name).is_not_null() & wrong).arg_true()).to_series()
            if len(rows):
                notes.append(f"{name} has no effect in {len(rows):,} rows, first in row {rows[0] + 1}: {why}")
    return notes
