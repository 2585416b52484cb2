"""How a port's CSV is read: whichever separator, title, header words, dates and hours it came with."""

from __future__ import annotations

import csv
import difflib
import io
import re
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from biomatch import files
from biomatch.errors import TableError
from biomatch.tables.htmlrows import html_rows

BANDS = ("n_0_15", "n_16_30", "n_31_45", "n_46_60", "n_61_90", "n_91_120", "n_over_120")
_BAND_DIGITS = {
    "015": "n_0_15", "1630": "n_16_30", "3145": "n_31_45", "4660": "n_46_60", "6190": "n_61_90",
    "91120": "n_91_120", "120": "n_over_120", "121": "n_over_120",
}  # fmt: skip
_AROUND_A_BAND = frozenset(
    ("", "p", "n", "over", "plus", "pplus", "nover", "nplus", "all", "alln", "allnover", "allnplus",
     "allplus", "min", "mins", "minutes", "wait")
)  # fmt: skip
_WORDS = {
    "airport": ("airport", "airportcode", "iata", "port"),
    "terminal": ("terminal", "terminalname", "hall"),
    "date": ("date", "day", "flightdate", "arrivaldate"),
    "hour": ("hour", "hours", "hourrange", "arrivalhour", "time", "timerange"),
    "passengers": (
        "passengers", "total", "alltotal", "totalpassengers", "pax", "travellers", "travelers", "people",
        "totalpassengercount", "numberofpassengers", "passengercount",
    ),
    "flights": ("flights", "allflights", "totalflights", "flightcount", "numberofflights"),
    "booths": ("booths", "allbooths", "totalbooths", "boothsopen", "openbooths", "boothcount", "boothsused",
               "numberofbooths", "desks"),
    "excluded": ("excluded", "allexcluded", "excludedpassengers"),
    "mean_wait": (
        "meanwait", "average", "averagewait", "averagewaittime", "avgwait", "avgwaittime", "allavgwait",
        "allaveragewait", "allaveragewaittime", "avg", "waitminutes", "mean", "allmeanwait",
    ),
    "max_wait": ("maxwait", "max", "maxwaittime", "maximum", "allmaxwait", "allmaxwaittime", "maximumwait",
                 "maximumwaittime", "longest"),
    "us_mean_wait": (
        "usmeanwait", "usavgwait", "usaveragewait", "usaveragewaittime", "uscitizenaveragewaittime",
        "uscitizenavgwait", "uscitizenaveragewait",
    ),
    "us_max_wait": ("usmaxwait", "usmaxwaittime", "uscitizenmaxwaittime", "uscitizenmaxwait"),
    "other_mean_wait": (
        "othermeanwait", "nonusavgwait", "nonusaveragewait", "nonusaveragewaittime", "nonusmeanwait",
        "nonuscitizenaveragewaittime", "nonuscitizenavgwait", "nonuscitizenaveragewait",
    ),
    "other_max_wait": ("othermaxwait", "nonusmaxwait", "nonusmaxwaittime", "nonuscitizenmaxwaittime",
                       "nonuscitizenmaxwait"),
    "visitor_share": ("visitorshare", "visitors"),
    "gate_share": ("gateshare",),
    "connecting_share": ("connectingshare",),
    "coached": ("coached", "bussed"),
    "gate_time": ("gatetime", "arrival", "arrivaltime", "landing", "time", "datetime", "departure",
                  "departuretime"),
    "from": ("from", "begins", "begin", "start"),
    "to": ("to", "ends", "end", "until"),
    "lane": ("lane", "station"),
}  # fmt: skip
"""Header words that are understood, lower case without blanks or signs."""
_EMPTY = ("", "na", "n/a", "nan", "null", "none", "-")
_LOOKED_AT = 12
"""Lines above the header that may be a title."""


@dataclass(frozen=True)
class Cells:
    """A file as text: every column a string, empty cells null."""

    where: str
    frame: pl.DataFrame
    notes: list[str] = field(default_factory=list)

    @property
    def height(self) -> int:
        """Rows."""
        return len(self.frame)

    def text(self, name: str) -> pl.Series:
        """A column as stripped text; what means empty is null."""
        column = self.frame[name].cast(pl.String).str.strip_chars()
        return column.set(column.str.to_lowercase().is_in(list(_EMPTY)), None)


