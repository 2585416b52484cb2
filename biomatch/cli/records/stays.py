"""``stays us`` and ``stays eu``: the rules of stay alone, on a user's own file."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from biomatch.cli.console import Json, note
from biomatch.cli.records.tables import (
    SHOWN_ROWS,
    check_out,
    columns_of_text,
    groups_of,
    rows_with_rates,
    show,
    with_rates,
    write_frame,
)
from biomatch.errors import SettingsError

if TYPE_CHECKING:
    import polars as pl

    from biomatch.overstay.rules.intake.cells import Stays


class Only(StrEnum):
    """Which rows are shown."""

    overstays = "overstays"


class MissingExit(StrEnum):
    """What a missing exit means where the traveller entered again."""

    inside = "inside"
    inferred = "inferred"
    unknown = "unknown"


File = Annotated[Path, typer.Argument(metavar="FILE.csv", help="A row a stay, ISO dates, UTF-8.")]
On = Annotated[str, typer.Option("--on", metavar="DATE", help="The day of the check, such as 2026-03-31.")]
Rejects = Annotated[
    Path | None, typer.Option("--rejects", metavar="FILE", help="List bad rows there, judge the others.")
]
OnlyThese = Annotated[Only | None, typer.Option("--only", help="Show overstays alone.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The whole table: .csv or .parquet.")]
OVERSTAYS = ("suspected_in_country_overstay", "out_of_country_overstay")
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
    """Add ``stays us``, ``stays eu`` and ``stays retention``."""
    stays = typer.Typer(help="Judge stays by the rules of the United States or the European Union.")
    stays.command("us")(us_stays)
    stays.command("eu")(eu_stays)
    stays.command("retention")(retention)
    app.add_typer(stays, name="stays", no_args_is_help=True)


def us_stays(
    file: File,
    *,
    on: On,
    by: Annotated[
        str | None, typer.Option("--by", help="Count by class,country,mode,port,carrier,sex.")
    ] = None,
    restate: Annotated[
        list[str] | None, typer.Option("--restate", metavar="DATE", help="Count again as of it; repeat.")
    ] = None,
    only: OnlyThese = None,
    rejects: Rejects = None,
    out: Out = None,
    annual: Annotated[
        Path | None, typer.Option("--annual", metavar="FILE", help="The table of --by and --restate.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge each stay in the United States as of a date.

    Columns: traveller,class,entry,exit,admitted_until and optionally programme_end, extension_filed_on,
    extension_decision (granted, denied, pending), extension_decided_on, extended_until, adjusted_on,
    satisfactory_departure_until, exit_received_on, programme_ended (completed, withdrawn, terminated),
    mode (air, sea, land), and country, port, carrier, sex, document, name, which are carried through.
    Classes such as B2, B-2, WT, F-1, B1/B2, PAR; admitted_until may be D/S, a period such as "6 months", or
    empty for the class's usual one.
    """
    import polars as pl

    from biomatch.overstay.rules import us, us_report
    from biomatch.overstay.rules.intake.rows import read_us

    day = read_day(on)
    days = [read_day(text, "--restate") for text in restate or ()]
    check_out(out)
    check_out(annual, "--annual")
    stays = read_us(file, reject=rejects is not None)
    groups = groups_of(by, stays.frame)
    _write_rejects(rejects, stays)
    found = us.assess(stays.frame, day)
    whole = pl.concat([stays.frame.drop("admission_class"), found], how="horizontal")
    overstay = found["status"].cast(pl.String).is_in(OVERSTAYS)
    table = _published(stays.frame, groups, [day, *days])
    about, lines = _us_summary(found, day)
    if by or days:
        lines += ["", *columns_of_text(with_rates(table).head(200))]
    about |= {
        "table": rows_with_rates(table) if by or days else [],
        "rejected": stays.rejects.select("row").n_unique(),
        "notes": list(stays.notes),
        "out": out,
        "annual": annual,
    }
    for place, frame in ((out, whole), (annual, us_report.with_rates(table))):
        if place is not None:
            write_frame(frame, place)
            lines.append(f"written: {place.absolute()}")
    keys = [*US_KEYS] if as_json else [*US_KEYS, "severity", "visa_void"]
    shown = whole.select(keys)
    if only is not None:
        shown = shown.filter(overstay)
    elif not as_json:
        shown = pl.concat([shown.filter(overstay), shown.filter(~overstay)])
    if not as_json:
        shown = shown.sort("days_over", descending=True, maintain_order=True)
    show(as_json, about, shown, lines)


