"""A report's tables: one model, written as HTML, as CSV and as the page's data.

A cell is text, a whole number, a number, a `Ratio`, None (nothing to say), or an `Along`: a value for
each threshold of the slider.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from biomatch.errors import ResultsError
from biomatch.files import FORMULA
from biomatch.reporting.figures import NOTHING, Ratio, clean, count, number

Value = str | int | float | Ratio | None
RATE_COLUMNS = ("", " numerator", " denominator", " low", " high")
"""What a column with rates becomes in CSV."""


OWN_THRESHOLD = "Threshold T"
"""Head of the first column where each row has a threshold of its own."""


FREE = frozenset({"comparison", "prices", "provenance", "settings", "waits-assumed"})
"""Tables to which no threshold belongs, or in which each row has its own."""


@dataclass(frozen=True, slots=True)
class Along:
    """A value at each threshold of the slider, ascending."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a report.

    Attributes
    ----------
    name : str
        Its place in the page and the stem of its CSV file.
    caption : str
        What it says, as a sentence.
    columns : tuple of str
        Heads; the first column heads the rows.
    rows : tuple of tuple
        Cells.
    note : str
        What a reader must know to read it.
    linked : tuple of int
        Where the table cannot stand at every position of the slider: for each position the one whose values
        it shows.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value | Along, ...], ...]
    note: str = ""
    linked: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        ragged = [row for row in self.rows if len(row) != len(self.columns)]
        if ragged:
            raise ResultsError(
                f"table {self.name!r} has a row of {len(ragged[0])} cells", allowed=f"{len(self.columns)}"
            )

    @property
    def follows(self) -> bool:
        """Whether any cell follows the slider."""
        return any(isinstance(cell, Along) for row in self.rows for cell in row)

    @property
    def rated(self) -> bool:
        """Whether any cell is a rate or follows the slider, so that N, L and T belong to it.

        Not where each row names its own threshold: caption or note then say N.
        """
        return self.columns[0] != OWN_THRESHOLD and any(
            isinstance(cell, Along | Ratio) for row in self.rows for cell in row
        )

    @property
    def free(self) -> bool:
        """Whether no threshold belongs to it, or each row names its own."""
        return self.name in FREE or self.columns[0] == OWN_THRESHOLD

    @property
    def stacked(self) -> bool:
        """Whether rates stand on top of their counts: two fit beside each other, unless columns are many."""
        rated = [any(_is_rated(row[at]) for row in self.rows) for at in range(len(self.columns))]
        return sum(rated) > 2 or len(self.columns) > 4

    def at(self, position: int) -> Table:
        """Give the table as it stands at one position of the slider."""
        rows = tuple(tuple(_at(cell, position) for cell in row) for row in self.rows)
        return Table(self.name, self.caption, self.columns, rows, self.note, self.linked)

    def to_json(self) -> dict[str, Any]:
        """Give the page's data, in the form that ``page/tables.js`` reads."""
        return {
            "caption": clean(self.caption),
            "columns": [clean(name) for name in self.columns],
            "rows": [[_pack(cell) for cell in row] for row in self.rows],
            "note": clean(self.note),
            "follows": self.follows,
            "rated": self.rated,
            "free": self.free,
            "linked": list(self.linked),
        }

    def to_csv(self, position: int = 0) -> str:
        """Write the table at a position as CSV (RFC 4180, line feeds); a rate takes five columns."""
        here = self.at(position)
        rated = [any(isinstance(row[at], Ratio) for row in here.rows) for at in range(len(self.columns))]
        head = [
            name + part
            for name, has_rates in zip(here.columns, rated, strict=True)
            for part in (RATE_COLUMNS if has_rates else ("",))
        ]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_guarded(name) for name in head)
        for row in here.rows:
            writer.writerow(
                part for cell, rates in zip(row, rated, strict=True) for part in _csv(cell, rates)
            )
        return out.getvalue()

    def to_html(self, position: int = 0, where: str = "") -> str:
        """Write caption, head and body; ``page/tables.js`` writes the same at other positions."""
        here = self.at(position)
        heads = "".join(
            f'<th scope="col"{_align(here, at)}>{escape(clean(name))}</th>'
            for at, name in enumerate(self.columns)
        )
        body = "".join(
            f'<tr><th scope="row"><bdi>{_html(row[0])}</bdi></th>'
            + "".join(f"<td{_align(here, at)}>{_html(cell)}</td>" for at, cell in enumerate(row[1:], start=1))
            + "</tr>"
            for row in here.rows
        )
        note = f' <span class="note">{escape(clean(self.note))}</span>' if self.note else ""
        at = f' <span class="at">{escape(where)}</span>' if where else ""
        caption = f"<caption>{escape(clean(self.caption))}{note}{at}</caption>"
        return f"{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody>"


