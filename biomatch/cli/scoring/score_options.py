"""The options of `biomatch scores`, by what they are about: the files, the questions, what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from biomatch import checks
from biomatch.cli.types import checked

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Score file, or mated and non-mated.")]
Form = Annotated[str | None, typer.Option("--format", help="The form, where it cannot be told.")]
Truth = Annotated[Path | None, typer.Option("--truth", help="Mate map of a candidate log.")]
Columns = Annotated[
    str | None,
    typer.Option("--columns", metavar="NAMES", help="Columns in order: enrol,test,label,score; - skips."),
]
ScoreColumn = Annotated[str | None, typer.Option("--score-column", help="The scores' column.")]
LabelColumn = Annotated[str | None, typer.Option("--label-column", help="The labels' column.")]
Arrays = Annotated[
    str | None, typer.Option("--arrays", metavar="OURS=THEIRS,...", help="Names of arrays in a .npz.")
]
Failed = Annotated[
    list[str] | None,
    typer.Option("--failed", metavar="WORD", help="A score so written (nan, empty): failure to acquire."),
]
Enrolled = Annotated[
    float,
    typer.Option("--enrolled", callback=checked(checks.whole), help="N, where the file does not hold it."),
]
Distances = Annotated[bool, typer.Option("--distances", help="Lower is closer.")]
Stream = Annotated[bool, typer.Option("--stream", help="Comparisons larger than memory: one pass, no curve.")]
Claims = Annotated[
    list[str] | None,
    typer.Option("--assert", metavar="CLAIM", help="As 'fnir<=0.01@fpir=0.001', or ees, sp800-63-4."),
]
Cap = Annotated[
    float | None,
    typer.Option(
        "--cap",
        callback=checked(checks.whole, least=1),
        help="Assumption: the most errors that one subject can make.",
    ),
]
By = Annotated[
    str | None,
    typer.Option("--by", help="A column of groups: rates of each; with --max-fpir or --max-fmr."),
]
Beside = Annotated[
    list[Path] | None, typer.Option("--beside", metavar="FILE", help="Another matcher's scores, read alike.")
]
Law = Annotated[
    str | None,
    typer.Option("--law", metavar="PROFILE", help="With --gallery: also what a fitted law estimates at N."),
]
Report = Annotated[Path | None, typer.Option("--report", metavar="FILE.html", help="Write the report.")]
Plot = Annotated[
    list[Path] | None,
    typer.Option("--plot", metavar="FILE", help="det, roc, cmc or histogram, as .svg, .png or .html."),
]
TableFile = Annotated[
    list[Path] | None,
    typer.Option("--table", metavar="FILE", help="The tables, as .csv, .md, .tex, .json or .txt."),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="POINT", help="Write the guaranteed threshold as a point.")
]
