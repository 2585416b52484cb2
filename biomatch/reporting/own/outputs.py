"""Files about a user's own scores: report, pictures, tables in five forms, operating point."""

from __future__ import annotations

import json
from pathlib import Path

from biomatch.decimals import text
from biomatch.errors import SettingsError
from biomatch.policy import OperatingPoint
from biomatch.reporting.own import pictures, sections
from biomatch.reporting.own.facts import Curve as Curve
from biomatch.reporting.own.facts import Facts as Facts
from biomatch.reporting.own.facts import of_curve
from biomatch.reporting.own.page import page
from biomatch.reporting.tables import Table, text_of
from biomatch.settings.system import System
from biomatch.tables.storage import write_text

TABLES = (".csv", ".md", ".tex", ".json", ".txt")
_TEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{",
        "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
        ">": r"\textgreater{}"}  # fmt: skip


def report_curve(curve: Curve, path: str | Path, *, brief: bool = False) -> Path:
    """Write the report of a curve that was made in Python."""
    return write_report(of_curve(curve), Path(path), brief=brief)


def write_report(facts: Facts, path: Path, *, brief: bool = False) -> Path:
    """Write the page, or its brief; it is whole or absent.

    Raises
    ------
    SettingsError
        For a name that is no HTML file's.
    TableError
        When the disk refuses.
    """
    if path.suffix.lower() not in {".html", ".htm"} or path.is_dir():
        raise SettingsError(f"--report {path}", allowed="a file that ends in .html")
    write_text(path, page(facts, brief=brief))
    return path


def write_plot(facts: Facts, path: Path) -> Path:
    """Write one picture; its name says which (`biomatch.reporting.own.pictures.kind_of`)."""
    others = {other.name: curve for other, curve in facts.others}
    chart = pictures.picture(facts.curve, pictures.kind_of(path), at=facts.threshold, others=others)
    return pictures.write(chart, path)


def write_table(facts: Facts, path: Path) -> Path:
    """Write the tables; the name's end says the form."""
    suffix = path.suffix.lower()
    if suffix not in TABLES:
        raise SettingsError(f"--table {path}", allowed=f"a file that ends in {', '.join(TABLES)}")
    found = [sections.targets_table(facts), sections.figures_table(facts), *sections.groups_tables(facts)]
    tables = [one for one in found if one is not None]
    if suffix == ".json":
        from biomatch.reporting.own.plain import plain_tables

        shown = json.dumps(plain_tables(facts, tables), indent=1, allow_nan=False) + "\n"
    elif suffix == ".csv":
        shown = "\n".join(one.to_csv() for one in tables)
    else:
        write = {".md": markdown, ".tex": latex, ".txt": plain}[suffix]
        shown = "\n".join(write(one) for one in tables)
    write_text(path, shown)
    return path


def write_point(facts: Facts, path: Path) -> Path:
    """Write the guaranteed threshold as an operating point, which `run` and other commands take.

    Raises
    ------
    SettingsError
        Without a guarantee, and for distances: a system accepts similarities at or above a threshold.
    """
    if facts.guarantee is None:
        raise SettingsError(
            f"--out {path} without a guarantee ({facts.refusal or 'no target was given'})",
            allowed="a threshold that the scores guarantee", remedy="raise the target, or bring more scores",
        )  # fmt: skip
    if facts.curve.distances:
        raise SettingsError(
            f"--out {path} with --distances", allowed="similarities: a system accepts from a threshold up",
            remedy="give scores for which higher is closer",
        )  # fmt: skip
    about = {**facts.guarantee, "scores": [one.name for one in facts.files], "from": "own scores"}
    about = json.loads(json.dumps(about, default=lambda one: one.to_json()))
    if facts.carried is not None:
        about["larger_gallery"] = facts.carried.to_json()
    point = OperatingPoint(
        face_threshold=float(facts.guarantee["threshold"]), system=System(), guarantee=about
    )
    write_text(path, json.dumps(point.model_dump(mode="json"), indent=1, sort_keys=True) + "\n")
    return path


def markdown(table: Table) -> str:
    """Write a table as GitHub's Markdown."""
    rows = [[_shown(cell).replace("|", "\\|") for cell in row] for row in table.rows]
    lines = [f"**{table.caption}**", "", _line(table.columns), _line(["---"] * len(table.columns))]
    return "\n".join([*lines, *map(_line, rows), "", *([table.note, ""] if table.note else [])])


def latex(table: Table) -> str:
    """Write a table for LaTeX (``tabular``, no package needed)."""
    head = " & ".join(map(_tex, table.columns))
    rows = [" & ".join(_tex(_shown(cell)) for cell in row) for row in table.rows]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{_tex(table.caption)}}}",
            rf"\begin{{tabular}}{{{'l' * len(table.columns)}}}",
            r"\hline",
            rf"{head} \\ \hline",
            *(rf"{row} \\" for row in rows),
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def plain(table: Table) -> str:
    """Write a table as text in columns."""
    cells = [list(table.columns), *([_shown(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(table.columns))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([table.caption, *lines, ""])


def _shown(cell: object) -> str:
    return text(cell) if isinstance(cell, float) else text_of(cell)  # type: ignore[arg-type]


def _line(cells: object) -> str:
    return "| " + " | ".join(cells) + " |"  # type: ignore[arg-type]


def _tex(shown: str) -> str:
    return "".join(_TEX.get(mark, mark) for mark in shown)