def _is_rated(cell: Value | Along) -> bool:
    return isinstance(cell, Ratio) or (isinstance(cell, Along) and isinstance(cell.values[0], Ratio))


def _at(cell: Value | Along, position: int) -> Value:
    return cell.values[position] if isinstance(cell, Along) else cell


def _align(table: Table, at: int) -> str:
    """Mark columns of figures, which stand to the right."""
    texts = [row[at] for row in table.rows if row[at] is not None]
    return "" if at == 0 or (texts and all(isinstance(cell, str) for cell in texts)) else ' class="num"'


def _html(cell: Value | Along) -> str:
    if isinstance(cell, Ratio):
        value, counts, interval = cell.parts()
        if not counts:
            return f'<span class="none">{value}</span>'
        return (
            f'<span class="v">{value}</span> <span class="d"><span class="n">{counts}</span> '
            f'<span class="i">{interval}</span></span>'
        )
    if isinstance(cell, str):
        return f"<bdi>{escape(clean(cell))}</bdi>"
    return escape(text_of(cell))


def text_of(cell: Value | Along) -> str:
    """Write one cell (no `Along`) as text."""
    if cell is None:
        return NOTHING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return count(cell)
    if isinstance(cell, float):
        return number(cell)
    return str(cell) if isinstance(cell, Ratio) else clean(cell)


def _csv(cell: Value | Along, rates: bool) -> Iterator[str]:
    if isinstance(cell, Ratio):
        yield "" if cell.value is None else repr(cell.value)
        yield from (str(cell.numerator), str(cell.denominator), repr(cell.low), repr(cell.high))
        return
    yield "" if cell is None else repr(cell) if isinstance(cell, float) else _guarded(cell)
    if rates:
        yield from ("",) * (len(RATE_COLUMNS) - 1)


def _guarded(cell: Value | Along) -> str:
    """Keep a spreadsheet from running a name as a formula: such text gets an apostrophe."""
    text = clean(cell)
    return f"'{text}" if isinstance(cell, str) and text[:1] in FORMULA else text


def _pack(cell: Value | Along) -> Any:
    """Pack a cell: ``{f: number}``, ``[n, d, low, high]``, ``{a: values}``, ``{n, d, lo, hi}`` along."""
    if isinstance(cell, Along):
        return _pack_along(cell.values)
    if isinstance(cell, Ratio):
        return [cell.numerator, cell.denominator, cell.low, cell.high]
    if isinstance(cell, float):
        return {"f": cell}
    return clean(cell) if isinstance(cell, str) else cell


def _pack_along(values: Sequence[Value]) -> dict[str, Any]:
    ratios = [value for value in values if isinstance(value, Ratio)]
    if not ratios or len(ratios) < len(values):
        return {"a": [_pack(value) for value in values]}
    denominators = {one.denominator for one in ratios}
    return {
        "n": [one.numerator for one in ratios],
        "d": ratios[0].denominator if len(denominators) == 1 else [one.denominator for one in ratios],
        "lo": [one.low for one in ratios],
        "hi": [one.high for one in ratios],
    }
