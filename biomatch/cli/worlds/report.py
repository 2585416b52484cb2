"""The report's command: results in, one offline HTML file out, its tables and charts beside it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from biomatch.cli.console import Json, emit, note, progress
from biomatch.errors import SettingsError


class Picture(StrEnum):
    """How charts are written."""

    png = "png"
    svg = "svg"


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command()(report)


def report(
    results: Annotated[list[Path], typer.Argument(metavar="RESULT...", help="Results of `evaluate`.")],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.html", help="The report.")],
    tables: Annotated[Path | None, typer.Option("--tables", help="Folder for every table as CSV.")] = None,
    charts: Annotated[Path | None, typer.Option("--charts", help="Folder for every chart.")] = None,
    port: Annotated[
        str | None, typer.Option("--port", help="Price the thresholds in waits at a port.")
    ] = None,
    hours: Annotated[Path | None, typer.Option("--hours", help="With --port: its traffic.")] = None,
    flights: Annotated[Path | None, typer.Option("--flights", help="With --port: its traffic.")] = None,
    roster: Annotated[Path | None, typer.Option("--roster", help="With --port: its booths.")] = None,
    brief: Annotated[
        bool, typer.Option("--brief", help="At most three printed pages, for those who decide and sign.")
    ] = False,
    picture: Annotated[Picture, typer.Option("--as", help="How charts are written.")] = Picture.png,
    as_json: Json = False,
) -> None:
    """Write the threshold-tuning report: one HTML file that needs no network."""
    if out.suffix.lower() not in {".html", ".htm"}:
        raise SettingsError(f"--out {out}", allowed="a file that ends in .html")
    if out.is_dir():
        raise SettingsError(f"--out {out} is a folder", allowed="a file that ends in .html")

    from biomatch.evaluation.result import Result
    from biomatch.reporting.report import report as write_report
    from biomatch.reporting.report import write_charts, write_tables
    from biomatch.reporting.sections.at_port import AtPort
    from biomatch.settings.port import Port
    from biomatch.tables.places import begins, free_file

    free_file(out, "report", held=begins('name="generator" content="biomatch'))
    if port is None and (hours or flights or roster):
        raise SettingsError("--hours, --flights or --roster without --port", remedy="name the port")
    at_port = None if port is None else AtPort(Port.load(port), hours, flights, roster)
    read = [Result.read(path) for path in results]
    written: dict[str, list[Path]] = {}
    with progress() as update:
        update("report", 0, 3)
        written["report"] = [write_report(read, out, at_port=at_port, brief=brief)]
        update("report", 1, 3)
        if tables is not None:
            written["tables"] = write_tables(read, tables, at_port=at_port)
        update("report", 2, 3)
        if charts is not None:
            written["charts"] = write_charts(read, charts, picture.value, at_port=at_port)
        update("report", 3, 3)
    if any(result.point.resubstitution for result in read):
        note("note: graded on a lineage that was tuned on (resubstitution); the report says so")
    emit(
        as_json,
        {**written, "report": out, "results": len(read), "bytes": out.stat().st_size},
        [f"written: {path.absolute()}" for paths in written.values() for path in paths],
    )
