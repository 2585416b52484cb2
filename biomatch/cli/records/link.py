"""``biomatch link``: a user's own entries and exits."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from biomatch.cli.console import Json, emit, note

if TYPE_CHECKING:
    from biomatch.overstay.records.result import OwnLinks

SHOWN = 10
SHOWN_GROUPS = 200


class Rules(StrEnum):
    """Rules of stay."""

    us = "us"
    eu = "eu"


class Form(StrEnum):
    """File formats of the tables."""

    parquet = "parquet"
    csv = "csv"


def register(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command()(link)
    app.command()(waterfall)


def link(
    tables: Annotated[
        list[Path],
        typer.Argument(metavar="ENTRIES EXITS | RECORDS", help="CSV or Parquet; RECORDS has a direction."),
    ],
    *,
    on: Annotated[str, typer.Option("--on", metavar="DATE", help="The day, such as 2026-03-31.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for stays, leads and links.")],
    faces: Annotated[
        Path | None, typer.Option("--faces", help="Templates by row (.npz), or entry_row,exit_row,score.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="Law of face scores; default: learnt from the records.")
    ] = None,
    zone: Annotated[
        list[str] | None, typer.Option("--zone", metavar="PORT=ZONE", help="A port's time zone; repeat.")
    ] = None,
    rules: Annotated[Rules, typer.Option("--rules", help="Rules of stay.")] = Rules.us,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="NAMES", help="document=passport_no,date=crossed,...")
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", metavar="FILE", help="List bad rows there, judge the others.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="PAIRS", help="Labels: entry_row,exit_row[,same]")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Count by class,country,mode,port,carrier,sex.")
    ] = None,
    restate: Annotated[
        list[str] | None, typer.Option("--restate", metavar="DATE", help="Count again as of it; repeat.")
    ] = None,
    least: Annotated[float, typer.Option("--least", help="P(overstay) from which a stay is a lead.")] = 0.0,
    form: Annotated[Form, typer.Option("--as", help="Format of the tables.")] = Form.parquet,
    as_json: Json = False,
) -> None:
    """Link your own entries and exits: stays with persons, leads with probabilities, links with evidence.

    Needed columns: document (or a person's key) and date (a date, or a time with or without offset); in one
    table also direction. Read where they are there: name, birth_date, sex, nationality, class,
    permitted_until, port, mode, carrier, received_at and others; the rest is carried through.
    """
    from biomatch.cli.records.stays import read_day
    from biomatch.cli.records.tables import columns_of_text, rows_with_rates, with_rates
    from biomatch.errors import SettingsError
    from biomatch.evaluation.own.link import link as link_own
    from biomatch.evaluation.own.truth import judge
    from biomatch.overstay.records.result import KIND
    from biomatch.tables import storage

    if len(tables) > 2:
        raise SettingsError(f"{len(tables)} tables", allowed="ENTRIES EXITS, or one table with a direction")
    storage.free_place(out, KIND)
    found = link_own(
        *tables,
        on=read_day(on),
        faces=faces,
        profile=profile,
        zones=zone,
        rules=rules.value,
        columns=columns,
        rejects=rejects if rejects is not None else False,
        by=[name.strip() for name in by.split(",")] if by else [],
        least=least,
        restate=[read_day(text, "--restate") for text in restate or ()],
    )
    judged = None if truth is None else judge(found, truth)
    paths: dict[str, Path] = dict(found.write(out, form.value))
    if rejects is not None:
        paths["rejects"] = rejects
    for text in found.notes:
        note(f"note: {text}")
    lines = _lines(found)
    payload = {**found.summary(), "annual": rows_with_rates(found.annual), "out": out, "paths": paths}
    if by or restate:
        lines += [*columns_of_text(with_rates(found.annual).head(SHOWN_GROUPS)), ""]
    if judged is not None:
        payload["truth"] = judged
        lines += judged.lines()
    lines += [f"written: {path.absolute()}" for path in paths.values()]
    emit(as_json, payload, lines)


def _lines(found: OwnLinks) -> list[str]:
    """Say rows, links, the sentence, and the first leads."""
    import polars as pl

    from biomatch.cli.records.tables import columns_of_text

    rows = found.counts
    later = rows["dated_later"] + rows["received_later"]
    lines = [
        f"{rows['given']:,} rows: {rows['judged']:,} judged, {rows['rejected']:,} rejected"
        + (f"; {later:,} of later than {found.on} are not used yet" if later else ""),
        ", ".join(
            f"{count:,} {name}"
            for name, count in found.stays["how_linked"]
            .cast(pl.String)
            .value_counts()
            .sort("how_linked")
            .rows()
        )
        + f" of {len(found.stays):,} stays",
        found.sentence,
    ]
    if len(found.leads):
        shown = found.leads.head(SHOWN).select(
            "document", "class", "nationality", "days_over", "p_overstay", "why"
        )
        lines += ["", *columns_of_text(shown)]
        if len(found.leads) > SHOWN:
            lines.append(f"... and {len(found.leads) - SHOWN:,} more leads")
        lines.append("")
    return lines


def waterfall(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `biomatch link` wrote.")],
    number: Annotated[
        int | None,
        typer.Option("--link", min=0, help="Number in the table of links; default: the least sure."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what speaks for one link and what against it, piece by piece, in nats."""
    from biomatch.overstay.records.result import OwnLinks

    found = OwnLinks.read(folder)
    number = found.least_sure() if number is None else number
    steps = found.waterfall(number)
    row = found.links.filter(found.links["link"] == number).row(0, named=True)
    lines = [
        f"link {number}, {row['kind']}: {row['from_document']} of {row['from_day']} to "
        f"{row['to_document']} of {row['to_day']}, probability {row['probability']:.4f}"
    ]
    for piece, nats, total, chance in steps.rows():
        bar = ("+" if nats >= 0 else "-") * min(40, round(abs(nats)))
        lines.append(f"{piece:<12}{nats:>8.2f}  total {total:>8.2f}  P {chance:.4f}  {bar}".rstrip())
    emit(as_json, {"link": row, "steps": steps.to_dicts()}, lines)