def _us_summary(found: pl.DataFrame, day: date) -> tuple[dict[str, Any], list[str]]:
    """Count statuses, severities and fiscal years: for JSON, and in lines."""
    from biomatch.overstay.rules import us, us_report

    years = {
        str(year): us_report.OverstayCounts(expected, out, inside, due)
        for year, expected, _, out, inside, due in us_report.annual_table(found, on=day).rows()
    }
    by_status = {str(k): n for k, n in found["status"].value_counts(sort=True).rows()}
    by_severity = {str(k): n for k, n in found["severity"].value_counts().sort("severity").rows()}
    void = int(found["visa_void"].sum())
    lines = [f"{n:>12,}  {name}" for name, n in by_status.items()]
    if void or set(by_severity) - {"none"}:
        lines += [f"{n:>12,}  severity {name}" for name, n in by_severity.items() if name != "none"]
        lines.append(f"{void:>12,}  visas void")
    lines += [f"FY{year}: {counts}" for year, counts in years.items()]
    about = {
        "rules": us.RULES.to_json(),
        "on": day,
        "statuses": by_status,
        "severities": by_severity,
        "visas_void": void,
        "fiscal_years": years,
    }
    return about, lines


def _published(stays: pl.DataFrame, groups: pl.DataFrame, days: list[date]) -> pl.DataFrame:
    """Count as of each date: expected departures and overstays by fiscal year and group."""
    import polars as pl

    from biomatch.overstay.rules import us, us_report

    tables = []
    for one in days:
        results = pl.concat([us.assess(stays, one), groups], how="horizontal")
        counted = us_report.annual_table(results, groups.columns, on=one)
        tables.append(counted.select(pl.lit(one).alias("as_of"), pl.all()))
    return pl.concat(tables)


