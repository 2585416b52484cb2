"""Rows that cannot be read: collected with row, value and reason, listed in a file or named in a refusal."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from biomatch.errors import TableError

FAULT_COLUMNS = {
    "file": pl.String,
    "row": pl.Int64,  # the first after the header is 1
    "column": pl.String,  # empty: the row as a whole
    "value": pl.String,
    "reason": pl.String,
}
FIRST = 5
"""Faults that a refusal names."""


@dataclass(eq=False)
class Faults:
    """Faults of one or several tables.

    Attributes
    ----------
    parts : list of polars.DataFrame
        Columns `FAULT_COLUMNS`.
    """

    parts: list[pl.DataFrame] = field(default_factory=list)

    def add(self, file: str, column: str, rows: pl.Series, values: pl.Series, reasons: pl.Series) -> None:
        """Add faults, row by row; nulls among the values are told as empty."""
        if len(rows):
            self.parts.append(
                pl.DataFrame(
                    {
                        "file": pl.repeat(file, len(rows), dtype=pl.String, eager=True),
                        "row": rows.cast(pl.Int64),
                        "column": pl.repeat(column, len(rows), dtype=pl.String, eager=True),
                        "value": values.cast(pl.String),
                        "reason": reasons.cast(pl.String),
                    },
                    schema=FAULT_COLUMNS,
                )
            )

    def table(self) -> pl.DataFrame:
        """Give all faults, by file and row: columns `FAULT_COLUMNS`."""
        if not self.parts:
            return pl.DataFrame(schema=FAULT_COLUMNS)
        return pl.concat(self.parts).sort("file", "row", "column")

    def rejected(self) -> int:
        """Count the rows that have a fault."""
        return self.table().select("file", "row").unique().height

    def refuse(self, remedy: str = "correct them, or give --rejects FILE to judge the others") -> None:
        """Raise for the faults, naming the first five and how many more there are.

        Raises
        ------
        TableError
            Where there is any.
        """
        table = self.table()
        if table.is_empty():
            return
        said = [sentence(row) for row in table.head(FIRST).iter_rows(named=True)]
        rest = len(table) - len(said)
        more = f"; and {rest:,} more fault{'' if rest == 1 else 's'}" if rest else ""
        count = self.rejected()
        raise TableError(
            f"{count:,} row{'' if count == 1 else 's'} cannot be read: {'; '.join(said)}{more}", remedy=remedy
        )


def sentence(fault: dict[str, object]) -> str:
    """Say one fault: file, row, column, value, reason."""
    column, value = fault["column"], fault["value"]
    what = f"{column} " if column else ""
    shown = "is empty, " if value is None else f"{str(value)[:60]!r} "
    return f"{fault['file']} row {fault['row']:,}: {what}{shown}{fault['reason']}"
