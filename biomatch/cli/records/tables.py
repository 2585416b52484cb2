"""Tables of a user's stays on the way out: to a person, to JSON, to a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biomatch.cli.console import note, plain
from biomatch.errors import SettingsError

if TYPE_CHECKING:
    import polars as pl

SHOWN_ROWS = 20
CHUNK_ROWS = 100_000
"""Rows turned into JSON at a time: ten million do not fit into memory as text."""


def show(as_json: bool, about: dict[str, Any], table: pl.DataFrame, lines: list[str]) -> None:
    """Print the result: one JSON object, its stays piece by piece, or a short table and the totals."""
    for line in about["notes"]:
        note(f"note: {line}")
    out = sys.stdout
    if as_json:
        out.write(json.dumps(plain(about), allow_nan=False)[:-1] + ', "stays": [')
        for start in range(0, len(table), CHUNK_ROWS):
            out.write((",\n" if start else "\n") + table.slice(start, CHUNK_ROWS).write_json()[1:-1])
        out.write("\n]}\n")
    else:
        out.writelines(f"{line}\n" for line in columns_of_text(table.head(SHOWN_ROWS)))
        if len(table) > SHOWN_ROWS:
            out.write(f"... and {len(table) - SHOWN_ROWS:,} more (--out gives all)\n")
        out.write("\n" + "\n".join(lines) + "\n")
    out.flush()


def columns_of_text(table: pl.DataFrame) -> list[str]:
    """Write a table for a person: its header and rows, in columns."""
    rows = [[*table.columns], *([text(value) for value in row] for row in table.rows())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{v:<{w}}" for v, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def text(value: object) -> str:
    """Write a cell for a person; a null is a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value)


def write_frame(table: pl.DataFrame, out: Path) -> None:
    """Write a whole table as CSV, or as Parquet where the name ends so."""
    from biomatch.files import csv_text
    from biomatch.tables.storage import write_text

    if out.suffix.lower() == ".csv":
        write_text(out, csv_text(table))
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        table.write_parquet(out)


def check_out(out: Path | None, option: str = "--out") -> None:
    """Refuse a file's name that names no format."""
    if out is not None and out.suffix.lower() not in (".csv", ".parquet"):
        raise SettingsError(f"{option} {out.name!r}", allowed="a name that ends in .csv or .parquet")


def groups_of(by: str | None, frame: pl.DataFrame) -> pl.DataFrame:
    """Give the columns that are counted by; empty cells as unknown."""
    import polars as pl

    names = [name.strip() for name in by.split(",") if name.strip()] if by else []
    known = ["class", "country", "mode", "port", "carrier", "sex"]
    for name in names:
        if name not in known:
            raise SettingsError(f"--by {name!r}", allowed=", ".join(known))
        if name not in frame.columns:
            raise SettingsError(
                f"--by {name!r}: the file has no such column", remedy="add it, or leave it out"
            )
    own = {"class": "admission_class"}
    return frame.select(
        pl.col(own.get(name, name)).cast(pl.String).fill_null("unknown").alias(name) for name in names
    )


def with_rates(table: pl.DataFrame) -> pl.DataFrame:
    """Add the rates of the annual report, as text with counts and intervals."""
    import polars as pl

    from biomatch.rates import rate

    rows = table.iter_rows(named=True)
    total, inside = zip(
        *(
            tuple(str(rate(r[name], r["due_so_far"])) for name in ("overstays", "suspected_in_country"))
            for r in rows
        ),
        strict=True,
    ) if len(table) else ((), ())  # fmt: skip
    return table.with_columns(
        pl.Series("of_due", total, dtype=pl.String), pl.Series("in_country_of_due", inside, dtype=pl.String)
    )


def rows_with_rates(table: pl.DataFrame) -> list[dict[str, Any]]:
    """Give the annual table with its rates, as JSON has them."""
    from biomatch.rates import rate

    return [
        {
            **row,
            "total_rate": rate(row["overstays"], row["expected_departures"]).to_json(),
            "suspected_in_country_rate": rate(
                row["suspected_in_country"], row["expected_departures"]
            ).to_json(),
            "total_rate_of_due": rate(row["overstays"], row["due_so_far"]).to_json(),
        }
        for row in table.iter_rows(named=True)
    ]