def read_cells(path: str | Path | pl.DataFrame) -> Cells:
    """Read a CSV or Parquet file, or take a frame, as text.

    Raises
    ------
    TableError
        For a file that is absent, empty, no text, or has no header that names a date or a time.
    """
    if isinstance(path, pl.DataFrame):
        return Cells("the frame", _as_text(path))
    place = Path(path)
    if not files.exists(place):
        raise TableError(f"{place} does not exist", remedy="give a CSV or Parquet file that exists")
    if place.suffix.lower() == ".parquet":
        return Cells(place.name, _as_text(files.read_parquet(place)))
    content = files.read_bytes(place, pipe=True)
    if content[:2] == b"PK" or content[:4] == b"\xd0\xcf\x11\xe0":
        raise TableError(f"{place.name} is an Excel workbook", remedy="save its sheet as CSV")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    if text.lstrip()[:1] == "<":
        return _table_of(html_rows(text), place.name)
    first = "\n".join(text.splitlines()[:_LOOKED_AT])
    rows = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count))
    try:
        cells = [[cell.strip() for cell in row] for row in rows]
    except csv.Error as fault:
        raise TableError(
            f"{place.name}, line {rows.line_num}: {fault}", remedy="save it as CSV again"
        ) from None
    return _table_of(cells, place.name)


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    if not len(frame):
        raise TableError("a table without rows", remedy="give at least one row")
    kinds = {name: kind for name, kind in frame.schema.items() if isinstance(kind, (pl.Categorical, pl.Enum))}
    return frame.with_columns(pl.col(name).cast(pl.String) for name in kinds).with_columns(
        pl.all().cast(pl.String)
    )


def _table_of(rows: list[list[str]], where: str) -> Cells:
    """Find the header among the first lines, and read what stands under it."""
    at = next((k for k, row in enumerate(rows[:_LOOKED_AT]) if _is_header(row)), None)
    if at is None:
        raise TableError(
            f"{where} has no header line", allowed="a line of column names, such as date,hour,passengers"
        )
    names = _distinct(_grouped(rows[at], rows[at - 1] if at else []))
    width = len(names)
    body = [row for row in rows[at + 1 :] if any(row)]
    for number_, row in enumerate(body, start=at + 2):
        if len(row) < width or any(row[width:]):
            raise TableError(
                f"line {number_} of {where} has {len(row)} cells under {width} names", remedy="mend that line"
            )
    if not body:
        raise TableError(f"{where} has no rows", remedy="give at least one row under the header")
    columns = {name: [row[k] for row in body] for k, name in enumerate(names)}
    return Cells(where, pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)))


def _is_header(row: list[str]) -> bool:
    known = {word for words in _WORDS.values() for word in words}
    return sum(_plain(cell) in known for cell in row) >= 2


def _grouped(names: list[str], above: list[str]) -> list[str]:
    """Give columns of the same name the group's name from the line above, as the agency's pages have it."""
    plain_names = [_plain(name) for name in names]
    if len(set(plain_names)) == len(plain_names) or not any(above):
        return names
    group, found = "", []
    for k, name in enumerate(names):
        group = above[k] if k < len(above) and above[k] else group
        found.append(f"{group} {name}".strip() if plain_names.count(plain_names[k]) > 1 else name)
    return found


def _distinct(names: list[str]) -> list[str]:
    """Name empty headers by their place, and repeated ones by their turn.

    The agency's table repeats "Average Wait" for citizens, others and all, in this order.
    """
    plain_names = [_plain(name) for name in names]
    turns = {2: ("us ", "non us "), 3: ("us ", "non us ", "")}
    found: list[str] = []
    for k, name in enumerate(names):
        times_ = plain_names.count(plain_names[k])
        turn = plain_names[:k].count(plain_names[k])
        if not name:
            found.append(f"column {k + 1}")
        elif times_ > 1:
            found.append(f"{turns.get(times_, ())[turn] if times_ in turns else f'{turn + 1} '}{name}")
        else:
            found.append(name)
    return found


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def column_names(cells: Cells, needed: tuple[str, ...]) -> dict[str, str]:
    """Find which column is what; a misspelt header of a needed column is taken, with a note.

    Raises
    ------
    TableError
        Naming the columns that are missing and those that there are.
    """
    found: dict[str, str] = {}
    for name in cells.frame.columns:
        band = _band(name)
        if band is not None:
            found.setdefault(band, name)
    free = [name for name in cells.frame.columns if name not in found.values()]
    for wanted, words in _WORDS.items():
        for word in (_plain(wanted), *words):
            match = next((name for name in free if _plain(name) == word), None)
            if match is not None and wanted not in found:
                found[wanted] = match
    rest = [name for name in free if name not in found.values()]
    for wanted in (*needed, "flights", "booths", "mean_wait"):
        if wanted in found:
            continue
        for word in _WORDS[wanted]:
            close = [name for name in rest if len(word) > 4 and _near(_plain(name), word)]
            if len(close) == 1:
                found[wanted] = close[0]
                cells.notes.append(f"column {close[0]!r} is read as {wanted}")
                rest.remove(close[0])
                break
    missing = [name for name in needed if name not in found]
    if missing:
        raise TableError(
            f"{cells.where} lacks {', '.join(missing)}; it has {', '.join(cells.frame.columns)}"[:400],
            allowed=f"columns {', '.join(needed)} (or the agency's names for them)",
            remedy="rename the columns",
        )
    return found


def _near(given: str, word: str) -> bool:
    return difflib.SequenceMatcher(None, given, word).ratio() >= 0.85


