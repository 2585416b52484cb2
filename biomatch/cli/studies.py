"""Studies: ``bench`` runs a suite, ``compare`` says which figures of two studies differ."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from biomatch.cli.console import Json, emit, progress


def register(app: typer.Typer) -> None:
    """Add the commands of this family."""
    app.command()(bench)


def bench(
    suite: Annotated[Path, typer.Argument(help="A suite: a TOML grid of worlds, systems and seeds.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the study; a started one is resumed.")],
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 1,
    as_json: Json = False,
) -> None:
    """Run a study: what is finished is kept, what is missing is run."""
    from biomatch.results import table
    from biomatch.study import Suite, run_study
    from biomatch.tables.storage import write_text

    asked = Suite.read(suite)
    with progress() as update:
        rows = run_study(asked, out, workers=workers, progress=update)
    laid = table(rows)
    write_text(out / "table.csv", laid.write_csv())
    emit(
        as_json,
        {"study": out, "table": out / "table.csv", "runs": len(rows), "name": asked.name},
        [f"{asked.name}: {len(rows)} runs", f"written: {(out / 'table.csv').absolute()}"],
    )
