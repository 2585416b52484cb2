"""What every command shares: one JSON object on standard output, notes and progress on standard error."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from biomatch.cards import Progress
from biomatch.errors import SettingsError, shown

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting; may be repeated.")
]
PATIENCE_SECONDS = 2.0
"""A bar appears when a stage takes longer than this."""


def emit(as_json: bool, payload: dict[str, Any], lines: Sequence[str]) -> None:
    """Print a command's result: the payload as one JSON object, or the lines for a person."""
    if as_json:
        sys.stdout.write(json.dumps(plain(payload), indent=1, allow_nan=False) + "\n")
    else:
        for line in lines:
            sys.stdout.write(printable(line) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print a note to standard error."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def printable(text: str) -> str:
    """Keep names of others from steering the terminal: control codes become escapes, line ends stay."""
    if text.isprintable():
        return text
    return "\n".join(shown(line, len(line)) for line in text.split("\n"))


def plain(value: Any) -> Any:
    """Turn a value into what JSON can hold; NaN and infinities become null, paths absolute text."""
    if hasattr(value, "to_json"):
        return plain(value.to_json())
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value.absolute())
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value


@contextmanager
def progress() -> Iterator[Progress]:
    """Draw a bar on standard error for stages that take longer than two seconds.

    Where standard error is no terminal, a slow stage gets one line when it starts to be slow.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    started: dict[str, float] = {}
    tasks: dict[str, Any] = {}
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        def update(stage: str, done: int, total: int) -> None:
            began = started.setdefault(stage, time.monotonic())
            if done >= total:
                if stage in tasks:
                    bars.remove_task(tasks.pop(stage))
                started.pop(stage, None)
            elif stage in tasks:
                bars.update(tasks[stage], completed=done, total=total)
            elif time.monotonic() - began > PATIENCE_SECONDS:
                tasks[stage] = bars.add_task(stage, total=total, completed=done)
                if not console.is_terminal:
                    note(f"{stage}: {done:,} of {total:,} ...")

        yield update


def refuse(options: dict[str, Any], when: str) -> None:
    """Refuse options that would be ignored."""
    wrong = [name for name, value in options.items() if value is not None]
    if wrong:
        raise SettingsError(f"{', '.join(wrong)} {when}", remedy="leave it out")
