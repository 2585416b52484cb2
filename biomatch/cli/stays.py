"""``biomatch stays us|eu``: the stay rules alone, on a user's own file."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from biomatch.cli.console import Json, note, plain
from biomatch.errors import SettingsError

if TYPE_CHECKING:
    import polars as pl

File = Annotated[Path, typer.Argument(metavar="FILE.csv", help="A row a stay, ISO dates, UTF-8.")]
On = Annotated[str, typer.Option("--on", metavar="DATE", help="The day of the check, such as 2026-03-31.")]
SHOWN_ROWS = 20
CHUNK_ROWS = 100_000
"""Rows turned into JSON at a time: ten million do not fit into memory as text."""
EU_KEYS = (
    "traveller",
    "limit",
    "used",
    "remaining",
    "excess",
    "overstay_days",
    "may_stay_until",
    "next_entry",
)
US_KEYS = (
    "traveller",
    "entry",
    "last_lawful_day",
    "status",
    "days_over",
    "fiscal_year",
    "expected_departure",
)


def register(app: typer.Typer) -> None:
    """Add ``stays us`` and ``stays eu``."""
    stays = typer.Typer(help="Judge stays by the rules of the United States or the European Union.")
    stays.command("us")(us_stays)
    stays.command("eu")(eu_stays)
    app.add_typer(stays, name="stays", no_args_is_help=True)


def us_stays(file: File, on: On, as_json: Json = False) -> None:
    """Judge each stay in the United States as of a date.

    Columns: traveller,class,entry,exit,admitted_until and optionally programme_end, extension_filed_on,
    adjusted_on, satisfactory_departure_until, exit_received_on, programme_ended (completed, withdrawn,
    terminated), mode (air, sea, land). Classes such as B2, B-2, WT, F-1;
    admitted_until may be D/S, a period such as "6 months", or empty for the class's usual one.
    """
    from biomatch.overstay.rules import us, us_report
    from biomatch.overstay.rules.reading import read_us

    day = read_day(on)
    stays = read_us(file)
    found = us.assess(stays.frame, day)
    table = found.with_columns(stays.frame["traveller"], stays.frame["entry"]).select(US_KEYS)
    years = {
        str(year): us_report.OverstayCounts(expected, out, inside, due)
        for year, expected, _, out, inside, due in us_report.annual_table(found, on=day).rows()
    }
    by_status = {str(k): n for k, n in found["status"].value_counts(sort=True).rows()}
    lines = [f"{n:>12,}  {name}" for name, n in by_status.items()]
    lines += [f"FY{year}: {counts}" for year, counts in years.items()]
    about = {
        "rules": us.RULES.to_json(),
        "on": day,
        "statuses": by_status,
        "fiscal_years": years,
        "notes": list(stays.notes),
    }
    show(as_json, about, table, lines)


def eu_stays(file: File, on: On, as_json: Json = False) -> None:
    """Judge each traveller by the European Union's 90 days in any 180.

    Columns: traveller,entry,exit and optionally basis (short_stay, or a reason that excludes the days) and
    max_days. An empty exit: still inside. Rows of several passports share the traveller and are united.
    """
    from biomatch.overstay.rules import eu
    from biomatch.overstay.rules.reading import read_eu

    day = read_day(on)
    stays = read_eu(file)
    found = eu.assess(stays.frame, day)
    totals = {
        "travellers": len(found),
        "inside": int(found["inside"].sum()),
        "in_excess": int((found["excess"] > 0).sum()),
        "ever_overstayed": int((found["overstay_days"] > 0).sum()),
    }
    lines = [f"{n:>12,}  {name.replace('_', ' ')}" for name, n in totals.items()]
    about = {"rules": eu.RULES.to_json(), "on": day, "totals": totals, "notes": list(stays.notes)}
    show(as_json, about, found.select(EU_KEYS), lines)


def read_day(text: str) -> date:
    """Read the day of the check."""
    from biomatch.overstay.rules.base import FIRST_DAY, LAST_DAY

    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    if day is None or not FIRST_DAY <= day <= LAST_DAY:
        raise SettingsError(f"--on {text!r}", allowed=f"an ISO date, {FIRST_DAY} to {LAST_DAY}")
    return day


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
            out.write(f"... and {len(table) - SHOWN_ROWS:,} more (--json gives all)\n")
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
