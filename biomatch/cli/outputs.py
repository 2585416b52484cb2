"""``--overwrite`` for every command that has an ``--out``, added in one place."""

from __future__ import annotations

from copy import copy
from functools import cache
from typing import Annotated, Any

import typer


def with_overwrite(command: Any) -> Any:
    """Add ``--overwrite`` to every command below `command` that writes to an ``--out``; give `command`."""
    for inner in getattr(command, "commands", {}).values():
        with_overwrite(inner)
    options = {word for param in command.params for word in param.opts}
    if "--out" in options and "--overwrite" not in options:
        command.params.append(copy(_option()))
    return command


@cache
def _option() -> Any:
    """Make the option as Typer makes it, whatever its version."""
    app = typer.Typer(add_completion=False)
    app.command()(_bearer)
    (found,) = (one for one in typer.main.get_command(app).params if one.name == "overwrite")
    found.expose_value = False
    return found


def _allow(value: bool) -> bool:
    from biomatch.tables.places import allow_overwriting  # late: help needs no tables

    allow_overwriting(value)
    return value


def _bearer(
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            callback=_allow,
            help="Replace what stands at --out, also where it answers another question.",
        ),
    ] = False,
) -> None:
    pass