def eu_stays(
    file: File,
    *,
    on: On,
    missing_exit: Annotated[
        MissingExit | None,
        typer.Option("--missing-exit", help="What a missing exit before an entry is."),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Judge trips to come too.")] = False,
    only: OnlyThese = None,
    rejects: Rejects = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Judge each traveller by the European Union's 90 days in any 180.

    Columns: traveller,entry,exit and optionally basis (short_stay, or a reason that excludes the days),
    max_days, country (days count from its accession), mode (air, sea, land), valid_until (of the visa).
    An empty exit: still inside. Rows of several passports share the traveller and are united. With
    --missing-exit, a row may have an exit without an entry.
    """
    import polars as pl

    from biomatch.overstay.rules import eu, eu_list
    from biomatch.overstay.rules.base import counted
    from biomatch.overstay.rules.intake.rows import read_eu

    day = read_day(on)
    check_out(out)
    stays = read_eu(file, reject=rejects is not None, exit_only=missing_exit is not None)
    _write_rejects(rejects, stays)
    rule = "inside" if missing_exit is None else missing_exit.value
    missing = int(eu_list.missing_exits(stays.frame).sum())
    frame = eu_list.with_exits(stays.frame, rule)
    found = eu_list.judge(frame, day)
    totals = _totals(found)
    under = {rule: totals}
    if missing:
        for other in eu_list.MISSING_EXITS:
            if other not in under:
                under[other] = _totals(eu_list.judge(eu_list.with_exits(stays.frame, other), day))
    listed = eu_list.list_of_overstayers(frame, found, day)
    trips = eu_list.plans(frame, day) if plan else None
    lines = _eu_lines(totals, under if missing else {}, rule, missing)
    if len(listed):
        lines += ["", f"Article 12: {counted(len(listed), 'traveller')}"]
        lines += columns_of_text(listed.head(SHOWN_ROWS))
    if trips is not None:
        lines += ["", f"{counted(len(trips), 'trip')} to come", *columns_of_text(trips.head(SHOWN_ROWS))]
    notes = [text for text in stays.notes if rule == "inside" or "taken as inside" not in text]
    about = {
        "rules": eu.RULES.to_json(),
        "on": day,
        "totals": totals,
        "missing_exit": {"rule": rule, "rows": missing, "totals": under},
        "article_12": _plain_rows(listed),
        "plans": None if trips is None else _plain_rows(trips),
        "rejected": stays.rejects.select("row").n_unique(),
        "notes": notes,
        "out": out,
    }
    shown = found
    over = (
        (found["overstay_days"] > 0)
        | (found["excess"] > 0)
        | (found["inside"] & found["may_stay_until"].is_null())
    )
    if only is not None:
        shown = found.filter(over)
    elif not as_json:
        shown = pl.concat([found.filter(over), found.filter(~over)])
    if out is not None:
        write_frame(found, out)
        lines.append(f"written: {out.absolute()}")
    show(as_json, about, shown.select(EU_KEYS), lines)


def _eu_lines(totals: dict[str, int], under: dict[str, dict[str, int]], rule: str, missing: int) -> list[str]:
    """Print the totals, and what they are where missing exits are taken otherwise."""
    lines = [f"{n:>12,}  {name.replace('_', ' ')}" for name, n in totals.items()]
    if missing:
        lines.append(f"{missing:>12,}  without an exit before another entry, taken as {rule}")
    return lines + [
        f"{'':>14}{name}: {t['in_excess']:,} in excess, {t['ever_overstayed']:,} ever overstayed"
        for name, t in under.items()
    ]


def retention(file: File, rejects: Rejects = None, out: Out = None, as_json: Json = False) -> None:
    """Say how long the European entry/exit system keeps each record and each traveller's file.

    Columns: traveller,entry,exit and optionally authorised_until (last day of the authorised stay, which
    decides where there is no exit) and family_member (yes, no).
    """
    import polars as pl

    from biomatch.overstay.rules import eu_retention
    from biomatch.overstay.rules.base import counted
    from biomatch.overstay.rules.intake.rows_eu import read_retention

    check_out(out)
    stays = read_retention(file, reject=rejects is not None)
    _write_rejects(rejects, stays)
    kept = pl.concat([stays.frame, eu_retention.keep_until(stays.frame)], how="horizontal")
    files = eu_retention.file_until(stays.frame)
    about = {
        "rules": eu_retention.RULES.to_json(),
        "files": _plain_rows(files),
        "rejected": stays.rejects.select("row").n_unique(),
        "notes": list(stays.notes),
        "out": out,
    }
    lines = columns_of_text(files.head(SHOWN_ROWS))
    unknown = int(kept["record_until"].is_null().sum())
    if unknown:
        lines.append(
            f"{counted(unknown, 'record')} with neither an exit nor authorised_until: the end is not known"
        )
    if out is not None:
        write_frame(kept, out)
        lines.append(f"written: {out.absolute()}")
    show(as_json, about, kept.select("traveller", "entry", "exit", "record_until", "warned_on"), lines)


def read_day(text: str, option: str = "--on") -> date:
    """Read the day of the check."""
    from biomatch.overstay.rules.base import FIRST_DAY, LAST_DAY

    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    if day is None or not FIRST_DAY <= day <= LAST_DAY:
        raise SettingsError(
            f"{option} {text!r}", allowed=f"an ISO date (YYYY-MM-DD), {FIRST_DAY} to {LAST_DAY}"
        )
    return day


def _write_rejects(rejects: Path | None, stays: Stays) -> None:
    from biomatch.files import csv_text
    from biomatch.tables.storage import write_text

    if rejects is not None:
        write_text(rejects, csv_text(stays.rejects))
        count = stays.rejects.select("row").n_unique()
        note(
            f"{stays.given:,} rows: {len(stays.frame):,} judged, {count:,} rejected, see {rejects.absolute()}"
        )


def _totals(found: pl.DataFrame) -> dict[str, int]:
    return {
        "travellers": len(found),
        "inside": int(found["inside"].sum()),
        "in_excess": int((found["excess"] > 0).sum()),
        "ever_overstayed": int((found["overstay_days"] > 0).sum()),
    }


def _plain_rows(table: pl.DataFrame) -> list[dict[str, Any]]:
    return table.to_dicts()