def _band(name: str) -> str | None:
    """Say which wait band a header names: ``p015``, ``0 - 15``, ``all_n_0..15``, ``120 plus``."""
    plain = _plain(name)
    if plain.startswith(("us", "nonus", "other")):
        return None
    if re.sub(r"\d", "", plain) not in _AROUND_A_BAND:
        return None
    return _BAND_DIGITS.get(re.sub(r"\D", "", plain))


def _fault(cells: Cells, name: str, bad: pl.Series, allowed: str) -> TableError:
    at = int(bad.arg_true()[0])
    return TableError(
        f"{cells.where}: {name} = {cells.frame[name][at]!r} in row {at + 1}",
        allowed=allowed,
        remedy="mend that row, or leave it out",
    )


def dates(cells: Cells, name: str) -> pl.Series:
    """Read dates: ISO, or month/day/year as the agency writes them."""
    text = cells.text(name).str.replace(r"[T ].*$", "")
    found = text.str.to_date("%Y-%m-%d", strict=False)
    for form in ("%m/%d/%Y", "%m/%d/%y", "%Y/%m/%d", "%Y%m%d"):
        if found.null_count():
            # Two digits of a year must not be read as the year 18.
            fits = (
                text if form != "%m/%d/%Y" else text.set(text.str.contains(r"/\d{2}$").fill_null(False), None)
            )
            found = found.fill_null(fits.str.to_date(form, strict=False))
    bad = found.is_null()
    if bad.any():
        raise _fault(cells, name, bad, "dates such as 2018-07-09 or 7/9/2018")
    return found


def hours_of_day(cells: Cells, name: str) -> pl.Series:
    """Read hours of the day: 13, 13.0, 13:00, 1300, or ``1300 - 1400``."""
    text = cells.text(name)
    start = text.str.replace(r"\s*(-|–|to)\s*\d.*$", "")
    clock = start.str.extract(r"^(\d{1,2}):?\d{2}(?::\d{2})?$", 1)
    whole = start.str.extract(r"^(\d{1,2})(?:\.0+)?$", 1)
    found = whole.fill_null(clock).cast(pl.Int64, strict=False)
    bad = found.is_null() | (found < 0) | (found > 23)
    if bad.any():
        raise _fault(cells, name, bad, "hours 0 to 23, or 1300 - 1400")
    return found


def count(cells: Cells, name: str | None, most: float) -> pl.Series:
    """Read a column of counts: 1,234 and 1234.0 are 1234."""
    return number(cells, name, 0.0, float(most))


def number(cells: Cells, name: str | None, least: float, most: float) -> pl.Series:
    """Read a column of numbers inside limits; a column that is absent is all null."""
    if name is None:
        return pl.Series([None] * cells.height, dtype=pl.Float64)
    text = cells.text(name)
    found = text.str.replace_all(",", "").cast(pl.Float64, strict=False)
    bad = (found.is_null() & text.is_not_null()) | ~found.is_between(least, most).fill_null(True)
    bad = bad | found.is_nan().fill_null(False)
    if bad.any():
        raise _fault(cells, name, bad, f"a number from {least:,.0f} to {most:,.0f}")
    return found


def flag(cells: Cells, name: str | None) -> pl.Series:
    """Read yes and no; a column that is absent is all null."""
    if name is None:
        return pl.Series([None] * cells.height, dtype=pl.Boolean)
    text = cells.text(name).str.to_lowercase()
    yes, no = text.is_in(["true", "yes", "1", "y"]), text.is_in(["false", "no", "0", "n"])
    bad = text.is_not_null() & ~yes.fill_null(False) & ~no.fill_null(False)
    if bad.any():
        raise _fault(cells, name, bad, "yes or no")
    return yes.fill_null(False)


def times(cells: Cells, name: str) -> pl.Series:
    """Read ISO times; with offsets, all must have the same one: a clock change inside would shift waits.

    Returns
    -------
    polars.Series
        Local times without a zone, to the millisecond.
    """
    text = cells.text(name)
    offsets = text.str.extract(r"(Z|[+-]\d{2}:?\d{2})$", 1)
    if offsets.null_count() not in (0, len(offsets)):
        raise TableError(f"{cells.where}: some times with an offset, some without", remedy="give all alike")
    if offsets.n_unique() > 1:
        shown = " and ".join(sorted(str(one) for one in offsets.unique().to_list())[:3])
        raise TableError(
            f"{cells.where}: the clock changes inside the file (offsets {shown})",
            allowed="one offset",
            remedy="give UTC, or one offset for all, or split the file at the change",
        )
    bare = text.str.replace(r"(Z|[+-]\d{2}:?\d{2})$", "").str.replace("T", " ")
    found = bare.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="ms")
    found = found.fill_null(bare.str.to_datetime("%Y-%m-%d %H:%M", strict=False, time_unit="ms"))
    bad = found.is_null()
    if bad.any():
        raise _fault(cells, name, bad, "ISO times such as 2026-06-06T08:00")
    return found
