"""Runs the pages that are Python files cut into cells: the gallery and the notebooks.

A cell begins with ``# %% Title``; the comment lines below the title are its text, the rest is code.
``[setup]`` before a title marks a cell that makes no picture, ``[markdown]`` one that holds only text. What
the last line of a cell evaluates to is shown.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAD = re.compile(r"^# %% ?(?:\[(?P<kind>setup|markdown)\] ?)?(?P<title>.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """A title, what is said under it, and code."""

    kind: str
    title: str
    text: str
    code: str


def cells_of(path: Path) -> list[Cell]:
    """Cut a file into its cells."""
    source = path.read_text(encoding="utf-8")
    heads = list(HEAD.finditer(source))
    found = []
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        body = source[head.end() : following.start() if following else len(source)].strip("\n").split("\n")
        said = 0
        while said < len(body) and body[said].startswith("#"):
            said += 1
        text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body[:said])
        found.append(
            Cell(head["kind"] or "picture", head["title"].strip(), text, "\n".join(body[said:]).strip("\n"))
        )
    return found


def shown_by(code: str, names: dict[str, Any], place: str) -> tuple[Any, str]:
    """Run code; give the value of its last line, if that is an expression, and what was printed."""
    tree = ast.parse(code, place)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, place, "exec"), names)
        value = eval(compile(ast.Expression(last.value), place, "eval"), names) if last else None
    return value, printed.getvalue()
