"""A user's own file of stays, read into the frames that the rules take; every fault names its row."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from biomatch.errors import TableError
from biomatch.overstay.rules import us, us_days
from biomatch.overstay.rules.base import counted
from biomatch.overstay.rules.intake.cells import Intake, Stays, take_in, wrong_date
from biomatch.overstay.rules.intake.rows_eu import read_eu
from biomatch.overstay.rules.intake.source import ROW
from biomatch.overstay.rules.intake.terms import read_admission
from biomatch.overstay.rules.us_classes import BY_CODE, Admission, class_code
from biomatch.tables.observed import MODES

__all__ = ["US_NEEDED", "US_OPTIONAL", "Stays", "read_eu", "read_us"]

US_NEEDED = ("traveller", "class", "entry", "exit", "admitted_until")
US_DATES = (
    "programme_end",
    "extension_filed_on",
    "adjusted_on",
    "satisfactory_departure_until",
    "exit_received_on",
    "extension_decided_on",
    "extended_until",
)
US_WORDS = {
    "programme_ended": us_days.PROGRAMME_ENDS,
    "mode": MODES,
    "extension_decision": us.DECISIONS,
}
"""Optional columns of words, and the words that they take."""
US_CARRIED = ("country", "port", "carrier", "sex", "document", "name")
"""Columns of text that decide nothing: they are carried through, and may be counted by."""
US_OPTIONAL = (*US_DATES, *US_WORDS, *US_CARRIED)
WAIVER_DAYS = 90


def read_us(path: Path, *, reject: bool = False) -> Stays:
    """Read a file for the United States' rules.

    Parameters
    ----------
    path : pathlib.Path
        CSV with ``traveller,class,entry,exit,admitted_until`` and optionally the columns of `US_OPTIONAL`.
        A class may be spelled ``B2``, ``B-2`` or ``b 2``. ``admitted_until`` holds the I-94 date, ``D/S``,
        a period (``6 months``, ``90 days``; the day of entry is the first) or nothing (the class's usual
        period). ``programme_ended`` holds ``completed`` (or nothing), ``withdrawn`` or ``terminated``;
        ``extension_decision`` ``granted``, ``denied`` or ``pending``; ``mode`` holds ``air``, ``sea`` or
        ``land``, which takes the stay out of the expected departures.
    reject : bool
        Whether rows with faults are set aside and listed; else they are refused.

    Returns
    -------
    Stays
        With ``next_entry``, the same traveller's next arrival in the file.

    Raises
    ------
    TableError
        With the number of the row (the first after the header is 1) and of its line.
    """
    intake = take_in(path, US_NEEDED, US_OPTIONAL, ("entry", "exit", *US_DATES))
    columns = intake.file.columns
    for name in ("extension_filed_on", "adjusted_on"):
        if name in columns:
            intake.refuse(pl.col(name) < pl.col("entry"), name, "a day from the entry on")
    if "exit_received_on" in columns:
        orphan = pl.col("exit_received_on").is_not_null() & pl.col("exit").is_null()
        intake.refuse(orphan, "exit_received_on", "nothing, as long as there is no exit")
    for name, words in US_WORDS.items():
        if name in columns:
            intake.frame = intake.frame.with_columns(pl.col(name).str.to_lowercase())
            intake.refuse(~pl.col(name).is_in(words), name, f"{', '.join(words)}, or nothing")
    _read_class(intake)
    _read_terms(intake)
    order = _find_twice(intake)
    intake.finish(reject=reject)
    if intake.bad.any():
        intake.keep()
        order = _by_traveller(intake.frame)
    frame, notes = _with_next_entry(intake.frame, order)
    notes += waiver_again(frame, order)
    notes += _ineffective(frame)
    frame = frame.drop([name for name in frame.columns if name == ROW or name.startswith("raw ")])
    return Stays(frame, tuple(notes), intake.faults.table(), intake.given)


def _read_class(intake: Intake) -> None:
    intake.refuse(pl.col("class").is_null(), "class", "a class of admission such as B2, WT or F1")
    codes: dict[str, str] = {}
    for text in intake.frame["class"].unique().drop_nulls().sort().to_list():
        try:
            codes[text] = class_code(text)
        except TableError as wrong:

            def make(row: int, wrong: TableError = wrong) -> TableError:
                return intake.file.fault(row, wrong.given, allowed=wrong.allowed, remedy=wrong.remedy)

            reason = "owes no departure" if "owes no" in wrong.given else "is unknown"
            intake.wrong(intake.frame["class"] == text, "class", reason, make)
    code = pl.col("class").replace_strict(codes, default=None, return_dtype=pl.Enum(list(BY_CODE)))
    intake.frame = intake.frame.with_columns(code.alias("admission_class"))


def _read_terms(intake: Intake) -> None:
    """Read ``admitted_until``: a date, ``D/S``, a period, or nothing where the class tells."""
    file, given = intake.file, intake.frame["admitted_until"]
    until, wrong = read_admission(given, intake.frame["entry"])
    intake.wrong(
        wrong.is_not_null(), "admitted_until", wrong, lambda row: wrong_date(file, row, "admitted_until")
    )
    said = given.is_not_null() & until.is_null() & wrong.is_null()
    code = intake.frame["admission_class"].cast(pl.String)
    intake.frame = intake.frame.with_columns(until.alias("admitted_until"), given.alias("raw admitted_until"))
    status, dated = ([c.code for c in BY_CODE.values() if c.admission is kind] for kind in _KINDS)
    for mask, what, remedy in (
        (said & ~code.is_in(status), "is not admitted for duration of status", "give the date on the I-94"),
        (
            until.is_null() & ~said & wrong.is_null() & code.is_in(dated),
            "has no usual period, and admitted_until is empty",
            "give the date on the I-94",
        ),
        (
            until < intake.frame["entry"],
            "is admitted until a day before the entry",
            "correct admitted_until",
        ),
    ):

        def make(row: int, what: str = what, remedy: str = remedy) -> TableError:
            at = int((intake.frame[ROW] == row + 1).arg_max() or 0)
            return file.fault(row, f"class {intake.frame['admission_class'][at]} {what}", remedy=remedy)

        intake.wrong(mask, "admitted_until", what, make)


_KINDS = (Admission.STATUS, Admission.DATE)


def _by_traveller(frame: pl.DataFrame) -> pl.Series:
    """Give the order of rows by traveller and entry; one sort serves everything that looks at neighbours."""
    return frame.select(pl.arg_sort_by("traveller", "entry", "exit", ROW, nulls_last=True)).to_series()


def _find_twice(intake: Intake) -> pl.Series:
    """Find stays that stand there twice: the later row is the fault. Gives all rows by traveller."""
    every = order = _by_traveller(intake.frame)
    if intake.bad.any():
        order = every.filter(~intake.bad.gather(every))
    ordered = intake.frame.select("traveller", "entry", "exit", ROW)[order]
    same = (pl.col("traveller") == pl.col("traveller").shift(-1)) & (
        pl.col("entry") == pl.col("entry").shift(-1)
    )
    # Out and in again on one day are two stays; anything else with the same entry is one stay twice.
    twice = ordered.with_columns(next_row=pl.col(ROW).shift(-1), same=same).filter(
        pl.col("same") & (pl.col("exit") != pl.col("entry")).fill_null(value=True)
    )
    if twice.is_empty():
        return every
    twice = twice.select(
        "traveller",
        "entry",
        first=pl.min_horizontal(ROW, "next_row"),
        last=pl.max_horizontal(ROW, "next_row"),
    ).unique("last", keep="first")
    found = intake.frame.select(ROW).join(
        twice, left_on=ROW, right_on="last", how="left", maintain_order="left"
    )

    def make(row: int) -> TableError:
        one = twice.filter(pl.col("last") == row + 1).row(0, named=True)
        return intake.file.fault(
            row,
            f"traveller {one['traveller']!r} enters on {one['entry']} as in row {one['first']}",
            remedy="keep one row for each stay",
        )

    reasons = found.select(
        pl.concat_str(pl.lit("is the entry of row "), pl.col("first").cast(pl.String), pl.lit(" again"))
    ).to_series()
    intake.wrong(found["first"].is_not_null(), "entry", reasons, make)
    return every


def _with_next_entry(frame: pl.DataFrame, order: pl.Series) -> tuple[pl.DataFrame, list[str]]:
    """Add each traveller's next arrival; `order` is that of `_by_traveller`."""
    ordered = frame.select("traveller", "entry", "exit")[order]
    same = pl.col("traveller") == pl.col("traveller").shift(-1)
    ordered = ordered.select(
        "exit", pl.when(same).then(pl.col("entry").shift(-1)).alias("next_entry"), row=order
    )
    crossing = ordered.select((pl.col("exit") > pl.col("next_entry")).sum()).item()
    again = ordered.filter(pl.col("next_entry").is_not_null())
    nothing = pl.Series("next_entry", [None], dtype=pl.Date).new_from_index(0, len(frame))
    said = f"{counted(crossing, 'stay')} with an exit after the same traveller's next entry"
    notes = [f"{said}: judged by its own dates"] if crossing else []
    return frame.with_columns(nothing.scatter(again["row"], again["next_entry"])), notes


