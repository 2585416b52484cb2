"""``biomatch completion``: commands and options completed by the shell."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from biomatch.cli.console import Json, emit

VARIABLE = "_BIOMATCH_COMPLETE"
"""The shell sets it when it asks for completions."""


class Shell(StrEnum):
    """Shells whose completion there is."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def register(app: typer.Typer) -> None:
    """Add the command of this family."""
    app.command()(completion)


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell.")],
    as_json: Json = False,
) -> None:
    """Print the script that completes commands and options.

    bash and zsh: put `eval "$(biomatch completion bash)"` into the shell's start-up file; fish: save the
    output as ~/.config/fish/completions/biomatch.fish.
    """
    from typer import completion as scripts

    script = scripts.get_completion_script(  # type: ignore[attr-defined]
        prog_name="biomatch", complete_var=VARIABLE, shell=shell.value
    )
    emit(as_json, {"shell": shell.value, "script": script}, [script])
