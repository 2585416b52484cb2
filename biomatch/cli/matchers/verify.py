"""``biomatch verify``: published figures beside those of the built-in profiles."""

from __future__ import annotations

from typing import Annotated

import typer

from biomatch.cli.console import Json, emit, progress


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command("verify")(verify)


def verify(
    quick: Annotated[bool, typer.Option("--quick", help="Simulate a quarter: under two minutes.")] = False,
    as_json: Json = False,
) -> None:
    """Put published face figures beside the profiles' own; exit code 1 if one misses its tolerance."""
    from biomatch.verification import verify as run

    with progress() as bar:
        found = run(quick, progress=bar)
    missed = len(found.missed)
    lines = [
        *found.markdown(),
        "",
        f"{len(found.cells)} figures: {len(found.cells) - missed} met, {missed} missed; "
        f"{len(found.cells) - found.predicted} fitted, {found.predicted} predicted",
    ]
    emit(as_json, found.to_json(), lines)
    if found.missed:
        raise typer.Exit(1)