def waiver_again(frame: pl.DataFrame, order: pl.Series | None = None) -> list[str]:
    """Say how many waiver stays without a date follow another of the traveller within 90 days.

    Parameters
    ----------
    frame : polars.DataFrame
        Columns traveller, entry, exit, admission_class, admitted_until.
    order : polars.Series, optional
        Rows by traveller and entry.
    """
    waivers = [c.code for c in BY_CODE.values() if c.is_waiver]
    if not frame["admitted_until"].null_count():
        return []
    if order is None:
        order = frame.select(pl.arg_sort_by("traveller", "entry")).to_series()
    # An Enum is compared by its codes: no text is made of it.
    stay = frame.select(
        "traveller", "entry", waiver=pl.col("admission_class").is_in(waivers),
        undated=pl.col("admitted_until").is_null(),
    )[order]  # fmt: skip
    earlier = pl.col("traveller") == pl.col("traveller").shift(1)
    near = pl.col("entry") - pl.col("entry").shift(1) <= pl.duration(days=WAIVER_DAYS)
    again = earlier & near & pl.col("waiver") & pl.col("waiver").shift(1) & pl.col("undated")
    count = stay.select(again.fill_null(value=False).sum()).item()
    if not count:
        return []
    return [
        f"{counted(count, 'waiver stay')} without admitted_until, within {WAIVER_DAYS} days of the "
        "traveller's last entry: counted with 90 days of its own; after a trip to an adjacent country the "
        "first admission's "
        "date goes on, so give the date on the I-94"
    ]


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
                notes.append(
                    f"{name} has no effect in {counted(len(rows), 'row')}, first in row {rows[0] + 1}: {why}"
                )
    return notes
