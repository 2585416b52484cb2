"""Pages that are made from the code when the site is built: the gallery and the command line's reference.

They are written to ``docs/made`` and not committed, so they never differ from what they describe.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from cells import Cell, cells_of, shown_by

HERE = Path(__file__).parent
PARTS = ("charts", "experiments", "ports")


def make(app: Any = None) -> None:  # noqa: ARG001 - Sphinx hands over itself
    """Write every made page."""
    logging.getLogger("faiss").setLevel(logging.WARNING)  # Sphinx shows what FAISS says of its own loading
    out = HERE / "made"
    out.mkdir(exist_ok=True)
    (out / "gallery.md").write_text(gallery(out), encoding="utf-8")
    (out / "commands.md").write_text(commands(), encoding="utf-8")


def gallery(out: Path) -> str:
    """Run the gallery's cells and write their pictures; give the page."""
    lines = [
        "# Gallery",
        "",
        "Every picture with the code that made it, when this page was built. Charts are Altair's: they can",
        "be layered, put side by side, and saved as SVG, PNG or HTML.",
    ]
    home = Path.cwd()
    for part in PARTS:
        names: dict[str, Any] = {}
        with tempfile.TemporaryDirectory() as place:
            os.chdir(place)
            try:
                for cell in cells_of(HERE / "gallery" / f"{part}.py"):
                    lines += _shown(cell, names, part, out)
            finally:
                os.chdir(home)
    return "\n".join(lines) + "\n"


def _shown(cell: Cell, names: dict[str, Any], part: str, out: Path) -> list[str]:
    value, _ = shown_by(cell.code, names, f"{part}: {cell.title}")
    mark = "##" if cell.kind == "setup" else "###"
    lines = ["", f"{mark} {cell.title}", "", cell.text]
    if value is not None:
        picture = f"{part}-{re.sub('[^a-z0-9]+', '-', cell.title.lower()).strip('-')}.svg"
        value.save(str(out / picture))
        lines += ["", f"![{cell.title}]({picture})"]
    if cell.code:
        lines += ["", "```python", cell.code, "```"]
    return lines


def commands() -> str:
    """Give the reference of the command line: each command's own help, by task."""
    from biomatch.cli.catalog import TASKS

    lines = [
        "# The command line",
        "",
        "As each command says it with `--help`. `biomatch --help` lists them by task; [which command do I",
        "need?](../which.md) goes by question.",
    ]
    for task, entries in TASKS.items():
        lines += ["", f"## {task}"]
        for entry in entries:
            lines += ["", f"### {entry.name}", "", entry.says, "", "```text", helped(entry.name), "```"]
    return "\n".join(lines) + "\n"


def helped(command: str) -> str:
    """Give a command's help as it is printed, 100 columns wide."""
    call = [sys.executable, "-m", "biomatch", command, "--help"]
    done = subprocess.run(
        call, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "100"}
    )
    return done.stdout.strip()
