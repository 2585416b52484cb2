"""Studies: ``bench`` runs a suite, ``compare`` says which figures of two studies differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from biomatch import checks
from biomatch.cli.console import Json, emit, note, progress
from biomatch.cli.types import checked

if TYPE_CHECKING:
    from biomatch.studies.rows import Row

REGRESSED = 1


def register(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command()(bench)
    app.command()(compare)


def bench(
    suite: Annotated[Path, typer.Argument(help="A suite: a TOML grid of worlds, systems and seeds.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the study; a started one is resumed.")],
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 1,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="ADDRESS", help="Scheduler of a Dask cluster (extra: dask)."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Remove the folder's finished runs first.")] = False,
    as_json: Json = False,
) -> None:
    """Run a study: what is finished is kept, what is missing is run."""
    from biomatch.files import csv_text
    from biomatch.studies.rows import table
    from biomatch.studies.study import Suite, run_study
    from biomatch.tables.storage import write_text

    asked = Suite.read(suite)
    with progress() as update:
        rows = run_study(asked, out, workers=workers, cluster=cluster, fresh=fresh, progress=update)
    laid = table(rows)
    write_text(out / "table.csv", csv_text(laid))
    emit(
        as_json,
        {"study": out, "table": out / "table.csv", "runs": len(rows), "name": asked.name},
        [f"{asked.name}: {len(rows)} runs", f"written: {(out / 'table.csv').absolute()}"],
    )


def compare(
    one: Annotated[Path, typer.Argument(metavar="A", help="Folder of a study.")],
    other: Annotated[Path, typer.Argument(metavar="B", help="Folder of another.")],
    margin: Annotated[
        float,
        typer.Option(
            "--margin", callback=checked(checks.share), help="How much a rate may get worse, as a difference."
        ),
    ] = 0.0,
    confidence: Annotated[
        float,
        typer.Option("--confidence", callback=checked(checks.confidence), help="Of the intervals."),
    ] = 0.95,
    partial: Annotated[
        bool, typer.Option("--partial", help="Compare what both have, also of half-finished studies.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say which figures of two studies differ; exit code 1 for a regression beyond the margin."""
    from biomatch.studies.compare import compare as compare_studies
    from biomatch.studies.compare import left_out

    first, second = _rows_of(one, partial), _rows_of(other, partial)
    changes = compare_studies(first, second, margin=margin, confidence=confidence, partial=partial)
    for line in (*left_out(first, second, str(other)), *left_out(second, first, str(one))):
        note(f"note: not compared: {line}")
    regressed = [change for change in changes if change.verdict == "regressed"]
    lines = []
    for change in changes:
        if change.difference is None:
            lines.append(f"{change.cell}: {change.figure}: no trials")
            continue
        value, low, high = change.difference
        lines.append(
            f"{change.cell}: {change.figure} {change.one[0]:,} of {change.one[1]:,} -> "
            f"{change.other[0]:,} of {change.other[1]:,}, {value:+.3g} ({low:+.2g} to {high:+.2g}): "
            f"{change.verdict}"
        )
    lines.append(f"{len(regressed)} of {len(changes)} figures regressed beyond the margin {margin:g}")
    emit(as_json, {"margin": margin, "regressed": len(regressed), "changes": changes}, lines)
    if regressed:
        raise typer.Exit(REGRESSED)


def _rows_of(folder: Path, partial: bool) -> list[Row]:
    """Read a study's rows, refusing a half-finished one unless it was asked for."""
    from biomatch.studies.rows import study_rows

    rows, said = study_rows(folder, partial=partial)
    for one in said:
        note(f"note: {one}")
    return rows
